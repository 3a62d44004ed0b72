"""What a serving process does beside answering: one thread, some steps, each every so many seconds.

An error in a step is logged and tried again, at longer and longer intervals; it ends neither the thread nor the other
steps, and no request ever waits for it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread

import structlog

from classifier.errors import ReboundError

log = structlog.get_logger()
MOST_PAUSE = 10.0
"""Seconds after which a step that fails is tried again at the latest: trying may hold up the other steps."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something done again and again.

    Attributes:
        name: For the log.
        seconds: From the end of one run to the begin of the next, above 0.
        run: What is done; it should not take much longer than a second, for the other steps wait meanwhile.
        at_stop: Whether it is done once more when the process stops.
    """

    name: str
    seconds: float
    run: Callable[[], None]
    at_stop: bool = False


class Housekeeping:
    """Runs steps in a thread of its own from `start` to `stop`, all of them once at the start.

    Args:
        steps: What is done, in this order where several are due.
        clock: Monotonic seconds.
    """

    def __init__(self, steps: Sequence[Step], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps = steps
        self._clock = clock
        self._due = dict.fromkeys(range(len(steps)), clock())
        self._failed: dict[str, int] = {}
        self._stopping = Event()
        self._settled = Event()
        self._thread = Thread(target=self._work, name="housekeeping", daemon=True)

    def start(self, *, patience: float) -> bool:
        """Start, and wait for every step to have been tried once; return False if that took more seconds than patience."""
        self._thread.start()
        return self._settled.wait(patience)

    def stop(self, *, patience: float) -> None:
        """End the thread after what runs, and do the steps that are for the stop; give up after this many seconds."""
        self._stopping.set()
        self._thread.join(patience)

    def run_due(self) -> float:
        """Run what is due, and return the seconds until something is due again."""
        for number, step in enumerate(self._steps):
            if self._due[number] <= self._clock():
                pause = self._run(step)
                self._due[number] = self._clock() + pause
        return max(0.0, min(self._due.values(), default=1.0) - self._clock())

    def _work(self) -> None:
        while not self._stopping.is_set():
            pause = self.run_due()
            self._settled.set()
            self._stopping.wait(pause)
        for step in self._steps:
            if step.at_stop:
                self._run(step)

    def _run(self, step: Step) -> float:
        """Run a step, and return the seconds until it is due again."""
        try:
            step.run()
        except Exception as error:  # whatever it is, the process goes on answering
            # Once for each time that it begins to fail: a database that is away for a night fills no disk.
            failures = self._failed[step.name] = self._failed.get(step.name, 0) + 1
            if failures == 1:
                # Words of other libraries may hold what was being written; ours hold nothing of a bounce.
                reason = str(error) if isinstance(error, ReboundError) else type(error).__name__
                log.error("housekeeping_failed", step=step.name, reason=reason, consequence="tried again")
            return max(step.seconds, min(MOST_PAUSE, 2.0 ** min(failures, 10)))
        if self._failed.pop(step.name, 0):
            log.info("housekeeping_recovered", step=step.name)
        return step.seconds
