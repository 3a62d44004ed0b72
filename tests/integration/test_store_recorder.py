"""Counting in memory and flushing: few writes, right figures, nothing lost while the database is away."""

import timeit
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import structlog
from sqlalchemy import event

from classifier.domain import Action, Failure, Fault, Kind, Permanence, Scope, Source, Verdict
from classifier.errors import StoreUnavailable
from classifier.normalise import template_id
from classifier.pipeline import Answer
from classifier.store import LabelRepository, PinRepository, Recorder, TrafficRepository, recorder

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERDICT = Verdict(
    category="user_unknown",
    confidence=0.75,
    alternatives=(),
    permanence=Permanence.PERMANENT,
    fault=Fault.RECIPIENT,
    action=Action.SUPPRESS,
    scope=Scope.RECIPIENT,
    retry_after_s=None,
    blocklist=None,
    provider=None,
    source=Source.MODEL,
    model="m/1",
    taxonomy="standard/1",
)


def answer(text="550 no such user", kind=Kind.FAILURE, **verdict):
    return Answer(
        failure=Failure(kind=kind), template=text, template_id=template_id(text), verdict=replace(VERDICT, **verdict)
    )


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands at noon until a test sets it."""

    class Clock:
        now = NOON

        def time(self):
            return self.now.timestamp()

    clock = Clock()
    monkeypatch.setattr(recorder, "time", clock.time)
    return clock


def traffic(store, since=DAY, until=DAY, taxonomy="standard"):
    with store.reading() as session:
        return TrafficRepository(session).traffic(since, until, taxonomy=taxonomy)


def rows_written(store):
    """Count the rows that are sent to the database, by table, from now on."""
    sent = Counter()

    @event.listens_for(store.engine, "before_cursor_execute")
    def _count(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("INSERT"):
            sent[statement.split()[2]] += len(parameters) if executemany else 1

    return sent


def test_a_million_answers_of_a_thousand_wordings_are_a_thousand_rows(store, clock):
    answers = [answer(f"550 wording {i}", provider=("google", None)[i % 2]) for i in range(1_000)]
    recorder = Recorder()
    for one in answers:
        for _ in range(1_000):
            recorder.record((one,))
    sent = rows_written(store)
    assert recorder.flush(store) == 1_000
    assert sent == {"templates": 1_000, "counts": 1_000, "decisions": 1_000}
    found = traffic(store)
    assert len(found) == 1_000
    assert {row.n for row in found} == {1_000}
    assert Counter(row.provider for row in found) == {"google": 500, "": 500}


def test_counting_a_known_answer_takes_under_three_microseconds():
    recorder, answers = Recorder(), [answer(f"550 wording {i}") for i in range(200)]
    recorder.record(answers)
    best = min(timeit.repeat(lambda: recorder.record(answers), number=1, repeat=50))
    assert best / len(answers) < 3e-6


def test_flushes_add_up_by_day_provider_and_taxonomy(store, clock):
    recorder = Recorder()
    recorder.record([answer(), answer(), answer(provider="google"), answer(taxonomy="acme/7", category="other")])
    recorder.flush(store)
    recorder.record([answer()])
    clock.now = NOON + timedelta(hours=12)
    recorder.record([answer()])
    assert recorder.flush(store) == 2
    assert recorder.flush(store) == 0
    counted = {(row.day, row.provider, row.taxonomy): row.n for row in traffic(store, until=date.max, taxonomy=None)}
    assert counted == {
        (DAY, "", "standard"): 3,
        (DAY, "google", "standard"): 1,
        (DAY, "", "acme"): 1,
        (DAY + timedelta(days=1), "", "standard"): 1,
    }
    assert [row.n for row in traffic(store, since=DAY + timedelta(days=1), until=DAY + timedelta(days=1))] == [1]


def test_the_decision_is_the_last_answer_and_first_seen_the_first(store, clock):
    recorder = Recorder()
    recorder.record([answer()])
    clock.now = NOON + timedelta(minutes=1)
    recorder.record([answer(category="mailbox_full", confidence=0.9, action=Action.RETRY, source=Source.PIN)])
    recorder.flush(store)
    (row,) = traffic(store)
    assert (row.category, row.confidence, row.action, row.source) == ("mailbox_full", 0.9, "retry", "pin")
    assert (row.n, row.first_seen, row.text) == (2, NOON, "550 no such user")
    clock.now = NOON + timedelta(minutes=2)
    recorder.record([answer()])
    recorder.flush(store)
    with store.reading() as session:
        template = TrafficRepository(session).template(template_id("550 no such user"))
    assert (template.first_seen, template.last_seen) == (NOON, NOON + timedelta(minutes=2))
    assert traffic(store)[0].category == "user_unknown"


def test_an_older_decision_that_is_flushed_late_does_not_replace_a_newer_one(store, clock):
    late, prompt = Recorder(), Recorder()
    late.record([answer(category="mailbox_full")])
    clock.now = NOON + timedelta(minutes=1)
    prompt.record([answer(category="user_unknown")])
    prompt.flush(store)
    late.flush(store)
    (row,) = traffic(store)
    assert (row.category, row.n, row.first_seen) == ("user_unknown", 2, NOON)


def test_only_failures_and_delays_are_counted(store, clock):
    recorder = Recorder()
    recorder.record([answer(kind.value, kind=kind) for kind in Kind])
    recorder.flush(store)
    assert {row.text for row in traffic(store)} == {"failure", "delayed"}


def test_a_failed_flush_loses_nothing_and_counts_nothing_twice(store, clock, monkeypatch):
    recorder = Recorder()
    recorder.record([answer("a"), answer("b")])

    def fail(*_):
        recorder.record([answer("b"), answer("c")])
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(TrafficRepository, "upsert_decisions", fail)
        with pytest.raises(ZeroDivisionError):
            recorder.flush(store)
    assert traffic(store) == []
    assert len(recorder) == 3
    assert recorder.flush(store) == 3
    assert {row.text: row.n for row in traffic(store)} == {"a": 1, "b": 2, "c": 1}


def test_answers_beyond_the_bound_are_dropped_and_said_once_a_flush(store, clock, monkeypatch):
    recorder = Recorder(size=2)
    recorder.record([answer(f"wording {i}") for i in range(5)])
    recorder.record([answer("wording 0"), answer("wording 4")])
    with structlog.testing.capture_logs() as logs:
        assert recorder.flush(store) == 2
        recorder.flush(store)
    assert [(line["event"], line["n"]) for line in logs] == [("answers_not_counted", 4)]
    assert recorder.dropped == 4
    assert {row.text: row.n for row in traffic(store)} == {"wording 0": 2, "wording 1": 1}


def test_what_a_flush_holds_counts_against_the_bound(store, clock, monkeypatch):
    recorder = Recorder(size=2)
    recorder.record([answer("a"), answer("b")])

    def fail(*_):
        recorder.record([answer("b"), answer("c")])
        raise StoreUnavailable

    monkeypatch.setattr(TrafficRepository, "upsert_counts", fail)
    with pytest.raises(StoreUnavailable):
        recorder.flush(store)
    assert len(recorder) == 2


def test_threads_count_while_others_flush(store, clock):
    recorder, answers = Recorder(), [answer(f"wording {i}") for i in range(50)]

    def count(_):
        for _ in range(40):
            recorder.record(answers)
            recorder.record(answers[:1])

    with ThreadPoolExecutor(6) as pool:
        counting = [pool.submit(count, i) for i in range(4)]
        while not all(one.done() for one in counting):
            pool.submit(recorder.flush, store).result()
        for one in counting:
            one.result()
    recorder.flush(store)
    counted = {row.text: row.n for row in traffic(store)}
    assert counted == {f"wording {i}": 160 if i else 320 for i in range(50)}


def test_processes_that_flush_the_same_keys_add_up_and_never_block_each_other(store, in_processes):
    in_processes(
        4,
        """
from test_store_recorder import answer
def work(i, url):
    store, recorder = open_store(url), Recorder()
    answers = [answer(f"wording {n}") for n in range(500)]
    for _ in range(5):
        recorder.record(answers[:: -1 if i % 2 else 1])
        recorder.flush(store)
""",
    )
    found = traffic(store, since=date.min, until=date.max)
    assert sum(row.n for row in found) == 4 * 5 * 500
    assert len({row.text for row in found}) == 500


def test_what_a_database_refuses_in_a_text_or_name_holds_nothing_up(store, clock):
    recorder = Recorder()
    odd = Answer(
        failure=Failure(kind=Kind.FAILURE),
        template="nul \0 and half a pair \ud800",
        template_id="f" * 16,
        verdict=replace(VERDICT, model="m" * 200, category="c" * 200, provider="p" * 200),
    )
    recorder.record([odd, answer()])
    assert recorder.flush(store) == 2
    assert {row.text for row in traffic(store)} == {"nul  and half a pair ?", "550 no such user"}


def test_the_queue_shows_frequent_and_doubtful_templates_first_and_no_judged_ones(store, clock):
    recorder = Recorder()
    recorder.record([answer("rare and doubtful", confidence=0.3)] * 2)
    recorder.record([answer("frequent and doubtful", confidence=0.4)] * 50)
    recorder.record([answer("frequent and sure", confidence=1.0)] * 60)
    recorder.record([answer("judged", confidence=0.1)] * 100)
    recorder.record([answer("waits for a second person", confidence=0.1)] * 3)
    recorder.record([answer("under another taxonomy", confidence=0.1, taxonomy="acme/1")] * 100)
    recorder.flush(store)
    with store.session() as session:
        labels = LabelRepository(session)
        for text, state in (("judged", "accepted"), ("waits for a second person", "quarantined")):
            batch = labels.open_batch(who="by:ann", at=NOON, state=state)
            labels.add(
                template_id=template_id(text),
                taxonomy="standard",
                taxonomy_version="1",
                category="x",
                who="by:ann",
                source="http",
                batch_id=batch.id,
                at=NOON,
            )
    with store.reading() as session:
        repository = TrafficRepository(session)
        queue = repository.queue("standard", 10)
        assert repository.queue("standard", 10, since=DAY + timedelta(days=1)) == []
        assert repository.queue("standard", 1) == queue[:1]
    assert [one.text for one in queue] == [
        "frequent and doubtful",
        "waits for a second person",
        "rare and doubtful",
        "frequent and sure",
    ]
    assert (queue[0].n, queue[0].confidence, queue[0].first_seen) == (50, 0.4, NOON)


def test_old_counts_are_forgotten_with_templates_that_nobody_needs(store, clock):
    recorder = Recorder()
    recorder.record([answer("gone"), answer("pinned"), answer("still seen")])
    clock.now = NOON + timedelta(days=10)
    recorder.record([answer("still seen")])
    recorder.flush(store)
    with store.session() as session:
        pinned = {"template_id": template_id("pinned"), "taxonomy": "standard", "category": "x"}
        PinRepository(session).set(**pinned, who="by:ann", why="label", at=NOON)
    with store.session() as session:
        assert TrafficRepository(session).forget(DAY) == 0
        assert TrafficRepository(session).forget(DAY + timedelta(days=1)) == 3
    with store.reading() as session:
        ids = {text: template_id(text) for text in ("gone", "pinned", "still seen")}
        assert TrafficRepository(session).known(ids.values()) == {ids["pinned"], ids["still seen"]}
    assert [row.text for row in traffic(store, until=date.max)] == ["still seen"]
    recorder.record([answer("gone")])
    recorder.flush(store)
    assert {row.text for row in traffic(store, until=date.max)} == {"still seen", "gone"}


def test_many_ids_are_looked_up_in_pieces(store, clock):
    recorder = Recorder()
    recorder.record([answer("a"), answer("b")])
    recorder.flush(store)
    ids = [template_id(text) for text in ("a", "b", *(f"unknown {i}" for i in range(40_000)))]
    with store.reading() as session:
        assert TrafficRepository(session).known(ids) == set(ids[:2])
