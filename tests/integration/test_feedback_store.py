"""The desk on SQLite and on PostgreSQL: the same rules, also for people who speak at the same moment."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.callers import Caller
from classifier.domain import ParseLimits, Prediction, Source
from classifier.feedback.desk import FeedbackDesk
from classifier.pins import Pins
from classifier.pipeline import Pipeline
from classifier.record import read_record
from classifier.store import FeedbackRepository, LabelRepository, PinRepository
from classifier.taxonomy import standard_taxonomy

WORDS = "amber birch cedar dune ember fjord grove heath iris jade kelp larch maple nettle oak pine quartz reed sage thyme".split()
TEXT = "550 amber of many minds"


class Model:
    """Always sure of user_unknown."""

    label = "test/1"
    source = Source.MODEL

    def predict(self, templates):
        return [
            Prediction(probabilities={"user_unknown": 1.0}, source=self.source, model=self.label) for _ in templates
        ]


def person(name):
    return Caller(who=f"key:{name}")


@pytest.fixture
def process(store):
    """Make the desk of a process of its own; all share the database."""

    def make():
        pins = Pins()
        pipeline = Pipeline(Model(), standard_taxonomy(), limits=ParseLimits(), pins=pins)
        return FeedbackDesk(store, pipeline, pins, labels_per_hour=1_000, pin_days=None), pipeline, pins

    return make


def say(desk, who, category, text=TEXT):
    return desk.give([{"text": text, "category": category}], person(who), source="http")[0]


def held(store):
    from classifier.pins import now

    with store.reading() as session:
        return {pin.category for pin in PinRepository(session).active(now()).values()}


def test_a_label_is_pinned_here_at_once_and_there_by_the_next_look(process, store):
    (desk, here, _), (_, there, their_pins) = process(), process()
    result = say(desk, "ann", "mailbox_full")
    assert (result.state, result.outcome.holds) == ("accepted", "mailbox_full")
    failure = read_record({"text": TEXT}).failure
    assert here.classify([failure])[0].verdict.source is Source.PIN
    assert there.classify([failure])[0].verdict.source is Source.MODEL
    with store.reading() as session:
        assert their_pins.refresh(PinRepository(session))
    assert there.classify([failure])[0].verdict.category == "mailbox_full"


def test_one_person_who_says_the_same_in_many_threads_says_it_once(process, store):
    desks = [process()[0] for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda desk: say(desk, "ann", "mailbox_full"), desks))
    assert sorted(result.state for result in results) == ["accepted", *["already"] * 7]
    assert len({result.label_id for result in results}) == 1
    with store.reading() as session:
        assert LabelRepository(session).last_id() == results[0].label_id
        assert len(FeedbackRepository(session).recent("standard", 100)) == 1


def test_people_who_disagree_at_the_same_moment_see_each_other(process, store):
    desks = [process()[0] for _ in range(8)]
    said = [(f"p{i}", "mailbox_full" if i % 2 else "greylisted") for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: say(pair[0], *pair[1]), zip(desks, said, strict=True)))
    with store.reading() as session:
        (conflict,) = LabelRepository(session).conflicts("standard")
    assert {category: len(who) for category, who in conflict.votes.items()} == {"mailbox_full": 4, "greylisted": 4}
    assert held(store) == set()
    assert say(desks[0], "p0", "mailbox_full").outcome.holds == "mailbox_full"
    assert held(store) == {"mailbox_full"}


def test_poison_drop_by_drop_from_many_processes_is_taken_back(process, store):
    desks = [process()[0] for _ in range(4)]
    texts = [f"550 {word} of one mind" for word in WORDS] + ["550 thyme and sage", "550 sage and reed"]
    with ThreadPoolExecutor(4) as pool:
        states = [
            result.state
            for result in pool.map(lambda i: say(desks[i % 4], "poisoner", "mailbox_full", texts[i]), range(len(texts)))
        ]
    assert sorted(states) == ["accepted"] * 19 + ["quarantined"] * 3
    assert held(store) == set()
    with store.reading() as session:
        waiting = FeedbackRepository(session).waiting({"standard"}, 100)
    assert len(waiting) == 22
    for batch, _ in waiting:
        desks[0].review(batch.id, accept=True, by="key:ann")
    assert held(store) == {"mailbox_full"}


def test_a_large_batch_is_one_transaction(process, store):
    desk, _, pins = process()
    texts = [f"550 {a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:2]]
    results = desk.give([{"text": text, "category": "user_unknown"} for text in texts], person("ann"), source="import")
    assert {result.state for result in results} == {"accepted"}
    assert len(pins) == len(texts) == 800
