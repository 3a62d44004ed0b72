"""From what was sent to what is meant: a template, a category that exists, who says so, and what the model says itself.

    documents -> items -> opinions, or the error in their place

The model is asked before any transaction begins: nobody waits for an inference to write.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from classifier.custom.catalogue import Tailored
from classifier.custom.draft import OTHER, STANDARD
from classifier.domain import Failure, Source
from classifier.errors import ReboundError, TemplateNotFound, UnknownCategory
from classifier.feedback.items import Item, read_item
from classifier.feedback.rules import Judged
from classifier.pipeline import Answer, Pipeline
from classifier.preview import failures_of
from classifier.store import FeedbackRepository, Store


class Giver(Protocol):
    """Whoever sends feedback: what they may use, and what they are called."""

    def chosen(self, name: str | None) -> str | None:
        """Return the taxonomy for an item that names this one, or none; TaxonomyNotFound for another tenant's."""
        ...

    def named(self, by: str | None) -> str:
        """Return who gives an item that claims this name, or none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One item, understood.

    Attributes:
        item: As sent.
        judged: What is judged, how, and what the model says.
        text: The template's text.
        taxonomy_version: Of the taxonomy in use.
        who: Who says so.
    """

    item: Item
    judged: Judged
    text: str
    taxonomy_version: str
    who: str

    @property
    def key(self) -> tuple[str, str]:
        """Template id and taxonomy's name."""
        return self.judged.template_id, self.judged.taxonomy


def read_items(documents: Sequence[Any]) -> list[Item | ReboundError]:
    """Return an item for each document, in order, or the error in its place."""
    return [_tried(document) for document in documents]


def _tried(document: Any) -> Item | ReboundError:
    try:
        return read_item(document)
    except ReboundError as error:
        return error


def unknown_templates(items: Sequence[Item | ReboundError], store: Store) -> set[str]:
    """Return the template ids among some items that the store does not know (errors: see `Store.session`)."""
    named = {item.template_id for item in items if isinstance(item, Item) and item.template_id}
    return named - set(_texts(named, store))


def opinions(
    items: Sequence[Item | ReboundError], giver: Giver, pipeline: Pipeline, store: Store
) -> list[Opinion | ReboundError]:
    """Return an opinion for each item, in order, or the error in its place (others: see `Store.session`)."""
    texts = _texts({item.template_id for item in items if isinstance(item, Item) and item.template_id}, store)
    asked = [_asked(item, giver, pipeline, texts) for item in items]
    whole = [found for found in asked if not isinstance(found, ReboundError)]
    answers = iter(pipeline.unpinned([failure for _, failure, _ in whole], [under for _, _, under in whole]))
    return [
        found if isinstance(found, ReboundError) else _opinion(found[0], next(answers), giver.named(found[0].by), texts)
        for found in asked
    ]


def _texts(ids: set[str], store: Store) -> dict[str, str]:
    if not ids:
        return {}
    with store.reading() as session:
        return FeedbackRepository(session).texts(ids)


def _asked(
    item: Item | ReboundError, giver: Giver, pipeline: Pipeline, texts: dict[str, str]
) -> tuple[Item, Failure, Tailored | None] | ReboundError:
    if isinstance(item, ReboundError):
        return item
    try:
        under = pipeline.under(giver.chosen(item.taxonomy))
        taxonomy = under.taxonomy if under else pipeline.taxonomy
        if item.category not in taxonomy.by_id and not (under and item.category == OTHER):
            raise UnknownCategory(f"{taxonomy.label} has no category {item.category}")
        if item.failure:
            return item, item.failure, under
        if item.template_id not in texts:
            raise TemplateNotFound("no template of this id is stored; one seen a moment ago will be within seconds")
        return item, failures_of([texts[item.template_id]])[0], under
    except ReboundError as error:
        return error


def _opinion(item: Item, answer: Answer, who: str, texts: dict[str, str]) -> Opinion:
    verdict = answer.verdict
    name, _, version = verdict.taxonomy.rpartition("/")
    modelled = verdict.source is Source.MODEL
    judged = Judged(
        template_id=item.template_id or answer.template_id,
        taxonomy=name or STANDARD,
        category=item.category,
        model_category=verdict.category if modelled else None,
        model_confidence=verdict.confidence if modelled else None,
    )
    text = texts[item.template_id] if item.template_id else answer.template
    return Opinion(item=item, judged=judged, text=text, taxonomy_version=version, who=who)
