"""The periodic job's clock: a cron expression, and in between a look whether labels or drift ask for a run.

    clock -> `rebound-train run` in a process of its own

A child, for a training run fills gigabytes that Python would not give back, and for a run that dies takes nothing with it.
Where a clock is at hand already (cron, systemd, Kubernetes; see deploy/) it can call `rebound-train run` itself.
"""

import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import tzinfo
from threading import Lock
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger("rebound.train")

LATE_SECONDS = 3_600
"""A run that the machine slept through is made up for, if it was to begin in the last hour."""
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<first>\*|[0-7])(?:-(?P<last>[0-7]))?(?:/(?P<step>[1-9]))?")


def trigger_of(cron: str, timezone: tzinfo) -> BaseTrigger:
    """Return when a cron expression fires, as cron itself reads it.

    The library counts weekdays from Monday where cron counts from Sunday, and asks for day and weekday to fit where cron
    asks for one of them.

    Raises:
        ValueError: It is no expression of five fields.
    """
    fields = cron.split()
    if len(fields) != 5:
        raise ValueError(f"{cron!r} has {len(fields)} fields, not minute, hour, day, month, weekday")
    minute, hour, day, month, weekday = fields
    named = _weekdays(weekday)

    def at(day: str, named: str) -> CronTrigger:
        return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=named, timezone=timezone)

    if day != "*" and weekday != "*":
        return OrTrigger([at(day, "*"), at("*", named)])
    return at(day, named)


def _weekdays(field: str) -> str:
    if field == "*":
        return field
    names: list[str] = []
    for part in field.lower().split(","):
        found = _PART.fullmatch(part)
        if found is None:
            names.append(part)  # "mon-fri", "2nd tue": the library's own words
            continue
        first = 0 if found["first"] == "*" else int(found["first"])
        last = 6 if found["first"] == "*" else int(found["last"] or found["first"])
        names += [_DAYS[number % 7] for number in range(first, last + 1, int(found["step"] or 1))]
    return ",".join(dict.fromkeys(names))


class Child:
    """Runs one command at a time, and ends it when it is told to.

    Args:
        command: What is started, before a run's own arguments.
    """

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "training")) -> None:
        self._command = list(command)
        self._one_at_a_time = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self, *arguments: str) -> int | None:
        """Run the command and return its exit status, after a run that goes on.

        None: none may begin any more, or one goes on and this would only have looked whether another is needed.
        """
        if not self._one_at_a_time.acquire(blocking="--if-needed" not in arguments):
            log.info("a run goes on; this look is left out")
            return None
        try:
            if self._stopped:
                return None
            self._process = subprocess.Popen([*self._command, *arguments])
            status = self._process.wait()
        finally:
            self._process = None
            self._one_at_a_time.release()
        log.log(logging.INFO if status == 0 else logging.ERROR, "run ended with status %d", status)
        return status

    def stop(self) -> None:
        """Tell a run that goes on to end; it cleans up after itself."""
        self._stopped = True
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()


def scheduler_of(run: Callable[..., object], cron: str, timezone: tzinfo, *, arguments: Sequence[str], watch_minutes: int) -> BlockingScheduler:  # fmt: skip
    """Return a scheduler that has both jobs and is not started.

    Args:
        run: Called with the arguments of `rebound-train`.
        cron: When a run begins.
        timezone: Of `cron`.
        arguments: Of every run.
        watch_minutes: How often labels and drift are looked at; 0 for never.

    Raises:
        ValueError: See `trigger_of`.
    """
    scheduler = BlockingScheduler(executors={"default": ThreadPoolExecutor(2)}, timezone=timezone)
    rules = {"coalesce": True, "max_instances": 1, "misfire_grace_time": LATE_SECONDS}
    asked = ["run", *arguments, "--cause", "schedule"]
    scheduler.add_job(run, trigger_of(cron, timezone), args=asked, id="run", **rules)
    if watch_minutes:
        trigger = IntervalTrigger(minutes=watch_minutes, timezone=timezone)
        scheduler.add_job(run, trigger, args=["run", *arguments, "--if-needed"], id="watch", **rules)
    return scheduler


def serve(scheduler: BlockingScheduler, child: Child) -> None:
    """Run until SIGTERM or SIGINT; a run that goes on is told to end, and waited for."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        log.info("told to stop by signal %d", number)
        child.stop()
        scheduler.shutdown(wait=False)

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    scheduler.start()
