"""`rebound`: data on stdout as JSON lines, complaints on stderr, exit status documented."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from api import taxonomy_cli
from api.environment import read_settings

if TYPE_CHECKING:
    from classifier.crosswalk_files import Crosswalk

main = typer.Typer(
    name="rebound",
    help="Tells why messages bounced, and what their sender should do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
main.add_typer(taxonomy_cli.app)


@main.callback()
def _root() -> None:
    """Tells why messages bounced, and what their sender should do."""


@main.command()
def classify(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help="Files or folders; - is standard input.")
    ] = None,
    explain: Annotated[
        bool, typer.Option(help="Add the words that decided and the nearest labelled templates.")
    ] = False,
    taxonomy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Answer under a taxonomy of your own (rebound taxonomy).")
    ] = None,
    vocabulary: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add the answer in another system's words (rebound crosswalk).")
    ] = None,
) -> None:
    """Print one verdict for each failure that PATHS report, one JSON object a line.

    PATHS are emails, folders of them, mbox files, Maildirs, or .jsonl files of records; "-" (the default) is standard
    input: records, or one raw email where it does not start with "{".

    Exit status: 0 all was read, 1 some inputs were not (each has a line on standard error), 2 wrong usage.
    """
    from api.batches import classify_items
    from api.logs import configure_logs
    from api.sources import items_of
    from classifier.bootstrap import build
    from classifier.errors import ReboundError

    if vocabulary is not None:
        _crosswalk(vocabulary)
    settings = read_settings()
    configure_logs(settings.log_level)
    pipeline = build(settings).pipeline
    try:
        pipeline.under(taxonomy)
    except ReboundError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    items = items_of(paths or ["-"], sys.stdin.buffer, max_bytes=settings.max_body_bytes)
    failed = 0
    out = sys.stdout.buffer
    with _progress() as advance:
        for result in classify_items(pipeline, items, explain=explain, vocabulary=vocabulary, taxonomy=taxonomy):
            for document in result.documents:
                # JSON is UTF-8 whatever the locale; a file name's stray bytes stay escaped.
                out.write(json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
            out.flush()
            for defect in result.defects:
                print(f"{result.item.place}: note: {defect}", file=sys.stderr)
            if result.error:
                failed += 1
                print(f"{result.item.place}: {result.error.code}: {result.error}", file=sys.stderr)
            advance()
    raise typer.Exit(1 if failed else 0)


def _progress() -> AbstractContextManager[Callable[[], None]]:
    """Return a context that counts inputs on a terminal's stderr, and does nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext(lambda: None)
    from api.progress import counter

    return counter("classified")


@main.command()
def crosswalk(
    vocabulary: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of the listed names.")] = None,
) -> None:
    """Print the table between our categories and another system's labels, one JSON object a line; without NAME, the list.

    Exit status: 0 printed, 2 there is none of that name.
    """
    from classifier.crosswalks import crosswalk, summary, table, vocabularies

    if vocabulary is None:
        lines = [summary(crosswalk(name)) for name in vocabularies()]
    else:
        whole = table(_crosswalk(vocabulary))
        lines = [{"direction": side, **line} for side in ("to", "kind", "from") for line in whole[side]]
    for line in lines:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


def _crosswalk(vocabulary: str) -> "Crosswalk":
    """Return a crosswalk, or end with status 2 and the names there are."""
    from classifier.crosswalks import crosswalk
    from classifier.errors import UnknownVocabulary

    try:
        return crosswalk(vocabulary)
    except UnknownVocabulary as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


@main.command()
def feedback(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSONL; - is standard input.")] = "-",
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who says so, for lines that do not say it themselves.")
    ] = None,
) -> None:
    """Give feedback: one JSON object a line, as for POST /v1/feedback; print what became of each, one object a line.

    The store is the one of the settings, so running servers that share it follow within two seconds.

    Exit status: 0 all was taken, 1 some lines were refused (each has a line on standard error), 2 wrong usage, no store.
    """
    from api.feedback_cli import give

    settings = read_settings()
    raise typer.Exit(give(settings, file, by))


@main.command()
def drift(
    taxonomy: Annotated[str, typer.Option(metavar="NAME", help="What was answered under this taxonomy.")] = "standard",
    days: Annotated[int, typer.Option(min=1, max=28, help="Days up to today in which a change counts as new.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as one JSON object.")] = False,
) -> None:
    """Tell what has changed in the stored traffic: new wordings, unsure answers, other causes than in the month before.

    Needs only the store. One line for each alarm, then the figures of each provider.

    Exit status: 0 no alarm, 1 alarms, 2 wrong usage or settings, or no store.
    """
    from api.drift_cli import report

    raise typer.Exit(report(read_settings(), taxonomy=taxonomy, days=days, as_json=as_json))


@main.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (REBOUND_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port; 0 lets the system choose (REBOUND_PORT).")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Worker processes (REBOUND_WORKERS).")] = None,
) -> None:
    """Answer over HTTP until stopped.

    Exit status: 0 stopped by SIGTERM or SIGINT, 1 could not listen, 2 wrong usage or settings.
    """
    from api.server import run

    given = {"host": host, "port": port, "workers": workers}
    settings = read_settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    run(settings)
