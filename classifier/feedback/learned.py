"""Pins that a model has learned are released; they come back when that model goes, or when a later one has forgotten them.

A pin is a crutch: while it holds, nobody sees whether the model has learned what the person said. It is released when the
new champion gives the same category and the same action by itself. Only pins that came with labels are; one that a person
set in words of their own stays until a person removes it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from classifier.decide import decide
from classifier.domain import Failure, Kind, Prediction, Source
from classifier.feedback.agree import AGREEMENT, APPROVED, CONFLICT, LABEL, QUARANTINED, REJECTED
from classifier.parse.replies import find_enhanced_code, find_smtp_code
from classifier.predict import Predictor
from classifier.store import LabelRepository, PinRepository, Store, TrafficRepository
from classifier.store.words import person
from classifier.taxonomy import Taxonomy

LEARNED, FORGOTTEN, ROLLED_BACK, LEFT_OUT = "learned", "forgotten", "rolled back", "left out"
_RELEASED = (LABEL, AGREEMENT, APPROVED, FORGOTTEN, ROLLED_BACK)
RESERVED = frozenset(
    {LABEL, AGREEMENT, APPROVED, CONFLICT, QUARANTINED, REJECTED, LEARNED, FORGOTTEN, ROLLED_BACK, LEFT_OUT}
)
"""Reasons that decide what becomes of a pin later: a person's own words must never read as one of them."""
_STANDARD = "standard"
_Said = tuple[str, str]
"""Template id and category."""


class _But(TypedDict, total=False):
    """Labels that do not count, see `LabelRepository.agreed`."""

    without_sources: Collection[str]
    without_who: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How many pins were released, for the model has learned them, and set again, for it has not.

    Removed are those that only labels speak for that the model leaves out.
    """

    released: int
    renewed: int
    removed: int = 0


def settle_learned(
    store: Store,
    predictor: Predictor,
    taxonomy: Taxonomy,
    at: datetime,
    *,
    without_sources: Collection[str] = (),
    without_who: Collection[str] = (),
) -> Settled:
    """Bring pins of the standard taxonomy in line with what a model that now answers has learned.

    Labels that the model leaves out count as if they had never been given: their pins go, and do not come back. The model is
    asked while no transaction is open: people go on correcting it meanwhile, and what they say then stays.
    Errors: see `Store.session`.
    """
    but: _But = {"without_sources": without_sources, "without_who": without_who}
    with store.reading() as session:
        held, gone = _held(session, at), _released(session, but)
        texts = _texts(session, sorted({template_id for template_id, _ in held | gone}))
    knows = _known(predictor, taxonomy, held | gone, texts)
    who = _who(predictor.label)
    with store.session() as session:
        LabelRepository(session).alone("feedback")
        now = _held(session, at)
        unfounded = (
            {said for said in now if not _supported(session, said, but)} if without_sources or without_who else set()
        )
        learned = (held & knows & now) - unfounded
        lost = (gone - knows) & _released(session, but)
        pins = PinRepository(session)
        for why, some in ((LEFT_OUT, unfounded), (LEARNED, learned)):
            for template_id, _ in sorted(some):
                pins.remove(template_id=template_id, taxonomy=_STANDARD, who=who, why=why, at=at)
        for template_id, category in sorted(lost):
            _set_again(pins, template_id, category, who=who, why=FORGOTTEN, at=at)
    return Settled(released=len(learned), renewed=len(lost), removed=len(unfounded))


def restore_released(session: Session, label: str, at: datetime) -> int:
    """Set the pins again that were released because a model had learned them, and return how many; that model is gone."""
    LabelRepository(session).alone("feedback")
    pins = PinRepository(session)
    gone = sorted(_released(session, {}, by=_who(label)))
    for template_id, category in gone:
        _set_again(pins, template_id, category, who=_who(label), why=ROLLED_BACK, at=at)
    return len(gone)


def action_of(template: str, prediction: Prediction, taxonomy: Taxonomy) -> str:
    """Return the action that the policy takes on a template's prediction."""
    failure = Failure(
        kind=Kind.FAILURE,
        diagnostic=template,
        smtp_code=find_smtp_code(template),
        enhanced_code=find_enhanced_code(template),
    )
    return decide(failure, prediction, taxonomy).action.value


def _supported(session: Session, said: _Said, but: _But) -> bool:
    """Whether anybody whose labels count says what a pin says."""
    counted = LabelRepository(session).newest_per_person(said[0], _STANDARD, **but)
    return any(label.category == said[1] for label in counted)


def _known(predictor: Predictor, taxonomy: Taxonomy, wanted: Collection[_Said], texts: Mapping[str, str]) -> set[_Said]:
    """Return those of the templates and categories where the model itself gives the category and its action."""
    out = set()
    for template_id, category in sorted(wanted):
        if (text := texts.get(template_id)) is None:
            continue
        pinned = Prediction(probabilities={category: 1.0}, source=Source.PIN, model=predictor.label)
        said = predictor.predict([text])[0]  # one by one, as most requests ask
        same = action_of(text, said, taxonomy) == action_of(text, pinned, taxonomy)
        if said.ranked[0][0] == category and same:
            out.add((template_id, category))
    return out


def _held(session: Session, at: datetime) -> set[_Said]:
    """Return the templates whose pins may be released, with what is pinned."""
    active = PinRepository(session).active(at).values()
    return {(pin.template_id, pin.category) for pin in active if pin.taxonomy == _STANDARD and pin.why in _RELEASED}


def _released(session: Session, but: _But, *, by: str | None = None) -> set[_Said]:
    """Return the templates whose newest event released a pin as learned, by this model or any, with what people agree on."""
    agreed = {label.template_id: label.category for label in LabelRepository(session).agreed(_STANDARD, **but)}
    newest = PinRepository(session).newest(_STANDARD, sorted(agreed))
    return {
        (key, agreed[key])
        for key, event in newest.items()
        if event.category is None and event.why == LEARNED and by in (None, event.who)
    }


def _set_again(pins: PinRepository, template_id: str, category: str, *, who: str, why: str, at: datetime) -> None:
    """Set a pin as it was set before, unless it would have expired by now."""
    before = [event for event in pins.history(template_id) if event.taxonomy == _STANDARD and event.category]
    expires_at = before[-1].expires_at if before else None
    if expires_at is None or expires_at > at:
        pins.set(
            template_id=template_id, taxonomy=_STANDARD, category=category, who=who, why=why, at=at, expires_at=expires_at
        )  # fmt: skip


def _texts(session: Session, ids: Sequence[str]) -> dict[str, str]:
    traffic = TrafficRepository(session)
    rows = (traffic.template(template_id) for template_id in ids)
    return {row.id: row.text for row in rows if row is not None}


def _who(label: str) -> str:
    return person(f"model:{label}")
