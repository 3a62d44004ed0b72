"""Pins that a model has learned are released; they come back when that model goes, or when a later one has forgotten them.

A pin is a crutch: while it holds, nobody sees whether the model has learned what the person said. It is released when the
new champion gives the same category and the same action by itself. Only pins that came with labels are; one that a person
set in words of their own stays until a person removes it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from classifier.decide import decide
from classifier.domain import Failure, Kind, Prediction, Source
from classifier.feedback.agree import AGREEMENT, APPROVED, LABEL
from classifier.parse.replies import find_enhanced_code, find_smtp_code
from classifier.predict import Predictor
from classifier.store import LabelRepository, Pin, PinRepository, TrafficRepository
from classifier.store.tables import PinEventRow
from classifier.store.words import person
from classifier.taxonomy import Taxonomy

LEARNED, FORGOTTEN, ROLLED_BACK, LEFT_OUT = "learned", "forgotten", "rolled back", "left out"
_RELEASED = (LABEL, AGREEMENT, APPROVED, FORGOTTEN, ROLLED_BACK)
_STANDARD = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How many pins were released, for the model has learned them, and set again, for it has not.

    Removed are those that only labels speak for that the model leaves out.
    """

    released: int
    renewed: int
    removed: int = 0


def settle_learned(
    session: Session, predictor: Predictor, taxonomy: Taxonomy, at: datetime, *, without_sources: Collection[str] = (), without_who: Collection[str] = ()
) -> Settled:  # fmt: skip
    """Bring pins of the standard taxonomy in line with what a model that now answers has learned.

    Labels that the model leaves out count as if they had never been given: their pins go, and do not come back.
    """
    who = _who(predictor.label)
    pins, labels = PinRepository(session), LabelRepository(session)
    left_out: dict[str, Collection[str]] = {"without_sources": without_sources, "without_who": without_who}
    held = [pin for pin in pins.active(at).values() if pin.taxonomy == _STANDARD and pin.why in _RELEASED]
    unfounded = set[str]()
    if without_sources or without_who:
        unfounded = {pin.template_id for pin in held if not _supported(labels, pin, left_out)}
    for template_id in unfounded:
        pins.remove(template_id=template_id, taxonomy=_STANDARD, who=who, why=LEFT_OUT, at=at)
    held = [pin for pin in held if pin.template_id not in unfounded]
    texts = _texts(session, [pin.template_id for pin in held])
    knows = _known(predictor, taxonomy, {key: (texts[key], pin.category) for pin in held if (key := pin.template_id) in texts})  # fmt: skip
    for template_id in knows:
        pins.remove(template_id=template_id, taxonomy=_STANDARD, who=who, why=LEARNED, at=at)
    agreed = {
        label.template_id: label
        for label in labels.agreed(_STANDARD, without_sources=without_sources, without_who=without_who)
    }
    gone = _released(pins, agreed, lambda event: event.template_id not in knows) + sorted(unfounded & agreed.keys())
    still = _known(predictor, taxonomy, {key: (agreed[key].text, agreed[key].category) for key in gone})
    lost = [key for key in gone if key not in still]
    for template_id in lost:
        _set_again(pins, template_id, agreed[template_id].category, who=who, why=FORGOTTEN, at=at)
    return Settled(released=len(knows), renewed=len(lost), removed=len(unfounded))


def restore_released(session: Session, label: str, at: datetime) -> int:
    """Set the pins again that were released because a model had learned them, and return how many; that model is gone."""
    pins = PinRepository(session)
    agreed = {found.template_id: found for found in LabelRepository(session).agreed(_STANDARD)}
    gone = _released(pins, agreed, lambda event: event.who == _who(label))
    for template_id in gone:
        category = agreed[template_id].category
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


def _supported(labels: LabelRepository, pin: Pin, left_out: Mapping[str, Collection[str]]) -> bool:
    """Whether anybody whose labels count says what a pin says."""
    counted = labels.newest_per_person(pin.template_id, _STANDARD, **left_out)
    return any(label.category == pin.category for label in counted)


def _known(predictor: Predictor, taxonomy: Taxonomy, wanted: Mapping[str, tuple[str, str]]) -> set[str]:
    """Return the ids of those templates to which the model itself gives the wanted category and its action."""
    out = set()
    for template_id, (text, category) in wanted.items():
        pinned = Prediction(probabilities={category: 1.0}, source=Source.PIN, model=predictor.label)
        said = predictor.predict([text])[0]  # one by one, as most requests ask
        same = action_of(text, said, taxonomy) == action_of(text, pinned, taxonomy)
        if said.ranked[0][0] == category and same:
            out.add(template_id)
    return out


def _released(pins: PinRepository, agreed: Collection[str], chosen: Callable[[PinEventRow], bool]) -> list[str]:
    """Return the templates whose newest event released a pin as learned, in order."""
    newest = pins.newest(_STANDARD, sorted(agreed))
    return sorted(
        key for key, event in newest.items() if event.category is None and event.why == LEARNED and chosen(event)
    )


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
