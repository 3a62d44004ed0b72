"""The desk's rules, on a database in a temporary folder and with a model that is as sure as its texts say."""

from datetime import UTC, datetime, timedelta

import pytest

from api.callers import OPEN, Caller
from classifier.domain import ParseLimits, Prediction, Source
from classifier.errors import BatchNotFound, PinNotFound, ReviewRefused, SecondPersonNeeded
from classifier.feedback.desk import FeedbackDesk
from classifier.feedback.learned import settle_learned
from classifier.pins import Pins
from classifier.pipeline import Pipeline
from classifier.record import read_record
from classifier.store import FeedbackRepository, LabelRepository, PinRepository, open_store
from classifier.store.tables import PinEventRow
from classifier.taxonomy import standard_taxonomy

ANN, BOB, CID = Caller(who="key:ann"), Caller(who="key:bob"), Caller(who="key:cid")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


class Model:
    """Says user_unknown: surely, unless the text says "unsure"."""

    label = "test/1"
    source = Source.MODEL

    def predict(self, templates):
        sure = [0.5 if "unsure" in template else 0.99 for template in templates]
        return [
            Prediction(probabilities={"user_unknown": p, "undetermined": 1 - p}, source=self.source, model=self.label)
            for p in sure
        ]


class Fallback(Model):
    source = Source.FALLBACK


class Bench:
    """A desk with its database, its clock, and what a test wants to know of them."""

    def __init__(self, folder, *, model=None, **settings):
        self.now = NOON
        self.store = open_store(f"sqlite:///{folder}/rebound.db")
        self.pins = Pins(clock=lambda: self.now)
        self.pipeline = Pipeline(model or Model(), standard_taxonomy(), limits=ParseLimits(), pins=self.pins)
        self.desk = FeedbackDesk(
            self.store,
            self.pipeline,
            self.pins,
            **{"labels_per_hour": 1_000, "pin_days": None, "clock": lambda: self.now} | settings,
        )

    def give(self, *documents, giver=ANN, source="http"):
        return self.desk.give(documents, giver, source=source)

    def say(self, text, category, *, giver=ANN, **fields):
        return self.give({"text": text, "category": category, **fields}, giver=giver)[0]

    def answer(self, text):
        return self.pipeline.classify([read_record({"text": text}).failure])[0]

    def id_of(self, text):
        return self.answer(text).template_id

    def labels(self):
        with self.store.reading() as session:
            return FeedbackRepository(session).recent("standard", 10_000)

    def events(self, text):
        with self.store.reading() as session:
            return [(event.category, event.why) for event in PinRepository(session).history(self.id_of(text))]

    def waiting(self):
        with self.store.reading() as session:
            return FeedbackRepository(session).waiting(None, 1_000)


WORDS = "amber birch cedar dune ember fjord grove heath iris jade kelp larch maple nettle oak pine quartz reed sage thyme".split()


def texts(count, *, unsure=False):
    """Return texts of as many templates."""
    names = [f"{a} {b}" for a in WORDS for b in WORDS][:count]
    return [f"550 {name} {'unsure' if unsure else 'sure'}" for name in names]


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_a_label_is_kept_with_what_the_model_said_and_holds_at_once(bench):
    result = bench.say("550 sure of it", "mailbox_full", note="jo.doe@example.org said so")
    assert (result.state, result.outcome.holds, result.outcome.conflict) == ("accepted", "mailbox_full", False)
    verdict = bench.answer("550 sure of it").verdict
    assert (verdict.source, verdict.category) == (Source.PIN, "mailbox_full")
    ((label, batch),) = bench.labels()
    assert (label.id, label.who, label.source, label.taxonomy_version) == (result.label_id, "key:ann", "http", "1")
    assert (label.model_category, label.model_confidence) == ("user_unknown", 0.99)
    assert label.note == "[ADDR] said so"
    assert batch.state == "accepted"


def test_the_model_is_asked_for_its_own_answer_not_for_the_pin(bench):
    bench.say("550 sure of it", "mailbox_full")
    bench.say("550 sure of it", "mailbox_full", giver=BOB)
    assert {label.model_category for label, _ in bench.labels()} == {"user_unknown"}


def test_without_a_model_nobody_is_contradicted(tmp_path):
    bench = Bench(tmp_path, model=Fallback())
    results = bench.give(*({"text": text, "category": "mailbox_full"} for text in texts(30)))
    assert {result.state for result in results} == {"accepted"}
    assert {label.model_category for label, _ in bench.labels()} == {None}


def test_a_template_may_be_named_by_id_or_request_id_once_it_is_known(bench):
    bench.say("550 sure of it", "mailbox_full")
    template = bench.id_of("550 sure of it")
    by_id, by_request = bench.give(
        {"template_id": template, "category": "greylisted"},
        {"request_id": f"{template}.standard.00000000", "category": "greylisted"},
        giver=BOB,
    )
    assert (by_id.state, by_request.state) == ("conflict", "already")
    assert by_id.label_id == by_request.label_id
    assert by_id.opinion.text == "550 sure of it"


def test_each_bad_item_is_answered_in_its_place(bench):
    results = bench.give(
        {"text": "550 a sure", "category": "mailbox_full"},
        {"text": "550 a sure", "category": "no_such_category"},
        {"template_id": "0" * 16, "category": "mailbox_full"},
        "nonsense",
        {"text": "550 a sure", "category": "mailbox_full", "taxonomy": "acme"},
        {"text": "550 b sure", "category": "other"},
        {"text": "550 b sure", "category": "mailbox_full"},
    )
    codes = [getattr(result, "code", None) or result.state for result in results]
    assert codes == [
        "accepted", "unknown_category", "template_not_found", "invalid_input", "taxonomy_not_found", "unknown_category",
        "accepted",
    ]  # fmt: skip
    assert len(bench.labels()) == 2


def test_nothing_but_bad_items_writes_nothing(bench):
    assert [error.code for error in bench.give(5, {})] == ["invalid_input"] * 2
    assert bench.give() == []
    assert bench.labels() == []


def test_saying_the_same_again_adds_nothing_and_another_answer_does(bench):
    first = bench.say("550 sure of it", "mailbox_full")
    again = bench.say("550 sure of it", "mailbox_full")
    assert (again.state, again.label_id, again.outcome.holds) == ("already", first.label_id, "mailbox_full")
    assert len(bench.labels()) == 1
    assert len(bench.events("550 sure of it")) == 1
    changed = bench.say("550 sure of it", "greylisted")
    assert (changed.state, changed.outcome.holds) == ("accepted", "greylisted")
    back = bench.say("550 sure of it", "mailbox_full")
    assert back.state == "accepted"
    assert len(bench.labels()) == 3


def test_repetition_within_a_batch_is_seen_too(bench):
    same = {"text": "550 sure of it", "category": "mailbox_full"}
    other = {**same, "category": "greylisted"}
    results = bench.give(same, same, other, other, same)
    assert [result.state for result in results] == ["accepted", "already", "accepted", "already", "accepted"]
    assert results[0].label_id == results[1].label_id != results[4].label_id
    assert [result.outcome.holds for result in results] == ["mailbox_full"] * 5


def test_a_tie_is_a_conflict_and_a_majority_ends_it(bench):
    text = "550 sure of it"
    bench.say(text, "mailbox_full")
    tie = bench.say(text, "greylisted", giver=BOB)
    assert (tie.state, tie.outcome.holds) == ("conflict", None)
    assert bench.answer(text).verdict.source is Source.MODEL
    with bench.store.reading() as session:
        (conflict,) = LabelRepository(session).conflicts("standard")
    assert conflict.votes == {"mailbox_full": ("key:ann",), "greylisted": ("key:bob",)}
    third = bench.say(text, "greylisted", giver=CID)
    assert (third.state, third.outcome.holds) == ("accepted", "greylisted")
    assert bench.events(text) == [("mailbox_full", "label"), (None, "conflict"), ("greylisted", "label")]


def test_who_is_outvoted_is_heard_but_not_pinned(bench):
    for giver in (ANN, BOB):
        bench.say("550 sure of it", "mailbox_full", giver=giver)
    outvoted = bench.say("550 sure of it", "greylisted", giver=CID)
    assert (outvoted.state, outvoted.outcome.holds) == ("accepted", "mailbox_full")


def test_a_conflict_ends_when_the_other_changes_their_mind(bench):
    bench.say("550 sure of it", "mailbox_full")
    bench.say("550 sure of it", "greylisted", giver=BOB)
    agreed = bench.say("550 sure of it", "mailbox_full", giver=BOB)
    assert (agreed.state, agreed.outcome.holds) == ("accepted", "mailbox_full")


def test_names_count_as_persons_where_there_are_no_keys(bench):
    results = bench.give(
        {"text": "550 sure of it", "category": "mailbox_full", "by": "ann"},
        {"text": "550 sure of it", "category": "greylisted", "by": "bob"},
        {"text": "550 sure of it", "category": "greylisted"},
        giver=OPEN,
    )
    assert [result.state for result in results] == ["accepted"] * 3
    assert {result.outcome.holds for result in results} == {"greylisted"}
    assert [label.who for label, _ in bench.labels()] == ["anonymous", "by:bob", "by:ann"]


def test_a_key_has_one_voice_whatever_names_it_gives(bench):
    bench.say("550 sure of it", "mailbox_full", by="ann")
    bench.say("550 sure of it", "greylisted", by="bob")
    assert {label.who for label, _ in bench.labels()} == {"key:ann"}
    assert bench.answer("550 sure of it").verdict.category == "greylisted"


@pytest.mark.parametrize(
    ("pin_days", "asked", "held_for"),
    [
        pytest.param(None, 2, 2, id="as the item says"),
        pytest.param(3, None, 3, id="as the setting says"),
        pytest.param(3, 5, 5, id="the item counts before the setting"),
    ],
)
def test_a_pin_expires(tmp_path, pin_days, asked, held_for):
    bench = Bench(tmp_path, pin_days=pin_days)
    bench.say("550 sure of it", "mailbox_full", **({} if asked is None else {"expires_in_days": asked}))
    bench.now += timedelta(days=held_for) - timedelta(seconds=1)
    assert bench.answer("550 sure of it").verdict.source is Source.PIN
    bench.now += timedelta(seconds=1)
    assert bench.answer("550 sure of it").verdict.source is Source.MODEL


def test_an_expired_pin_does_not_come_back_unasked_but_when_asked_for(bench):
    bench.say("550 sure of it", "mailbox_full", expires_in_days=1)
    bench.now += timedelta(days=2)
    again = bench.say("550 sure of it", "mailbox_full")
    assert (again.state, again.outcome.holds) == ("already", None)
    renewed = bench.say("550 sure of it", "mailbox_full", expires_in_days=1)
    assert (renewed.state, renewed.outcome.holds) == ("already", "mailbox_full")
    assert bench.answer("550 sure of it").verdict.source is Source.PIN


def test_a_removed_pin_stays_removed_until_somebody_says_something_new(bench):
    bench.say("550 sure of it", "mailbox_full")
    template = bench.id_of("550 sure of it")
    bench.desk.unpin(template, "standard", who="key:bob", why="jo@example.org complained")
    assert bench.answer("550 sure of it").verdict.source is Source.MODEL
    assert bench.say("550 sure of it", "mailbox_full").outcome.holds is None
    assert bench.events("550 sure of it")[-1] == (None, "[ADDR] complained")
    with pytest.raises(PinNotFound):
        bench.desk.unpin(template, "standard", who="key:bob", why="again")
    assert bench.say("550 sure of it", "mailbox_full", giver=BOB).outcome.holds == "mailbox_full"


def test_more_labels_than_an_hour_allows_are_refused_one_by_one(tmp_path):
    bench = Bench(tmp_path, labels_per_hour=3)
    given = [{"text": text, "category": "user_unknown"} for text in texts(5)]
    bench.give(*given[:2])
    bench.now += timedelta(minutes=40)
    results = bench.give(*given)
    codes = [getattr(result, "code", None) or result.state for result in results]
    assert codes == ["already", "already", "accepted", "too_many_labels", "too_many_labels"]
    assert results[3].retry_after_s == 20 * 60
    assert bench.give(given[4], giver=BOB)[0].state == "accepted"
    bench.now += timedelta(minutes=20, seconds=1)
    assert bench.give(given[3])[0].state == "accepted"


def test_wholesale_contradiction_waits_for_a_second_person(bench):
    given = texts(25)
    results = bench.give(*({"text": text, "category": "mailbox_full"} for text in given))
    assert {(result.state, result.outcome.holds) for result in results} == {("quarantined", None)}
    assert bench.answer(given[0]).verdict.source is Source.MODEL
    with bench.store.reading() as session:
        assert LabelRepository(session).agreed("standard") == []
    ((batch, labels),) = bench.waiting()
    assert len(labels) == 25
    assert batch.reason == "25 of 25 sure answers of the model's that were labelled within an hour are contradicted"
    with pytest.raises(SecondPersonNeeded):
        bench.desk.review(batch.id, accept=True, by="key:ann")
    bench.desk.review(batch.id, accept=True, by="key:bob")
    assert bench.answer(given[0]).verdict.category == "mailbox_full"
    assert bench.events(given[0]) == [("mailbox_full", "approved")]
    assert bench.waiting() == []
    with pytest.raises(ReviewRefused):
        bench.desk.review(batch.id, accept=False, by="key:bob")


@pytest.mark.parametrize("why", ["learned", "conflict", " rejected ", "rolled back"])
def test_a_removed_pin_stays_away_whatever_reason_is_given(bench, why):
    text = texts(1, unsure=True)[0]
    bench.say(text, "mailbox_full")
    bench.desk.unpin(bench.id_of(text), "standard", who="key:bob", why=why)
    assert bench.events(text)[-1] == (None, f"removed: {why.strip()}")
    assert settle_learned(bench.store, Model(), standard_taxonomy(), NOON).renewed == 0
    assert bench.answer(text).verdict.source is Source.MODEL


def test_what_a_rejected_batch_held_may_be_said_again(bench):
    given = texts(25)
    bench.give(*({"text": text, "category": "mailbox_full"} for text in given))
    ((batch, _),) = bench.waiting()
    bench.desk.review(batch.id, accept=False, by="key:bob")
    bench.now += timedelta(hours=2)
    assert bench.say(given[0], "mailbox_full").state == "accepted"
    assert bench.answer(given[0]).verdict.category == "mailbox_full"


def test_a_rejected_batch_is_kept_and_never_counts(bench):
    given = texts(25)
    bench.give(*({"text": text, "category": "mailbox_full"} for text in given))
    ((batch, _),) = bench.waiting()
    assert bench.desk.review(batch.id, accept=False, by="key:bob").reviewed_by == "key:bob"
    assert bench.answer(given[0]).verdict.source is Source.MODEL
    assert len(bench.labels()) == 25
    assert bench.say(given[0], "mailbox_full").state == "quarantined"
    assert bench.say(given[0], "greylisted").state == "quarantined"


def test_who_poisons_one_by_one_is_caught_and_what_was_accepted_before_is_taken_back(bench):
    given = texts(24)
    states = [bench.say(text, "mailbox_full").state for text in given]
    assert states == ["accepted"] * 19 + ["quarantined"] * 5
    assert all(bench.answer(text).verdict.source is Source.MODEL for text in given)
    assert bench.events(given[0]) == [("mailbox_full", "label"), (None, "quarantined")]
    assert len(bench.waiting()) == 24


def test_honest_labels_of_the_same_hour_are_not_taken_back(bench):
    honest = texts(5, unsure=True)
    confirmed = texts(10)[9]
    bench.give(*({"text": text, "category": "greylisted"} for text in honest))
    for start in range(0, 24, 8):
        batch = [{"text": text, "category": "mailbox_full"} for text in texts(40)[10 + start : 18 + start]]
        bench.give(*batch, {"text": confirmed, "category": "user_unknown"})
    assert bench.answer(honest[0]).verdict.category == "greylisted"
    assert bench.answer(confirmed).verdict.source is Source.PIN
    assert bench.answer(texts(40)[10]).verdict.source is Source.MODEL


def test_taking_back_gives_others_their_pin_again(bench):
    honest = texts(1)[0]
    bench.say(honest, "greylisted", giver=BOB)
    for text in texts(20):
        bench.say(text, "mailbox_full")
    assert bench.answer(honest).verdict.category == "greylisted"
    assert bench.events(honest) == [("greylisted", "label"), (None, "conflict"), ("greylisted", "agreement")]


def test_what_the_model_got_wrong_unsurely_may_be_corrected_wholesale(bench):
    results = bench.give(*({"text": text, "category": "mailbox_full"} for text in texts(200, unsure=True)))
    assert {result.state for result in results} == {"accepted"}


def test_poison_is_not_thinned_by_texts_that_nobody_is_sure_of(bench):
    poison = [{"text": text, "category": "mailbox_full"} for text in texts(30)]
    nonsense = [{"text": text, "category": "greylisted"} for text in texts(40, unsure=True)]
    bench.give(*nonsense, *poison)
    assert all(bench.answer(item["text"]).verdict.source is Source.MODEL for item in poison)
    assert "30 of 30 sure answers" in bench.waiting()[0][0].reason


def test_twenty_corrections_of_unsure_answers_hold(bench):
    results = bench.give(*({"text": text, "category": "mailbox_full"} for text in texts(20, unsure=True)))
    assert {(result.state, result.outcome.holds) for result in results} == {("accepted", "mailbox_full")}


def test_slow_correction_over_hours_passes(bench):
    for start in range(0, 60, 15):
        given = [{"text": text, "category": "mailbox_full"} for text in texts(60)[start : start + 15]]
        assert {result.state for result in bench.give(*given)} == {"accepted"}
        bench.now += timedelta(minutes=61)


def test_what_a_second_person_approved_is_not_held_against_its_giver(bench):
    bench.give(*({"text": text, "category": "mailbox_full"} for text in texts(25)))
    for batch, _ in bench.waiting():
        bench.desk.review(batch.id, accept=True, by="key:bob")
    assert bench.say(texts(26)[25], "mailbox_full").state == "accepted"


def test_the_quarantine_of_one_person_holds_up_no_other(bench):
    bench.give(*({"text": text, "category": "mailbox_full"} for text in texts(25)))
    assert bench.say(texts(25)[0], "greylisted", giver=BOB).outcome.holds == "greylisted"


def test_a_batch_of_another_tenants_taxonomy_is_not_even_known_to_exist(bench):
    bench.give(*({"text": text, "category": "mailbox_full"} for text in texts(25)))
    ((batch, _),) = bench.waiting()
    with pytest.raises(BatchNotFound):
        bench.desk.review(batch.id, accept=True, by="key:bob", taxonomies={"acme"})


def test_the_store_is_told_of_templates_it_did_not_know(bench):
    unknown = bench.id_of("550 sure of it")
    assert bench.desk.unknown([{"template_id": unknown, "category": "mailbox_full"}])
    bench.say("550 sure of it", "mailbox_full")
    assert not bench.desk.unknown([{"request_id": f"{unknown}.standard.00000000", "category": "mailbox_full"}, 5])


def test_trails_are_only_ever_added_to(bench):
    for category in ("mailbox_full", "greylisted", "mailbox_full"):
        bench.say("550 sure of it", category)
    with bench.store.reading() as session:
        assert [event.category for event in session.query(PinEventRow).order_by(PinEventRow.id)] == [
            "mailbox_full",
            "greylisted",
            "mailbox_full",
        ]
