"""From labels to pins: what a strict majority of persons says of a template is pinned, a tie is not.

It is told once, for feedback that comes in, for batches that are reviewed, and for those that are taken back.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from classifier.pins import Key
from classifier.store import FeedbackRepository, PinRepository
from classifier.store.labels import majority
from classifier.store.tables import LabelRow, PinEventRow

LABEL, CONFLICT, QUARANTINED, APPROVED, REJECTED = "label", "conflict", "quarantined", "approved", "rejected"
AGREEMENT = "agreement"
"""Why a pin is set that nobody asked for just now: those who spoke against it no longer count."""
_TAKEN_BACK = (CONFLICT, QUARANTINED, REJECTED)
"""Why a pin was removed that may come back by itself, when those who disagreed change their minds or are not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Somebody wants a category pinned until some time (None for always)."""

    category: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where a template stands now.

    Attributes:
        holds: The category that is pinned; None if none is.
        conflict: Whether people disagree without a majority.
    """

    holds: str | None
    conflict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """By whom, why and when pins change; `default` is when a pin expires that nobody wished otherwise."""

    who: str
    why: str
    at: datetime
    default: datetime | None = None


def settle(
    session: Session, keys: Collection[Key], cause: Cause, wishes: Mapping[Key, Wish] | None = None
) -> dict[Key, Outcome]:
    """Bring the pins of some templates in line with what people agree on, and return where each stands."""
    by_taxonomy: dict[str, list[str]] = defaultdict(list)
    for template_id, taxonomy in sorted(set(keys)):
        by_taxonomy[taxonomy].append(template_id)
    outcomes: dict[Key, Outcome] = {}
    for taxonomy, ids in by_taxonomy.items():
        votes = FeedbackRepository(session).votes(taxonomy, ids)
        newest = PinRepository(session).newest(taxonomy, ids)
        for template_id in ids:
            key = (template_id, taxonomy)
            wish = (wishes or {}).get(key)
            outcomes[key] = _settle(session, key, votes.get(template_id, []), newest.get(template_id), wish, cause)
    return outcomes


def _settle(
    session: Session, key: Key, votes: list[LabelRow], last: PinEventRow | None, wish: Wish | None, cause: Cause
) -> Outcome:
    agreed = majority(votes)
    holds = last.category if last and (last.expires_at is None or last.expires_at > cause.at) else None
    conflict = bool(votes) and agreed is None
    if agreed is None:
        if holds:
            PinRepository(session).remove(
                template_id=key[0], taxonomy=key[1], who=cause.who, why=CONFLICT if conflict else cause.why, at=cause.at
            )
        return Outcome(holds=None, conflict=conflict)
    wished = wish is not None and wish.category == agreed
    expires_at = wish.expires_at if wish and wished else cause.default
    longer = wished and last is not None and last.expires_at != expires_at
    back = last is not None and last.category is None and last.why in _TAKEN_BACK
    if longer or (agreed != holds and (wished or holds or back)):
        PinRepository(session).set(
            template_id=key[0], taxonomy=key[1], category=agreed,
            who=cause.who, why=cause.why if wished else AGREEMENT, at=cause.at, expires_at=expires_at,
        )  # fmt: skip
        holds = agreed
    return Outcome(holds=holds, conflict=False)
