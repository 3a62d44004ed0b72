"""Pins: in memory, and in the pipeline, before the model and behind the policy."""

from datetime import UTC, datetime, timedelta

import pytest

from classifier.bootstrap import build
from classifier.domain import Action, Failure, Kind, Source
from classifier.pins import Pin, Pins
from classifier.record import read_record
from classifier.settings import Settings

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
TEXT = "554 5.7.1 the frobnicator is of another opinion"
TOML = """
[[category]]
id = "ours"
title = "Our reputation"
description = "An address or a domain of ours is listed."
from = ["ip_reputation", "domain_reputation"]

[[category]]
id = "gone"
title = "Gone"
description = "Nobody is there."
from = ["user_unknown"]
"""


class Kept:
    """A database in memory."""

    def __init__(self, *pins):
        self.pins = list(pins)
        self.version = 0
        self.reads = 0

    def stamp(self):
        return self.version

    def active(self, at):
        self.reads += 1
        held = {(pin.template_id, pin.taxonomy): pin for pin in self.pins}
        return {key: pin for key, pin in held.items() if pin.expires_at is None or pin.expires_at > at}

    def set(self, *pins):
        self.pins = list(pins)
        self.version += 1


def pin(category, template_id="0" * 16, taxonomy="standard", **other):
    return Pin(
        template_id=template_id, taxonomy=taxonomy, category=category, who="by:ann", why="label", at=NOON, **other
    )


def failure(text, **fields):
    return read_record({"text": text, **fields}).failure


def test_pins_follow_their_source_and_read_it_only_when_it_has_news():
    pins, source = Pins(), Kept(pin("user_unknown"))
    assert pins.refresh(source)
    assert pins.get("0" * 16, "standard").category == "user_unknown"
    assert pins.get("0" * 16, "acme") is None
    assert not pins.refresh(source)
    assert source.reads == 1
    source.set()
    assert pins.refresh(source)
    assert pins.get("0" * 16, "standard") is None
    assert len(pins) == 0


def test_a_pin_ends_when_it_expires_though_nobody_refreshes():
    time = [NOON]
    pins = Pins(clock=lambda: time[0])
    pins.refresh(Kept(pin("user_unknown", expires_at=NOON + timedelta(days=1))))
    assert pins.get("0" * 16, "standard")
    time[0] += timedelta(days=1)
    assert pins.get("0" * 16, "standard") is None


def test_a_source_that_fails_leaves_the_pins_as_they_were():
    class Down(Kept):
        def active(self, at):
            raise ConnectionError(at)

    pins, down = Pins(), Down()
    pins.refresh(Kept(pin("user_unknown")))
    down.version = 5
    with pytest.raises(ConnectionError):
        pins.refresh(down)
    assert len(pins) == 1
    down = Kept()
    down.version = 5
    assert pins.refresh(down)


class Notes:
    """A recorder that keeps what it is given."""

    def __init__(self):
        self.answers = []

    def record(self, answers):
        self.answers += answers


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    pins, notes = Pins(), Notes()
    parts = build(Settings(data_dir=tmp_path_factory.mktemp("data")), pins=pins, recorder=notes)
    from classifier.custom.draft import read_toml

    draft = read_toml(TOML, parts.catalogue.standard, name="acme")
    parts.catalogue.publish(draft, parts.catalogue.fit(draft), TOML)
    return parts.pipeline, pins, notes


def answered(served, text, *categories, under=None, **fields):
    """Return the answer while pins of (taxonomy, category) are held for the text's template."""
    pipeline, pins, _ = served
    asked, tailored = failure(text, **fields), pipeline.under(under)
    template_id = pipeline.unpinned([asked])[0].template_id
    source = Kept()
    source.version = object()
    source.pins = [pin(category, template_id, taxonomy) for taxonomy, category in categories]
    pins.refresh(source)
    return pipeline.classify([asked], [tailored])[0].verdict


def test_a_pin_answers_before_the_model_and_takes_effect_at_once_on_remembered_answers(served):
    before = answered(served, TEXT)
    assert (before.source, before.category) != (Source.PIN, "user_unknown")
    after = answered(served, TEXT, ("standard", "user_unknown"))
    assert (after.source, after.category, after.confidence) == (Source.PIN, "user_unknown", 1.0)
    assert after.action is Action.SUPPRESS
    assert after.model == before.model
    assert answered(served, TEXT) == before


def test_the_policy_tempers_a_pin_as_it_does_the_model(served):
    temporary = answered(served, "450 4.7.1 the frobnicator is of another opinion", ("standard", "user_unknown"))
    assert (temporary.category, temporary.action) == ("user_unknown", Action.RETRY)
    contradicts_itself = answered(
        served, "550 4.7.1 the frobnicator is of another opinion", ("standard", "user_unknown")
    )
    assert contradicts_itself.action is not Action.SUPPRESS


def test_a_pin_of_a_category_that_the_taxonomy_does_not_know_holds_nothing(served):
    assert answered(served, TEXT, ("standard", "no_such_category")).source is Source.MODEL
    assert answered(served, TEXT, ("standard", "other")).source is Source.MODEL


def test_a_users_pin_holds_under_the_users_taxonomy_only(served):
    mine = answered(served, TEXT, ("acme", "ours"), under="acme")
    assert (mine.source, mine.category, mine.taxonomy) == (Source.PIN, "ours", "acme/1")
    assert answered(served, TEXT, ("acme", "ours")).source is Source.MODEL
    nobody = answered(served, TEXT, ("acme", "other"), under="acme")
    assert (nobody.source, nobody.category) == (Source.PIN, "other")


def test_a_standard_pin_reaches_the_users_roll_ups(served):
    mine = answered(served, TEXT, ("standard", "ip_reputation"), under="acme")
    assert (mine.category, mine.standard, mine.source) == ("ours", "ip_reputation", Source.MODEL)
    gone = answered(served, TEXT, ("standard", "user_unknown"), under="acme")
    assert (gone.category, gone.standard, gone.action) == ("gone", "user_unknown", Action.SUPPRESS)


def test_no_users_pin_suppresses_for_what_the_standard_answer_holds_to_be_anothers_fault(served):
    both = answered(served, TEXT, ("standard", "ip_reputation"), ("acme", "gone"), under="acme")
    assert (both.category, both.standard, both.action) == ("gone", "ip_reputation", Action.REVIEW)


def test_reports_of_no_failure_are_never_pinned(served):
    pipeline, pins, _ = served
    reply = Failure(kind=Kind.AUTO_REPLY, diagnostic=TEXT)
    template_id = pipeline.unpinned([reply])[0].template_id
    source = Kept(pin("user_unknown", template_id))
    source.version = object()
    pins.refresh(source)
    assert pipeline.classify([reply])[0].verdict.action is Action.IGNORE


def test_answers_of_one_batch_keep_their_order(served):
    pipeline, pins, _ = served
    texts = ["452 4.2.2 mailbox full", TEXT, "550 5.1.1 no such user", TEXT]
    failures = [failure(text) for text in texts]
    source = Kept(pin("greylisted", pipeline.unpinned(failures)[1].template_id))
    source.version = object()
    pins.refresh(source)
    categories = [a.verdict.category for a in pipeline.classify(failures, [None, pipeline.under("acme"), None, None])]
    assert categories == ["mailbox_full", "other", "user_unknown", "greylisted"]


def test_what_is_answered_is_recorded_and_what_is_tried_is_not(served):
    pipeline, _, notes = served
    notes.answers.clear()
    asked = [failure(TEXT), failure("550 5.1.1 no such user")]
    pipeline.classify(asked, record=False)
    pipeline.unpinned(asked)
    assert notes.answers == []
    answers = pipeline.classify(asked)
    assert notes.answers == answers
