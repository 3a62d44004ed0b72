"""`rebound-train run | promote | rollback | models | schedule`: the periodic job and what becomes of its models."""

import getpass
import json
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

if TYPE_CHECKING:
    from training.promote import Promotion
    from training.retrain import Outcome, RetrainJob

BUSY = 75
"""Exit status of a run that leaves the field to another: EX_TEMPFAIL of sysexits.h."""
By = Annotated[str | None, typer.Option(help="Who you are; the account's name by default.")]
Why = Annotated[str, typer.Option(help="Why, in a few words: it is kept.")]


def run(
    profile: Annotated[
        str, typer.Option(help="heads: seconds; full: minutes; scratch: from the base, for the model to ship; quick: a small one.")
    ] = "full",
    if_needed: Annotated[bool, typer.Option(help="Run only if enough new labels or a drift alarm ask for it.")] = False,
    force: Annotated[bool, typer.Option(help="Run even if nobody said anything new.")] = False,
    promote: Annotated[
        bool | None, typer.Option(help="Promote the model if the gate does not object; REBOUND_AUTO_PROMOTE by default.")
    ] = None,
    keep_pins: Annotated[bool, typer.Option(help="Keep pins that the promoted model has learned.")] = False,
    without_source: Annotated[
        list[str] | None, typer.Option(help="Leave out labels that came from there (http, cli...); may be repeated.")
    ] = None,
    without_who: Annotated[
        list[str] | None, typer.Option(help="Leave out labels that this person gave; may be repeated.")
    ] = None,
    all_labels: Annotated[
        bool, typer.Option(help="Let labels count again that the champion leaves out.")
    ] = False,
    start: Annotated[
        Path | None, typer.Option(help="Bundle to learn on from; the champion by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the bundle into this folder, and register nothing.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Version of the new model; the next free one by default.")] = None,
    labelled: Annotated[
        list[Path] | None, typer.Option(help="Labelled texts (JSONL) beside the authored corpus; may be repeated.")
    ] = None,
    refit: Annotated[
        bool, typer.Option(help="Final refit: learn from valid.jsonl too, and report no figure on it.")
    ] = False,
    base: Annotated[
        str | None, typer.Option(help="Base model of the profile scratch: a folder or a hub id; the packaged one by default.")
    ] = None,
    cause: Annotated[str, typer.Option(help="Who asks: hand or schedule.")] = "hand",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 20_260,
    quiet: Annotated[bool, typer.Option(help="No progress bars.")] = False,
) -> None:  # fmt: skip
    """Learn from what people said, judge the new model beside the champion, and register it as challenger.

    Prints one JSON object: what became of the run, the gate's objections, the figures.

    Exit status: 0 a model was registered or there was nothing to do, 1 it failed, 2 wrong usage, 75 another run is at it.
    """
    from classifier.settings import Settings
    from training.leaving import Leaving
    from training.profiles import PROFILES
    from training.retrain import RetrainJob
    from training.sources import Sources, default_labelled, default_tests

    if profile not in PROFILES:
        raise typer.BadParameter(f"must be one of {', '.join(PROFILES)}")
    if cause not in ("hand", "schedule"):
        raise typer.BadParameter("must be hand or schedule")
    if out is not None and out.exists():
        raise typer.BadParameter(f"{out} exists already")
    settings = Settings()
    tests, files = default_tests(), labelled or default_labelled()
    if refit and "valid" in tests:
        files = [*files, tests.pop("valid")]
    job = RetrainJob(
        settings=settings, profile=profile, cause="schedule" if cause == "schedule" else "hand", if_needed=if_needed, force=force,
        promote=settings.auto_promote if promote is None else promote, keep_pins=keep_pins,
        leaving=Leaving(sources=tuple(without_source or ()), who=tuple(without_who or ())), all_labels=all_labels,
        sources=Sources(labelled=tuple(files), tests=tests, base=base, start=start),
        version=version, seed=seed, progress=not quiet and sys.stderr.isatty(),
    )  # fmt: skip
    with _reported():
        print(json.dumps(_rehearsed(job, out) if out else _told(job), ensure_ascii=False))


def promote(
    model: Annotated[str | None, typer.Argument(help="Name and version, such as minilm-l4/2.1; the challenger by default.")] = None,
    version: Annotated[str | None, typer.Option(help="Number in the MLflow registry, instead of MODEL.")] = None,
    despite_objections: Annotated[bool, typer.Option(help="You have read the gate's objections and overrule them; say why.")] = False,
    keep_pins: Annotated[bool, typer.Option(help="Keep pins that the model has learned.")] = False,
    by: By = None,
    why: Why = "",
) -> None:  # fmt: skip
    """Make a registered model the champion; servers answer with it within two seconds.

    Exit status: 0 done, 1 refused or failed, 2 wrong usage.
    """
    from training.promote import promote as move

    if model and version:
        raise typer.BadParameter("name a model or a version, not both")
    if despite_objections and not (by and why.strip()):
        raise typer.BadParameter("--despite-objections needs --by and --why")
    with _reported(), _books() as (settings, books):
        label = books.registry.label_of(version) if version else model
        done = move(
            settings, books, label, by=by or getpass.getuser(), why=why, despite_objections=despite_objections,
            keep_pins=keep_pins,
        )  # fmt: skip
        print(json.dumps(_promoted(done)))


def rollback(by: By = None, why: Why = "") -> None:
    """Make the champion before the champion again; twice goes two back. Pins that it had not learned hold again.

    Exit status: 0 done, 1 there is none, or it failed, 2 wrong usage.
    """
    from training.promote import roll_back

    with _reported(), _books() as (settings, books):
        print(json.dumps(_promoted(roll_back(settings, books, by=by or getpass.getuser(), why=why))))


def models(limit: Annotated[int, typer.Option(min=1, help="Most models to print.")] = 20) -> None:
    """Print the registered models, the newest first, one JSON object a line: state, objections, figures.

    Exit status: 0 done, 1 the store does not answer, 2 wrong usage.
    """
    from classifier.store import ModelRepository
    from training.promote import listed

    with _reported(), _books() as (_, books):
        with books.store.reading() as session:
            rows = ModelRepository(session).list(limit)
        for document in listed(rows):
            print(json.dumps(document, ensure_ascii=False))


def schedule(
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday, as cron reads them.")] = "17 3 * * *",
    timezone: Annotated[str, typer.Option(help="Of the expression.")] = "UTC",
    watch_minutes: Annotated[int, typer.Option(min=0, help="How often to look whether labels or drift ask for a run; 0: never.")] = 15,
    profile: Annotated[str, typer.Option(help="Of every run.")] = "full",
    promote: Annotated[bool | None, typer.Option(help="See `run`.")] = None,
) -> None:  # fmt: skip
    """Run the job by the clock until SIGTERM, each run in a process of its own.

    Exit status: 0 told to stop, 2 wrong usage.
    """
    from training.profiles import PROFILES
    from training.schedule import Child, scheduler_of, serve

    _logs()
    if profile not in PROFILES:
        raise typer.BadParameter(f"must be one of {', '.join(PROFILES)}")
    arguments = ["--profile", profile, "--quiet"]
    arguments += [] if promote is None else ["--promote" if promote else "--no-promote"]
    child = Child()
    try:
        scheduler = scheduler_of(child.run, cron, ZoneInfo(timezone), arguments=arguments, watch_minutes=watch_minutes)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(str(error)) from error
    serve(scheduler, child)


def _told(job: "RetrainJob") -> dict[str, Any]:
    from training.retrain import retrain

    outcome = retrain(job)
    return _outcome(outcome)


def _rehearsed(job: "RetrainJob", out: Path) -> dict[str, Any]:
    from training import report
    from training.rehearse import rehearse

    bundle = rehearse(job, out)
    report.write(bundle, out / "report", dict(job.sources.tests))
    return {"bundle": str(out), "model": bundle.manifest.label} | report.totals(bundle)


def _outcome(outcome: "Outcome") -> dict[str, Any]:
    document: dict[str, Any] = {"state": outcome.state, "reason": outcome.reason, "seconds": outcome.seconds}
    if outcome.findings:
        document |= {"model": outcome.model, "bundle": str(outcome.bundle), "objections": outcome.objections}
        document |= outcome.findings.to_dict(most=10)
    if outcome.promotion:
        document |= {"promotion": _promoted(outcome.promotion)}
    return document


def _promoted(done: "Promotion") -> dict[str, Any]:
    return {
        "champion": done.champion,
        "before": done.before,
        "pins_released": done.pins.released,
        "pins_renewed": done.pins.renewed,
        "pins_removed": done.pins.removed,
    }


@contextmanager
def _books() -> Iterator[Any]:
    from classifier.settings import Settings
    from classifier.store import open_store
    from training.books import books_of

    settings = Settings()
    store = open_store(settings.store_url)
    try:
        yield settings, books_of(settings, store)
    finally:
        store.close()


@contextmanager
def _reported() -> Iterator[None]:
    """Tell errors on stderr and in the exit status, and end in order when told to stop."""
    from classifier.errors import ReboundError, RetrainingBusy

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        raise SystemExit(128 + number)

    _logs()
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except RetrainingBusy as error:
        print(f"rebound-train: {error.code}: {error}", file=sys.stderr)
        raise typer.Exit(BUSY) from error
    except (ReboundError, OSError, ValueError, KeyError) as error:
        code = error.code if isinstance(error, ReboundError) else type(error).__name__
        print(f"rebound-train: {code}: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def _logs() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for name in ("alembic", "mlflow", "matplotlib", "httpx", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
