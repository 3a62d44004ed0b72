"""When a cron expression fires, and that one run goes on at a time."""

import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from training.schedule import Child, scheduler_of, trigger_of


def fires(cron, after, n=3, timezone=UTC):
    trigger, out, now = trigger_of(cron, timezone), [], datetime.fromisoformat(after).replace(tzinfo=timezone)
    previous = None
    for _ in range(n):
        previous = trigger.get_next_fire_time(previous, now)
        out.append(previous.isoformat(timespec="minutes")[:16])
        now = previous
    return out


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        pytest.param("17 3 * * *", ["2026-11-02T03:17", "2026-11-03T03:17", "2026-11-04T03:17"], id="every night"),
        pytest.param("0 4 * * 0", ["2026-11-08T04:00", "2026-11-15T04:00", "2026-11-22T04:00"], id="0 is Sunday"),
        pytest.param("0 4 * * 7", ["2026-11-08T04:00", "2026-11-15T04:00", "2026-11-22T04:00"], id="7 is Sunday too"),
        pytest.param("0 4 * * 1-3", ["2026-11-02T04:00", "2026-11-03T04:00", "2026-11-04T04:00"], id="a range"),
        pytest.param("0 4 * * 5,6", ["2026-11-06T04:00", "2026-11-07T04:00", "2026-11-13T04:00"], id="a list"),
        pytest.param("0 4 * * mon", ["2026-11-02T04:00", "2026-11-09T04:00", "2026-11-16T04:00"], id="a name"),
        pytest.param("0 4 * * */3", ["2026-11-04T04:00", "2026-11-07T04:00", "2026-11-08T04:00"], id="a step"),
        pytest.param("0 4 15 * 5", ["2026-11-06T04:00", "2026-11-13T04:00", "2026-11-15T04:00"], id="day or weekday"),
        pytest.param(
            "*/30 * * * *", ["2026-11-02T00:00", "2026-11-02T00:30", "2026-11-02T01:00"], id="every half hour"
        ),
    ],
)
def test_cron_is_read_as_cron_reads_it(cron, expected):
    assert fires(cron, "2026-11-02T00:00") == expected  # a Monday


def test_the_time_zone_is_that_of_the_expression():
    trigger = trigger_of("0 3 * * *", ZoneInfo("Asia/Tokyo"))
    first = trigger.get_next_fire_time(None, datetime(2026, 11, 2, tzinfo=UTC))
    assert first.astimezone(UTC).hour == 18


@pytest.mark.parametrize("cron", ["", "* * * *", "61 3 * * *", "17 3 * * funday", "@daily"])
def test_what_is_no_cron_expression_is_refused(cron):
    with pytest.raises(ValueError, match=r".+"):
        trigger_of(cron, UTC)


def test_both_jobs_are_planned_and_a_late_one_runs_once():
    asked = []
    scheduler = scheduler_of(lambda *a: asked.append(a), "17 3 * * *", UTC, arguments=["--profile", "heads"], watch_minutes=15)  # fmt: skip
    run, watch = scheduler.get_jobs()
    assert run.args == ("run", "--profile", "heads", "--cause", "schedule")
    assert watch.args == ("run", "--profile", "heads", "--if-needed")
    assert {(job.coalesce, job.max_instances) for job in (run, watch)} == {(True, 1)}
    without = scheduler_of(print, "17 3 * * *", UTC, arguments=[], watch_minutes=0)
    assert [job.id for job in without.get_jobs()] == ["run"]


def running(child, *arguments):
    thread = threading.Thread(target=child.run, args=arguments)
    thread.start()
    return thread


def test_a_look_is_left_out_while_a_run_goes_on():
    child = Child([sys.executable, "-c", "import time; time.sleep(60)"])
    thread = running(child)
    while child._process is None:
        time.sleep(0.01)
    assert child.run("--if-needed") is None
    child.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert child.run() is None  # none begins any more


_ONCE = """
import sys, time
from pathlib import Path
with Path(sys.argv[1]).open("a") as file:
    file.write("begun\\n")
while not Path(sys.argv[1]).with_suffix(".go").exists():
    time.sleep(0.01)
"""


def test_the_nightly_run_waits_for_a_look_that_goes_on(tmp_path):
    begun = tmp_path / "begun"
    child = Child([sys.executable, "-c", _ONCE, str(begun)])
    look = running(child, "--if-needed")
    while not begun.exists():
        time.sleep(0.01)
    nightly = running(child)
    time.sleep(0.1)
    assert nightly.is_alive()
    (tmp_path / "begun.go").touch()
    for thread in (look, nightly):
        thread.join(30)
    assert begun.read_text() == "begun\nbegun\n"


def test_a_run_that_waits_does_not_begin_after_the_stop():
    child = Child([sys.executable, "-c", "import time; time.sleep(60)"])
    first = running(child, "--if-needed")
    while child._process is None:
        time.sleep(0.01)
    second = running(child)
    child.stop()
    for thread in (first, second):
        thread.join(10)
        assert not thread.is_alive()


def test_the_exit_status_of_a_run_is_told():
    assert Child([sys.executable, "-c", "raise SystemExit(75)"]).run() == 75


_SERVE = """
import sys
from datetime import UTC
from training.schedule import Child, scheduler_of, serve
child = Child([sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"])
scheduler = scheduler_of(child.run, "17 3 * * *", UTC, arguments=[], watch_minutes=0)
from datetime import datetime
scheduler.get_job("run").modify(next_run_time=datetime.now(UTC))
serve(scheduler, child)
print("ended")
"""


def test_sigterm_ends_the_run_that_goes_on_and_then_the_scheduler():
    process = subprocess.Popen([sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert out == "ended\n"
    assert process.returncode == 0
