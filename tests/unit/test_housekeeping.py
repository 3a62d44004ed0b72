from threading import Event

import pytest
from structlog.testing import capture_logs

from api.housekeeping import Housekeeping, Step
from classifier.errors import BundleRefused


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_each_step_runs_at_once_and_then_at_its_own_pace(clock):
    done = []
    steps = [
        Step(name="quick", seconds=1, run=lambda: done.append("quick")),
        Step(name="slow", seconds=5, run=lambda: done.append("slow")),
    ]
    house = Housekeeping(steps, clock=clock)
    for clock.now in range(6):
        house.run_due()
    assert done.count("quick") == 6
    assert done.count("slow") == 2
    assert done[:2] == ["quick", "slow"]


def test_it_says_how_long_nothing_is_due(clock):
    house = Housekeeping([Step(name="a", seconds=3, run=lambda: None)], clock=clock)
    assert house.run_due() == 3
    clock.now = 2
    assert house.run_due() == 1


def test_a_step_that_fails_stops_no_other_is_tried_again_and_is_logged_once(clock):
    state = {"down": True, "others": 0}

    def fail():
        if state["down"]:
            raise BundleRefused("the database does not answer")

    def other():
        state["others"] += 1

    steps = [Step(name="store", seconds=1, run=fail), Step(name="other", seconds=1, run=other)]
    house = Housekeeping(steps, clock=clock)
    with capture_logs() as logs:
        for clock.now in range(8):
            house.run_due()
        state["down"] = False
        for clock.now in range(8, 20):
            house.run_due()
    assert state["others"] == 20
    assert [(line["event"], line["step"]) for line in logs] == [
        ("housekeeping_failed", "store"),
        ("housekeeping_recovered", "store"),
    ]
    assert logs[0]["reason"] == "the database does not answer"


def test_a_step_that_goes_on_failing_is_tried_less_and_less_often(clock):
    tried = []

    def fail():
        tried.append(clock.now)
        raise BundleRefused

    house = Housekeeping([Step(name="store", seconds=1, run=fail)], clock=clock)
    for clock.now in range(60):
        house.run_due()
    assert tried == [0, 2, 6, 14, 24, 34, 44, 54]


def test_words_of_a_foreign_error_stay_out_of_the_log(clock):
    def fail():
        raise RuntimeError("could not insert jo@example.org")

    with capture_logs() as logs:
        Housekeeping([Step(name="a", seconds=1, run=fail)], clock=clock).run_due()
    assert "jo@example.org" not in str(logs)


def test_the_thread_does_what_is_for_the_stop_once_more():
    ran, started = [], Event()

    def note():
        ran.append(1)
        started.set()

    house = Housekeeping(
        [
            Step(name="flush", seconds=3_600, run=note, at_stop=True),
            Step(name="poll", seconds=3_600, run=lambda: ran.append(2)),
        ]
    )
    assert house.start(patience=5)
    assert started.is_set()
    assert ran == [1, 2]
    house.stop(patience=5)
    assert ran == [1, 2, 1]


def test_a_slow_first_round_does_not_hold_up_the_start():
    held = Event()
    house = Housekeeping([Step(name="slow", seconds=1, run=lambda: held.wait(5))])
    assert not house.start(patience=0.05)
    held.set()
    house.stop(patience=5)
