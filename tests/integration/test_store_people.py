"""Labels, batches and pins on both databases: who counts, what wins, and that nothing of it is ever changed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier
from time import sleep

import pytest
from sqlalchemy import event

from classifier.errors import BatchNotFound, ReviewRefused
from classifier.store import LabelRepository, PinRepository, TrafficRepository

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_appended(store):
    """No test of this module may make a repository change or delete a label or a pin's event."""
    changes = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def _see(connection, cursor, statement, parameters, context, executemany):
        words = statement.replace('"', "").split()
        if words[0] == "UPDATE" and words[1] in {"labels", "pin_events"}:
            changes.append(statement)
        if words[0] == "DELETE" and words[2] in {"labels", "pin_events"}:
            changes.append(statement)

    yield
    assert changes == []


class Desk:
    """Gives labels as people do, each in a batch of its own."""

    def __init__(self, store):
        self._store, self._minutes = store, count()

    def say(self, template, who, category, *, source="http", state="accepted", taxonomy="standard", note=None):
        """Give one label and return its id and its batch's."""
        at = NOW + timedelta(minutes=next(self._minutes))
        with self._store.session() as session:
            TrafficRepository(session).remember(template, f"text of {template}", at)
            labels = LabelRepository(session)
            batch = labels.open_batch(who=who, at=at, state=state, reason=None)
            label = labels.add(
                template_id=template,
                taxonomy=taxonomy,
                taxonomy_version="1",
                category=category,
                who=who,
                source=source,
                batch_id=batch.id,
                at=at,
                note=note,
                model_category="undetermined",
                model_confidence=0.5,
            )
        return label.id, batch.id

    def agreed(self, taxonomy="standard", **kwargs):
        with self._store.reading() as session:
            return {one.template_id: one.category for one in LabelRepository(session).agreed(taxonomy, **kwargs)}

    def conflicts(self, taxonomy="standard"):
        with self._store.reading() as session:
            return {one.template_id: one.votes for one in LabelRepository(session).conflicts(taxonomy)}


@pytest.fixture
def desk(store):
    return Desk(store)


def test_each_person_counts_once_with_their_newest_label(desk, store):
    for who, category in (("ann", "a"), ("ann", "a"), ("ann", "b"), ("bo", "b"), ("cy", "a")):
        desk.say("t", who, category)
    assert desk.agreed() == {"t": "b"}
    with store.reading() as session:
        newest = LabelRepository(session).newest_per_person("t", "standard")
        assert [(label.who, label.category) for label in newest] == [("ann", "b"), ("bo", "b"), ("cy", "a")]


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        pytest.param("a", "a", id="one person is a majority"),
        pytest.param("ab", None, id="a tie"),
        pytest.param("aab", "a", id="two of three"),
        pytest.param("aabc", None, id="the most, but not more than half"),
        pytest.param("aaabc", "a", id="three of five"),
    ],
)
def test_a_strict_majority_wins_and_everything_else_is_a_conflict(desk, votes, winner):
    for i, category in enumerate(votes):
        desk.say("t", f"person {i}", category)
    assert desk.agreed() == ({"t": winner} if winner else {})
    assert list(desk.conflicts()) == ([] if winner else ["t"])


def test_a_conflict_says_who_says_what_and_ends_when_somebody_changes_their_mind(desk):
    desk.say("t", "ann", "a")
    desk.say("t", "bo", "b")
    desk.say("other", "bo", "b")
    assert desk.conflicts() == {"t": {"a": ("ann",), "b": ("bo",)}}
    desk.say("t", "bo", "a")
    assert desk.conflicts() == {}
    assert desk.agreed() == {"t": "a", "other": "b"}


def test_an_agreement_carries_all_that_training_needs(desk, store):
    desk.say("t", "ann", "b")
    desk.say("t", "bo", "a", source="import")
    last, _ = desk.say("t", "cy", "a", source="console")
    with store.reading() as session:
        (one,) = LabelRepository(session).agreed("standard")
    assert (one.text, one.category, one.votes, one.voters) == ("text of t", "a", 2, 3)
    assert (one.who, one.sources, one.label_id) == (("bo", "cy"), ("import", "console"), last)
    assert (one.at, one.model_category, one.model_confidence) == (NOW + timedelta(minutes=2), "undetermined", 0.5)


def test_taxonomies_do_not_mix(desk):
    desk.say("t", "ann", "a")
    desk.say("t", "bo", "z", taxonomy="acme")
    assert desk.agreed() == {"t": "a"}
    assert desk.agreed("acme") == {"t": "z"}


def test_only_labels_of_accepted_batches_count(desk, store):
    desk.say("t", "ann", "a")
    _, waiting = desk.say("t", "bo", "b", state="quarantined")
    assert desk.agreed() == {"t": "a"}
    assert desk.conflicts() == {}
    with store.session() as session:
        LabelRepository(session).review(waiting, accept=True, by="cy", at=NOW)
    assert desk.agreed() == {}
    assert list(desk.conflicts()) == ["t"]


def test_a_model_can_be_rebuilt_as_if_a_source_or_a_person_had_said_nothing(desk):
    desk.say("t", "ann", "a")
    desk.say("t", "ann", "b", source="import")
    desk.say("u", "mal", "b", source="import")
    assert desk.agreed() == {"t": "b", "u": "b"}
    assert desk.agreed(without_sources=["import"]) == {"t": "a"}
    assert desk.agreed(without_who=["mal"]) == {"t": "b"}
    assert desk.agreed(without_who=["mal", "ann"]) == {}


def test_what_came_in_since_a_run_is_told_by_the_last_id_that_it_read(desk, store):
    desk.say("t", "ann", "a")
    first, _ = desk.say("u", "ann", "a")
    with store.reading() as session:
        assert LabelRepository(session).last_id() == first
    desk.say("t", "ann", "b")
    assert desk.agreed(since=(first, NOW + timedelta(days=1))) == {"t": "b"}


def test_what_a_second_person_let_in_later_is_news_though_it_was_given_before(desk, store):
    _, batch = desk.say("waited", "ann", "a", state="quarantined")
    last, _ = desk.say("t", "ann", "a")
    read = NOW + timedelta(hours=1)
    assert desk.agreed(since=(last, read)) == {}
    with store.session() as session:
        LabelRepository(session).review(batch, accept=True, by="bo", at=read + timedelta(hours=1))
    assert desk.agreed(since=(last, read)) == {"waited": "a"}
    assert desk.agreed(since=(last, read + timedelta(hours=2))) == {}


def test_an_empty_store_has_no_labels(store):
    with store.reading() as session:
        labels = LabelRepository(session)
        assert (labels.last_id(), labels.agreed("standard"), labels.quarantined()) == (0, [], [])
        assert labels.count_since("ann", NOW) == 0


def test_labels_are_counted_by_person_and_time(desk, store):
    for state in ("accepted", "quarantined", "accepted"):
        desk.say("t", "ann", "a", state=state)
    desk.say("t", "bo", "a")
    with store.reading() as session:
        labels = LabelRepository(session)
        assert labels.count_since("ann", NOW) == 3
        assert labels.count_since("ann", NOW + timedelta(minutes=1)) == 2


def test_a_batch_waits_for_a_second_person(desk, store):
    label, waiting = desk.say("t", "ann", "a", state="quarantined", note="call jane@acme.example")
    with store.session() as session:
        labels = LabelRepository(session)
        assert [batch.id for batch in labels.quarantined()] == [waiting]
        assert [(one.id, one.note) for one in labels.of_batch(waiting)] == [(label, "call [ADDR]")]
        with pytest.raises(ReviewRefused, match="second person"):
            labels.review(waiting, accept=True, by="ann", at=NOW)
        batch = labels.review(waiting, accept=False, by="bo", at=NOW)
        assert (batch.state, batch.reviewed_by, batch.reviewed_at) == ("rejected", "bo", NOW)
        with pytest.raises(ReviewRefused, match="rejected already"):
            labels.review(waiting, accept=True, by="cy", at=NOW)
        with pytest.raises(BatchNotFound):
            labels.review(waiting + 1, accept=True, by="cy", at=NOW)
    with store.reading() as session:
        assert LabelRepository(session).quarantined() == []


def test_of_two_who_review_at_once_one_is_refused(desk, store):
    _, waiting = desk.say("t", "ann", "a", state="quarantined")

    both_have_looked = Barrier(2)

    def review(by):
        with store.session() as session:
            labels = LabelRepository(session)
            seen = labels.quarantined()
            if store.engine.dialect.name == "postgresql":  # SQLite lets one in at a time
                assert seen
                both_have_looked.wait(20)
            try:
                return labels.review(waiting, accept=by == "bo", by=by, at=NOW).state
            except ReviewRefused:
                return None

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(review, ["bo", "cy"]))
    assert outcomes.count(None) == 1


def test_transactions_of_one_person_wait_for_each_other(desk, store):
    def give_if_none(_):
        with store.session() as session:
            labels = LabelRepository(session)
            labels.alone("ann")
            if labels.count_since("ann", NOW):
                return 0
            sleep(0.05)  # time for others to count as well
            TrafficRepository(session).remember("t", "text", NOW)
            batch = labels.open_batch(who="ann", at=NOW)
            fields = {"template_id": "t", "taxonomy": "standard", "taxonomy_version": "1", "category": "a"}
            labels.add(**fields, who="ann", source="http", batch_id=batch.id, at=NOW)
            return 1

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(give_if_none, range(12))) == 1


PIN = {"template_id": "t", "taxonomy": "standard"}


def pins(store, at=NOW):
    with store.reading() as session:
        return PinRepository(session).active(at)


def test_the_newest_event_of_a_template_and_taxonomy_counts(store):
    with store.session() as session:
        repository = PinRepository(session)
        repository.set(**PIN, category="a", who="ann", why="label", at=NOW)
        repository.set(**PIN, category="b", who="bo", why="see jane@acme.example", at=NOW + timedelta(minutes=1))
        repository.set(template_id="t", taxonomy="acme", category="z", who="bo", why="label", at=NOW)
    assert {key: pin.category for key, pin in pins(store).items()} == {("t", "standard"): "b", ("t", "acme"): "z"}
    assert pins(store)["t", "standard"].why == "see [ADDR]"
    with store.session() as session:
        PinRepository(session).remove(**PIN, who="cy", why="learned", at=NOW + timedelta(minutes=2))
    assert list(pins(store)) == [("t", "acme")]
    with store.reading() as session:
        trail = PinRepository(session).history("t")
    assert [(e.category, e.who) for e in trail] == [("a", "ann"), ("b", "bo"), ("z", "bo"), (None, "cy")]


def test_a_pin_expires_at_its_time_and_uncovers_nothing_older(store):
    until = NOW + timedelta(hours=1)
    with store.session() as session:
        PinRepository(session).set(**PIN, category="a", who="ann", why="label", at=NOW)
        PinRepository(session).set(**PIN, category="b", who="ann", why="label", at=NOW, expires_at=until)
    assert pins(store, until - timedelta(seconds=1))["t", "standard"].expires_at == until
    assert pins(store, until) == {}


def test_the_stamp_changes_with_every_event_even_one_that_commits_late(store):
    def stamp():
        with store.reading() as session:
            return PinRepository(session).stamp()

    seen = [stamp()]
    with store.session() as session:
        PinRepository(session).set(**PIN, category="a", who="ann", why="label", at=NOW)
    seen.append(stamp())
    assert stamp() == seen[-1]
    if store.engine.dialect.name == "postgresql":  # SQLite has one writer at a time
        with store.session() as late:
            PinRepository(late).set(**PIN, category="b", who="ann", why="label", at=NOW)
            with store.session() as session:
                PinRepository(session).set(**PIN, category="c", who="bo", why="label", at=NOW)
            seen.append(stamp())
    with store.session() as session:
        PinRepository(session).remove(**PIN, who="ann", why="learned", at=NOW)
    seen.append(stamp())
    assert len(set(seen)) == len(seen)
