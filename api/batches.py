"""Items to answers in batches: the model is quickest on some dozens of templates at once.

Order is kept, and one bad item costs nothing but itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import Any

from api.sources import Item
from classifier.answers import to_document
from classifier.custom.catalogue import Tailored
from classifier.domain import Failure
from classifier.errors import InvalidInput, ReboundError
from classifier.parse import parse_email
from classifier.pipeline import Pipeline

BATCH = 256
BATCH_BYTES = 8_388_608


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One input's answers as JSON-ready documents, or the error in their place; defects are worth a warning."""

    item: Item
    documents: list[dict[str, Any]]
    error: ReboundError | None = None
    defects: tuple[str, ...] = ()


def classify_items(
    pipeline: Pipeline,
    items: Iterable[Item],
    *,
    explain: bool = False,
    vocabulary: str | None = None,
    taxonomy: str | None = None,
) -> Iterator[Result]:
    """Yield one result for each item, in order; with evidence, labels and taxonomy for all, or as records ask."""
    for batch in _batches(items):
        yield from _classify_batch(pipeline, batch, explain, vocabulary, taxonomy)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield what has been read so far, at least one item and at most `BATCH`, while a thread reads on.

    So a file is read in full batches, and a pipe that gives a line now and then is answered line by line.
    """
    waiting: Queue[Item | Exception | None] = Queue(BATCH)

    def read() -> None:
        try:
            for item in items:
                waiting.put(item)
            waiting.put(None)
        except Exception as error:  # raised again where it is heard
            waiting.put(error)

    Thread(target=read, daemon=True).start()
    last = False
    while not last:
        batch: list[Item] = []
        octets = 0
        while not batch or (len(batch) < BATCH and octets < BATCH_BYTES and not waiting.empty()):
            found = waiting.get()
            if isinstance(found, Exception):
                raise found
            if found is None:
                last = True
                break
            batch.append(found)
            octets += len(found.raw or b"")
        if batch:
            yield batch


def _classify_batch(
    pipeline: Pipeline, batch: list[Item], explain: bool, vocabulary: str | None, taxonomy: str | None
) -> Iterator[Result]:
    read = [_read(pipeline, item, taxonomy) for item in batch]
    asked = [(failure, under) for failures, under, _, _ in read for failure in failures]
    answers = iter(pipeline.classify([failure for failure, _ in asked], [under for _, under in asked]))
    for item, (failures, _, defects, error) in zip(batch, read, strict=True):
        wanted = explain or (item.record is not None and item.record.explain)
        words = (item.record and item.record.vocabulary) or vocabulary
        mine = [next(answers) for _ in failures]
        documents = [
            {**item.names, **to_document(a, pipeline.explain(a) if wanted else None, vocabulary=words)} for a in mine
        ]
        yield Result(item=item, documents=documents, error=error, defects=defects)


_Read = tuple[tuple[Failure, ...], Tailored | None, tuple[str, ...], ReboundError | None]


def _read(pipeline: Pipeline, item: Item, taxonomy: str | None) -> _Read:
    if item.error:
        return (), None, (), item.error
    try:
        under = pipeline.under((item.record and item.record.taxonomy) or taxonomy)
        if item.record and item.record.failure:
            return (item.record.failure,), under, (), None
        report = parse_email(item.raw or b"", pipeline.limits)
    except ReboundError as error:
        return (), None, (), error
    except Exception as error:  # a bug of ours must not cost the inputs behind it
        return (), None, (), InvalidInput(f"the email could not be read: {type(error).__name__}")
    return report.failures, under, report.defects, None
