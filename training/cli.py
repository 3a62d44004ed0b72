"""`rebound-train`: learn, judge and hand over models. Progress on stderr, results on stdout."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from training import retrain_cli

main = typer.Typer(
    name="rebound-train",
    help="Trains and judges the models that Rebound serves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@main.callback()
def _root() -> None:
    """Trains and judges the models that Rebound serves."""


main.command()(retrain_cli.run)
main.command()(retrain_cli.promote)
main.command()(retrain_cli.rollback)
main.command()(retrain_cli.models)
main.command()(retrain_cli.schedule)


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
    from training import report
    from training.calibrate import calibrate as fit
    from training.sources import Sources

    sources = Sources()
    try:
        manifest = load_bundle(bundle).manifest
        done = fit(bundle, manifest, sources.corpus(frozenset(manifest.categories), seed=0).dev, sources.tests)
    except (ReboundError, OSError) as error:
        print(f"rebound-train: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    report.write(done, bundle / "report", dict(sources.tests))
    print(json.dumps({"bundle": str(bundle), "model": done.manifest.label} | report.totals(done)))


@main.command()
def suspects(
    labelled: Annotated[
        list[Path] | None, typer.Argument(help="Labelled texts (JSONL) beside the authored corpus.")
    ] = None,
    feedback: Annotated[bool, typer.Option(help="Judge what people labelled, instead of the corpus.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Lines to print.")] = 100,
) -> None:
    """Print the labels that their texts support least, one JSON object a line, for a person to read.

    Exit status: 0 done, 1 the store does not answer, 2 wrong usage.
    """
    from classifier.errors import ReboundError
    from training.sources import Sources, default_labelled
    from training.suspects import suspects_of_corpus, suspects_of_people

    sources = Sources(labelled=tuple(labelled or default_labelled()))
    try:
        found, rows = suspects_of_people(sources) if feedback else suspects_of_corpus(sources)
    except ReboundError as error:
        print(f"rebound-train: {error.code}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{len(found)} of {rows} rows are suspicious", file=sys.stderr)
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
