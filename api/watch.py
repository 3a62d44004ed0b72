"""Watches for drift beside answering: reports on request, a gauge and a log line for the alarms.

Five weeks of a large sender's traffic take seconds to read, so a report is kept for a minute, and one at a time is made;
who waits for it holds no thread.
"""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import structlog
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Gauge

from api.housekeeping import Step
from api.leader import Leader
from api.memory import Memory
from classifier.drift import RULES, Alarm, Code, Drift, drift_of

log = structlog.get_logger()
LOOK_SECONDS = 600
"""Between two looks for alarms."""
_KEPT_SECONDS = 60.0
_MOST_KEPT = 32


@dataclass(frozen=True, slots=True)
class _Kept:
    drift: Drift
    until: float


class Watch:
    """Makes reports of drift from what a service remembers.

    Args:
        memory: Whose store.
        folder: Of all state; the lock that lets one process of a machine look lies there.
        gauge: How many alarms there are, by code.
    """

    def __init__(self, memory: Memory, folder: Path, gauge: Gauge) -> None:
        self._memory = memory
        self._gauge = gauge
        self._leader = Leader(folder / ".drift.lock")
        self._kept: dict[tuple[str, int, date], _Kept] = {}
        self._making = asyncio.Lock()
        self._told: set[tuple[Code, str | None]] = set()

    async def report(self, taxonomy: str, days: int) -> Drift:
        """Return the report of a taxonomy's traffic, at most a minute old (errors: see `drift_of`)."""
        async with self._making:
            key = (taxonomy, days, datetime.now(UTC).date())
            kept = self._kept.get(key)
            if kept is None or kept.until < time.monotonic():
                rules = replace(RULES, recent=days)
                made = await run_in_threadpool(
                    drift_of, self._memory.store, today=key[2], taxonomy=taxonomy, rules=rules
                )
                self._kept.pop(key, None)
                kept = self._kept[key] = _Kept(made, time.monotonic() + _KEPT_SECONDS)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.pop(next(iter(self._kept)))
            return kept.drift

    def steps(self) -> list[Step]:
        """Return what housekeeping has to do, in a thread of its own: it takes seconds."""
        return [Step(name="drift", seconds=LOOK_SECONDS, run=self.look)]

    def look(self) -> None:
        """Look for alarms in all traffic, if it is this process that looks (errors: see `drift_of`)."""
        if not self._leader.leads():
            return
        found = drift_of(self._memory.store, today=datetime.now(UTC).date(), taxonomy=None).alarms
        for code in Code:
            self._gauge.labels(code).set(sum(alarm.code is code for alarm in found))
        for alarm in found:
            if (alarm.code, alarm.provider) not in self._told:
                _tell(alarm)
        self._told = {(alarm.code, alarm.provider) for alarm in found}

    def close(self) -> None:
        """Let another process look."""
        self._leader.close()


def _tell(alarm: Alarm) -> None:
    """Log an alarm once, without the words of any bounce."""
    log.warning(
        "drift",
        code=alarm.code,
        severity=alarm.severity,
        provider=alarm.provider,
        since=alarm.since.isoformat(),
        category=alarm.category,
        failures=alarm.failures,
        share=round(alarm.share, 3),
        before=round(alarm.before, 3),
    )
