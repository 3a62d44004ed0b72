"""`rebound taxonomy`: lint, preview, publish, list, versions, rollback, delete, migrate."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.environment import read_settings
from classifier.errors import InvalidInput, ReboundError, UnreadableInput
from classifier.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classifier.custom.draft import Draft
    from classifier.custom.lint import Finding
    from classifier.domain import Failure
    from classifier.taxonomy import Taxonomy

app = typer.Typer(
    name="taxonomy",
    help="Categories of your own: check, try out, publish.",
    no_args_is_help=True,
    add_completion=False,
)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Taxonomy: TOML, or JSON of the same shape.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of a published taxonomy.")]


@app.command()
def lint(file: FileArgument) -> None:
    """Print all that is wrong with a taxonomy file, one JSON object a line; nothing if all is well.

    Exit status: 0 nothing to say, 1 something is wrong, 2 the file cannot be read as a taxonomy.
    """
    from classifier.custom.findings import to_documents
    from classifier.custom.lint import lint as check

    with _complaints(file):
        standard = _standard(read_settings())
        findings = check(_draft(file, standard)[0], standard)
    _print(to_documents(findings))
    raise typer.Exit(1 if findings else 0)


@app.command()
def preview(
    file: FileArgument,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]...", help="What to try it on, as for `rebound classify`.")
    ] = None,
) -> None:
    """Print what a draft would change on the failures that PATHS report: a summary line, then a line for each change.

    It is compared with the version in use of the same name, else with the standard taxonomy. Nothing is published.

    Exit status: 0 printed, 1 an input could not be read, 2 the file is no valid taxonomy.
    """
    from classifier.bootstrap import build
    from classifier.custom import findings as found
    from classifier.custom.lint import lint as check
    from classifier.errors import TaxonomyNotFound
    from classifier.preview import preview as show
    from classifier.preview import to_document

    settings = _quiet()
    with _complaints(file):
        parts = build(settings)
        draft, _ = _draft(file, parts.catalogue.standard)
        findings = check(draft, parts.catalogue.standard)
        fitted = parts.catalogue.fit(draft)
        try:
            current = parts.pipeline.under(draft.name)
        except TaxonomyNotFound:
            current = None
        failures, unread = _failures(texts or ["-"], settings)
        shown = show(parts.pipeline, failures, current=current, draft=parts.catalogue.tailored(draft, fitted))
        document = to_document(shown)
    _complain(file, [*findings, *found.of_fit(fitted)])
    changes = document.pop("changes")
    _print([document | {"fit_seconds": round(fitted.seconds, 3)}, *changes])
    raise typer.Exit(1 if unread else 0)


@app.command()
def publish(
    file: FileArgument,
    name: Annotated[str | None, typer.Option(help="Publish under this name; the file's own by default.")] = None,
) -> None:
    """Learn a taxonomy's categories and put it to use as the next version; running servers follow within two seconds.

    Warnings go to standard error; what was published is printed as one JSON object.

    Exit status: 0 published, 2 refused.
    """
    from dataclasses import asdict, replace

    from classifier.bootstrap import build
    from classifier.custom import findings as found
    from classifier.custom.lint import lint as check

    settings = _quiet()
    with _complaints(file):
        catalogue = build(settings).catalogue
        draft, text = _draft(file, catalogue.standard)
        if name is not None and name != draft.name:
            draft, text = replace(draft, name=_valid(name)), None
        findings = check(draft, catalogue.standard)
        found.refuse_errors(findings)
        fitted = catalogue.fit(draft)
        meta = catalogue.publish(draft, fitted, text)
    _complain(file, [*findings, *found.of_fit(fitted)])
    _print([{"name": draft.name, **asdict(meta)}])


@app.command(name="list")
def list_() -> None:
    """Print every published taxonomy with its version in use, one JSON object a line."""
    from dataclasses import asdict

    store = _store()
    _print([{"name": name, **asdict(store.meta(name, store.current(name)))} for name in store.names()])


@app.command()
def versions(name: NameArgument) -> None:
    """Print a taxonomy's versions, the oldest first, one JSON object a line.

    Exit status: 0 printed, 2 there is none of that name.
    """
    from dataclasses import asdict

    with _complaints(name):
        store = _store()
        current = store.current(name)
        _print([{**asdict(meta), "current": meta.version == current} for meta in store.versions(name)])


@app.command()
def rollback(
    name: NameArgument,
    version: Annotated[int | None, typer.Option(min=1, help="Version to use; the one before by default.")] = None,
) -> None:
    """Use an earlier version of a taxonomy again.

    Exit status: 0 done, 2 there is no such version.
    """
    with _complaints(name):
        _print([{"name": name, "version": _store().rollback(name, version)}])


@app.command()
def delete(name: NameArgument) -> None:
    """Delete a taxonomy with all its versions.

    Exit status: 0 done, 2 there is none of that name.
    """
    with _complaints(name):
        _store().delete(name)


@app.command()
def migrate(
    file: FileArgument,
    mapping: Annotated[Path, typer.Argument(metavar="MAPPING", help="TOML: rename, merge, split.")],
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="JSONL: objects with a category.")],
) -> None:
    """Carry LABELS of an older version over to the taxonomy in FILE; print all, one JSON object a line.

    A label that has to be given again has `category: null`, with `was`, `reason` and `candidates`.

    Exit status: 0 all were carried over, 1 some have to be given again, 2 a file is not of the documented form.
    """
    import tomllib

    from classifier.custom.draft import OTHER
    from classifier.custom.migrate import migrate as carry
    from classifier.custom.migrate import read_mapping

    with _complaints(file):
        draft, _ = _draft(file, _standard(read_settings()))
        categories = {OTHER, *(category.id for category in draft.categories)}
        try:
            rows = [json.loads(line) for line in _read(labels).decode().splitlines() if line.strip()]
            table = tomllib.loads(_read(mapping).decode())
        except ValueError as error:
            raise InvalidInput(f"{mapping} or {labels}: {error}") from error
        done = carry(rows, read_mapping(table, categories), categories)
    _print([*done.carried, *done.relabel])
    raise typer.Exit(1 if done.relabel else 0)


def _quiet() -> Settings:
    from api.logs import configure_logs

    settings = read_settings()
    configure_logs(settings.log_level)
    return settings


def _store() -> Any:
    from classifier.custom.store import TaxonomyStore

    return TaxonomyStore(read_settings().data_dir / "taxonomies")


def _standard(settings: Settings) -> "Taxonomy":
    """Return the standard taxonomy with the served bundle's thresholds, or the shipped one without."""
    from classifier.bundle import load_bundle
    from classifier.errors import BundleRefused
    from classifier.resources import resource
    from classifier.taxonomy import standard_taxonomy

    try:
        return load_bundle(settings.bundle_dir or resource("models/standard")).taxonomy
    except BundleRefused:
        return standard_taxonomy()


def _draft(file: Path, standard: "Taxonomy") -> "tuple[Draft, str | None]":
    from api.drafts import decode_draft

    return decode_draft(_read(file), standard)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableInput(f"{path}: {error.strerror}") from error


def _valid(name: str) -> str:
    from classifier.custom.draft import NAME, STANDARD

    if not NAME.fullmatch(name) or name == STANDARD:
        raise InvalidInput("name: must be lower case letters, digits, _ and -, 2 to 48 characters, not standard")
    return name


def _failures(paths: "Sequence[str]", settings: Settings) -> "tuple[list[Failure], int]":
    """Return the failures that some inputs report, and how many inputs could not be read."""
    from api.sources import items_of
    from classifier.parse import parse_email

    failures: list[Failure] = []
    unread = 0
    for item in items_of(paths, sys.stdin.buffer, max_bytes=settings.max_body_bytes):
        try:
            if item.error:
                raise item.error
            if item.record and item.record.failure:
                failures.append(item.record.failure)
            else:
                failures += parse_email(item.raw or b"", settings.parse_limits).failures
        except ReboundError as error:
            unread += 1
            print(f"{item.place}: {error.code}: {error}", file=sys.stderr)
    return failures, unread


def _complain(file: Path, findings: "Sequence[Finding]") -> None:
    for finding in findings:
        print(f"{file}: {finding.level}: {finding.place}: {finding.message}", file=sys.stderr)


@contextmanager
def _complaints(place: object) -> Iterator[None]:
    """End with status 2 and the words on standard error if anything is refused."""
    try:
        yield
    except ReboundError as error:
        for fault in str(error).split("; "):
            print(f"{place}: {error.code}: {fault}", file=sys.stderr)
        raise typer.Exit(2) from error


def _print(documents: "Sequence[Any]") -> None:
    for document in documents:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
