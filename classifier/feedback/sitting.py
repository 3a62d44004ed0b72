"""One transaction of the desk: whose labels are new, which are refused, which have to wait, and what is pinned then.

    opinions -> already there | too many | new -> batches of labels -> pins

A batch holds labels of one person under one taxonomy, and those that contradict the model's confident answers apart from
the others: a batch is what a second person reviews, so that honest labels of the same hour are not held up with them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy.orm import Session

from classifier.errors import TooManyLabels
from classifier.feedback.agree import LABEL, QUARANTINED, Cause, Outcome, Wish, settle
from classifier.feedback.opinions import Opinion
from classifier.feedback.rules import WINDOW, Judged, contradictions, is_wholesale
from classifier.pins import Key
from classifier.store import FeedbackRepository, LabelRepository, TrafficRepository
from classifier.store.labels import ACCEPTED
from classifier.store.tables import BatchRow, LabelRow

ALREADY = "already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one opinion.

    Attributes:
        state: "accepted", "already" (the same person said the same before), "conflict" (people disagree without a
            majority) or "quarantined" (waits for a second person).
        label_id: Of the label that was added, or was there already.
        outcome: Where the template stands now.
    """

    opinion: Opinion
    state: str
    label_id: int
    outcome: Outcome


@dataclass(slots=True)
class _Taken:
    """What one sitting has found so far, by the opinions' numbers.

    Attributes:
        refused: Why an opinion was not taken.
        labels, states: The label that was added, or was there already, and which of the two.
        repeats: The number of the opinion, in this sitting, that said the same before.
    """

    refused: dict[int, TooManyLabels] = field(default_factory=dict)
    labels: dict[int, LabelRow] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    repeats: dict[int, int] = field(default_factory=dict)


class Sitting:
    """Takes the opinions of one request.

    Args:
        session: A transaction that may write.
        at: The time, UTC.
        source: From where, see `classifier.store.tables.LabelRow`.
        labels_per_hour: Most labels of one person.
        pin_days: Days that a pin holds where nobody says otherwise; None for always.
    """

    def __init__(
        self, session: Session, *, at: datetime, source: str, labels_per_hour: int, pin_days: int | None
    ) -> None:
        self._session = session
        self._labels = LabelRepository(session)
        self._feedback = FeedbackRepository(session)
        self._at = at
        self._source = source
        self._labels_per_hour = labels_per_hour
        self._pin_days = pin_days

    def take(self, opinions: Sequence[Opinion]) -> list[Result | TooManyLabels]:
        """Keep what is new and pin what is agreed; return a result for each opinion, in order."""
        self._labels.alone("feedback")  # two people who disagree at the same moment must see each other
        texts = {opinion.judged.template_id: opinion.text for opinion in opinions}
        TrafficRepository(self._session).upsert_templates(
            [{"id": i, "text": texts[i], "first_seen": self._at, "last_seen": self._at} for i in sorted(texts)]
        )
        people: dict[str, list[int]] = defaultdict(list)
        for number, opinion in enumerate(opinions):
            people[opinion.who].append(number)
        taken = _Taken()
        for who, numbers in people.items():
            self._hear(who, {number: opinions[number] for number in numbers}, taken)
        outcomes = self._pin(opinions, taken)
        return [taken.refused.get(i) or _result(o, i, taken, outcomes[o.key]) for i, o in enumerate(opinions)]

    def _hear(self, who: str, opinions: dict[int, Opinion], taken: _Taken) -> None:
        """Decide on one person's opinions, and keep those that are new."""
        hour = self._feedback.given_since(who, self._at - WINDOW)
        new = self._new(who, opinions, hour, taken)
        # What a second person has approved is no longer held against its giver.
        counted = [_judged(label) for label, batch in hour if not (batch.state == ACCEPTED and batch.reviewed_by)]
        everything = [*counted, *(opinion.judged for opinion in new.values())]
        wholesale = is_wholesale(everything)
        reason = _reason(everything) if wholesale else None
        self._keep(who, new, taken, reason)
        if new and reason is not None:
            self._take_back(who, hour, reason)

    def _new(
        self, who: str, opinions: dict[int, Opinion], hour: list[tuple[LabelRow, BatchRow]], taken: _Taken
    ) -> dict[int, Opinion]:
        known = self._known(who, opinions)
        said: dict[Key, tuple[str, int]] = {}
        room = self._labels_per_hour - len(hour)
        new: dict[int, Opinion] = {}
        for number, opinion in opinions.items():
            before, here = known.get(opinion.key), said.get(opinion.key)
            if here and here[0] == opinion.judged.category:
                taken.repeats[number] = here[1]
            elif not here and before and before.category == opinion.judged.category:
                taken.labels[number], taken.states[number] = before, ALREADY
            elif len(new) >= room:
                taken.refused[number] = self._too_many([label.at for label, _ in hour])
            else:
                said[opinion.key] = (opinion.judged.category, number)
                new[number] = opinion
        return new

    def _known(self, who: str, opinions: dict[int, Opinion]) -> dict[Key, LabelRow]:
        ids: dict[str, set[str]] = defaultdict(set)
        for opinion in opinions.values():
            ids[opinion.judged.taxonomy].add(opinion.judged.template_id)
        return {
            (template_id, taxonomy): label
            for taxonomy, some in ids.items()
            for template_id, label in self._feedback.newest_of(who, taxonomy, some).items()
        }

    def _too_many(self, given: list[datetime]) -> TooManyLabels:
        error = TooManyLabels(f"more than {self._labels_per_hour} labels within an hour")
        left = min(given, default=self._at) + WINDOW - self._at
        error.retry_after_s = max(1, ceil(left.total_seconds()))
        return error

    def _keep(self, who: str, new: dict[int, Opinion], taken: _Taken, reason: str | None) -> None:
        batches: dict[tuple[str, bool], BatchRow] = {}
        state = ACCEPTED if reason is None else QUARANTINED
        for number, opinion in new.items():
            judged = opinion.judged
            part = (judged.taxonomy, judged.contradicts)
            if part not in batches:
                batches[part] = self._labels.open_batch(who=who, at=self._at, state=state)
                batches[part].reason = reason  # our own words: their numbers are no ids to be masked
            taken.states[number] = state
            taken.labels[number] = self._labels.add(
                template_id=judged.template_id,
                taxonomy=judged.taxonomy,
                taxonomy_version=opinion.taxonomy_version,
                category=judged.category,
                who=who,
                source=self._source,
                note=opinion.item.note,
                model_category=judged.model_category,
                model_confidence=judged.model_confidence,
                batch_id=batches[part].id,
                at=self._at,
            )

    def _take_back(self, who: str, hour: list[tuple[LabelRow, BatchRow]], reason: str) -> None:
        """Let what the person said in this hour before the rule took effect wait as well: the batches that contradict."""
        doubtful = [(label, batch) for label, batch in hour if _judged(label).contradicts]
        doubtful = [(label, batch) for label, batch in doubtful if batch.state == ACCEPTED and not batch.reviewed_by]
        self._feedback.quarantine({batch.id: batch for _, batch in doubtful}.values(), reason)
        keys = [(label.template_id, label.taxonomy) for label, _ in doubtful]
        settle(self._session, keys, Cause(who=who, why=QUARANTINED, at=self._at, default=self._expiry(None)))

    def _pin(self, opinions: Sequence[Opinion], taken: _Taken) -> dict[Key, Outcome]:
        """Settle all templates, each person's own new labels as their wish."""
        wishes: dict[tuple[str, Key], Wish] = {}
        outcomes: dict[Key, Outcome] = {}
        for number, opinion in enumerate(opinions):
            state, days = taken.states.get(number), opinion.item.expires_in_days
            if state == ACCEPTED or (state == ALREADY and days is not None):
                wishes[opinion.who, opinion.key] = Wish(category=opinion.judged.category, expires_at=self._expiry(days))
        for who in dict.fromkeys(opinion.who for opinion in opinions):
            keys = [opinion.key for opinion in opinions if opinion.who == who]
            mine = {key: wish for (person, key), wish in wishes.items() if person == who}
            cause = Cause(who=who, why=LABEL, at=self._at, default=self._expiry(None))
            outcomes |= settle(self._session, keys, cause, mine)
        return outcomes

    def _expiry(self, days: int | None) -> datetime | None:
        chosen = self._pin_days if days is None else days
        return None if chosen is None else self._at + timedelta(days=chosen)


def _judged(label: LabelRow) -> Judged:
    return Judged(
        template_id=label.template_id,
        taxonomy=label.taxonomy,
        category=label.category,
        model_category=label.model_category,
        model_confidence=label.model_confidence,
    )


def _reason(labels: list[Judged]) -> str:
    against, sure = contradictions(labels)
    return f"{against} of {sure} sure answers of the model's that were labelled within an hour are contradicted"


def _result(opinion: Opinion, number: int, taken: _Taken, outcome: Outcome) -> Result:
    first = taken.repeats.get(number, number)
    state = ALREADY if first != number else taken.states[first]
    if state == ACCEPTED and outcome.conflict:
        state = "conflict"
    return Result(opinion=opinion, state=state, label_id=taken.labels[first].id, outcome=outcome)
