"""`rebound-train`: learn, judge and hand over models. Progress on stderr, results on stdout."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

main = typer.Typer(
    name="rebound-train",
    help="Trains and judges the models that Rebound serves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_CORPUS = Path("../shared/corpus")
"""Where labelled real bounces lie beside a checkout, if at all."""


@main.callback()
def _root() -> None:
    """Trains and judges the models that Rebound serves."""


def _default_labelled() -> list[Path]:
    return [path for path in (_CORPUS / "train.jsonl",) if path.is_file()]


def _next_version(models: Path, name: str) -> str:
    taken = [path.name.removeprefix(f"{name}-") for path in models.glob(f"{name}-*")]
    return str(1 + max((int(version) for version in taken if version.isdigit()), default=0))


def _default_lab() -> Path | None:
    return lab if (lab := _CORPUS / "mta-lab").is_dir() else None


def _default_tests() -> dict[str, Path]:
    from classifier.resources import resource

    found = {"valid": _CORPUS / "valid.jsonl"} if (_CORPUS / "valid.jsonl").is_file() else {}
    return found | {f"challenge_{path.stem}": path for path in sorted(resource("challenges").glob("*.jsonl"))}


@main.command()
def run(
    profile: Annotated[
        str, typer.Option(help="full: the model to ship; quick: a small one in under two minutes.")
    ] = "full",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the new bundle; var/models/NAME-VERSION by default.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Version of the new model; the next free number by default.")
    ] = None,
    labelled: Annotated[
        list[Path] | None, typer.Option(help="Labelled texts (JSONL) beside the authored corpus; may be repeated.")
    ] = None,
    refit: Annotated[
        bool, typer.Option(help="Final refit: learn from valid.jsonl too, and report no figure on it.")
    ] = False,
    base: Annotated[
        str | None, typer.Option(help="Base model: a folder or a hub id; the packaged one by default.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="A bundle to learn on from: minutes instead of the whole road.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 20_260,
    quiet: Annotated[bool, typer.Option(help="No progress bars.")] = False,
) -> None:
    """Train a model from the authored corpus and labelled texts; print its scorecard's totals.

    Exit status: 0 a checked bundle was written, 1 it was not, 2 wrong usage.
    """
    from classifier.settings import Settings
    from training import job, report

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if profile not in job.PROFILES:
        raise typer.BadParameter(f"must be one of {', '.join(job.PROFILES)}")
    chosen = job.PROFILES[profile]
    models = Settings().data_dir / "models"
    version = version or _next_version(models, chosen.name)
    folder = out or models / f"{chosen.name}-{version}"
    if folder.exists():
        raise typer.BadParameter(f"{folder} exists already")
    tests = _default_tests()
    files = labelled or _default_labelled()
    if refit and "valid" in tests:
        files = [*files, tests.pop("valid")]
    bundle = job.run(
        job.Job(
            out=folder, version=version, profile=chosen, labelled=tuple(files), lab=_default_lab(), tests=tests, base=base, start=start, seed=seed,
            progress=not quiet and sys.stderr.isatty(),
        )
    )  # fmt: skip
    report.write(bundle, folder / "report", tests)
    print(json.dumps({"bundle": str(folder), "model": bundle.manifest.label} | report.totals(bundle)))


@main.command()
def evaluate(
    files: Annotated[list[Path], typer.Argument(help="Labelled texts (JSONL).")],
    bundle: Annotated[Path | None, typer.Option(help="Bundle to judge; the shipped one by default.")] = None,
) -> None:
    """Print the scorecard of a bundle on labelled texts, one JSON object a file.

    Exit status: 0 all were scored, 1 the bundle was refused or a file could not be read, 2 wrong usage.
    """
    from classifier.bundle import load_bundle
    from classifier.errors import ReboundError
    from classifier.predict.onnx import OnnxPredictor
    from classifier.resources import resource
    from training.dataset import read_labelled
    from training.score import score

    try:
        checked = load_bundle(bundle or resource("models/standard"))
        predictor = OnnxPredictor(checked, threads=2)
        for path in files:
            rows = read_labelled(path)
            print(
                json.dumps({"file": str(path)} | score(predictor, checked.taxonomy, rows, checked.manifest.categories))
            )
    except (ReboundError, OSError, ValueError, KeyError) as error:
        print(f"rebound-train: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


@main.command()
def calibrate(
    bundle: Annotated[Path, typer.Argument(help="A bundle; its manifest and scorecard are rewritten.")],
) -> None:
    """Fit a bundle's temperature and thresholds anew on the held-back texts, and score it; the model stays as it is.

    Exit status: 0 done, 1 the bundle was refused, 2 wrong usage.
    """
    from classifier.bundle import load_bundle
    from classifier.errors import ReboundError
    from training import job, report
    from training.calibrate import calibrate as fit

    tests = _default_tests()
    work = job.Job(out=bundle, version="", labelled=tuple(_default_labelled()), lab=_default_lab(), tests=tests)
    try:
        done = fit(bundle, load_bundle(bundle).manifest, job.dataset(work).dev, tests)
    except (ReboundError, OSError) as error:
        print(f"rebound-train: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    report.write(done, bundle / "report", tests)
    print(json.dumps({"bundle": str(bundle), "model": done.manifest.label} | report.totals(done)))


@main.command()
def suspects(
    labelled: Annotated[
        list[Path] | None, typer.Argument(help="Labelled texts (JSONL) beside the authored corpus.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Lines to print.")] = 100,
) -> None:
    """Print the labels of the training data that their texts support least, one JSON object a line, for a person to read.

    Exit status: 0 done, 2 wrong usage.
    """
    from classifier.resources import resource
    from classifier.taxonomy import standard_taxonomy
    from training.dataset import build
    from training.suspects import find_suspects

    categories = sorted(standard_taxonomy().by_id)
    data = build(
        resource("authored"), labelled or _default_labelled(), held_out=list(_default_tests().values()),
        categories=frozenset(categories), dev_share=0.0, labelled_weight=1.0, seed=0,
    )  # fmt: skip
    found = find_suspects(data.train, categories)
    print(f"{len(found)} of {len(data.train)} rows are suspicious", file=sys.stderr)
    for suspect in found[:most]:
        row = suspect.row
        shown = {"template": row.template, "label": row.label, "suggestion": suspect.suggestion, "source": row.source}
        print(json.dumps(shown | {"self_confidence": round(suspect.self_confidence, 4)}, ensure_ascii=False))


@main.command()
def export(
    bundle: Annotated[Path, typer.Argument(help="A checked bundle, as `run` wrote it.")],
    to: Annotated[
        Path, typer.Argument(help="Folder to hand it to, such as data/models/standard; replaced as a whole.")
    ],
) -> None:
    """Check a bundle and copy its files to where it is served from.

    Exit status: 0 done, 1 the bundle was refused, 2 wrong usage.
    """
    from classifier.errors import ReboundError
    from training.packing import hand_over

    try:
        hand_over(bundle, to)
    except (ReboundError, OSError) as error:
        print(f"rebound-train: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
