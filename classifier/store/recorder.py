"""Counts what is answered, in memory, and writes it now and then: a million answers are not a million writes.

Counting holds a lock for the time of a dictionary access and never waits for the database. What is lost when a process is
killed is what came in since its last flush; a clean stop flushes.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from time import time
from typing import Any, Protocol

import structlog

from classifier.domain import Failure, Kind, Verdict
from classifier.store.session import Store
from classifier.store.traffic import TrafficRepository

log = structlog.get_logger()
_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_Key = tuple[int, str, str, str]


class Answered(Protocol):
    """What is recorded of an answer (`classifier.pipeline.Answer` is one): never the failure's own text or addresses."""

    @property
    def failure(self) -> Failure:
        """Its kind tells whether it counts."""

    @property
    def template(self) -> str:
        """Its template's text."""

    @property
    def template_id(self) -> str:
        """Its template's name."""

    @property
    def verdict(self) -> Verdict:
        """What was answered."""


class _Seen:
    """What came in under one key since the last flush."""

    __slots__ = ("first", "last", "n", "text", "verdict")

    def __init__(self, text: str, verdict: Verdict, at: float) -> None:
        self.n, self.text, self.verdict, self.first, self.last = 1, text, verdict, at, at


class Recorder:
    """Remembers answers until they are flushed. Safe to share between threads.

    Args:
        size: Most distinct keys (template, provider, taxonomy and day) held while the database is away, some 1 KB each;
            answers beyond them are dropped and counted in `dropped`.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._seen: dict[_Key, _Seen] = {}
        self._flushed = 0  # keys that a flush holds at this moment, and may have to give back
        self._lock = Lock()
        self._flushing = Lock()
        self._unreported = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._seen) + self._flushed

    def record(self, answers: Sequence[Answered]) -> None:
        """Count answers to failures and delays; reports of other kinds are none of the model's."""
        now = time()
        day = int(now // _DAY)
        with self._lock:
            for answer in answers:
                kind = answer.failure.kind
                if kind is not Kind.FAILURE and kind is not Kind.DELAYED:
                    continue
                verdict = answer.verdict
                key = (day, answer.template_id, verdict.provider or "", verdict.taxonomy)
                seen = self._seen.get(key)
                if seen is not None:
                    seen.n += 1
                    seen.verdict = verdict
                    seen.last = now
                elif len(self._seen) + self._flushed < self._size:
                    self._seen[key] = _Seen(answer.template, verdict, now)
                else:
                    self._unreported += 1

    def flush(self, store: Store) -> int:
        """Write what was counted, in one transaction, and return the number of keys written.

        Raises:
            StoreUnavailable: The database does not answer; everything stays in memory for the next flush.
        """
        with self._flushing:
            self._report_dropped()
            with self._lock:
                taken, self._seen = self._seen, {}
                self._flushed = len(taken)
            if not taken:
                return 0
            try:
                _write(store, taken)
            except BaseException:
                with self._lock:
                    self._seen = _merged(taken, self._seen)
                    self._flushed = 0
                raise
            self._flushed = 0
            return len(taken)

    def _report_dropped(self) -> None:
        with self._lock:
            lost, self._unreported = self._unreported, 0
        if lost:
            self.dropped += lost
            log.warning("answers_not_counted", n=lost, reason="too many distinct templates since the last flush")


def _merged(older: dict[_Key, _Seen], newer: dict[_Key, _Seen]) -> dict[_Key, _Seen]:
    for key, seen in newer.items():
        if (before := older.get(key)) is None:
            older[key] = seen
        else:
            before.n += seen.n
            before.verdict, before.last = seen.verdict, seen.last
    return older


def _write(store: Store, taken: dict[_Key, _Seen]) -> None:
    templates: dict[str, dict[str, Any]] = {}
    counts: dict[tuple[date, str, str, str], dict[str, Any]] = {}
    decisions: dict[tuple[str, str], dict[str, Any]] = {}
    # Every process writes in the same order, so that none waits for a row of another that waits for one of its own.
    for (day, template_id, provider, label), seen in sorted(taken.items(), key=lambda item: item[1].last):
        taxonomy, _, version = label.rpartition("/")
        first, last = _time(seen.first), _time(seen.last)
        template = templates.setdefault(
            template_id, {"id": template_id, "text": _clean(seen.text), "first_seen": first}
        )
        template["first_seen"] = min(template["first_seen"], first)
        template["last_seen"] = last
        key = (_EPOCH + timedelta(days=day), template_id, provider[:64], taxonomy[:48])
        count = counts.setdefault(key, dict(zip(("day", "template_id", "provider", "taxonomy"), key, strict=True)))
        count["n"] = count.get("n", 0) + seen.n
        decisions[template_id, taxonomy] = _decision(template_id, taxonomy[:48], version[:16], seen.verdict, last)
    with store.session() as session:
        repository = TrafficRepository(session)
        repository.upsert_templates([templates[key] for key in sorted(templates)])
        repository.upsert_counts([counts[key] for key in sorted(counts)])
        repository.upsert_decisions([decisions[key] for key in sorted(decisions)])


def _decision(template_id: str, taxonomy: str, version: str, verdict: Verdict, at: datetime) -> dict[str, Any]:
    return {
        "template_id": template_id,
        "taxonomy": taxonomy,
        "taxonomy_version": version,
        "category": verdict.category[:64],
        "confidence": verdict.confidence,
        "action": verdict.action.value,
        "source": verdict.source.value,
        "model": verdict.model[:80],
        "decided_at": at,
    }


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _clean(text: str) -> str:
    """Drop what PostgreSQL refuses in a text: one such template would hold up all others."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
