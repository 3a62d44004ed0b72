"""A challenger beside the champion: the shipped model, with two categories' names exchanged."""

import time
from datetime import UTC, datetime
from threading import Event

import pytest
from structlog.testing import capture_logs

from api import shadow as module
from api.live import Live
from classifier.bundle import MODEL, load_bundle
from classifier.domain import Failure, Kind
from classifier.errors import StoreUnavailable
from classifier.pins import Pin, Pins
from classifier.registry import CHALLENGER, CHAMPION, ModelShelf
from classifier.resources import resource
from classifier.settings import Settings
from classifier.store import ShadowRepository, TrafficRepository, open_store

UNKNOWN = Failure(
    kind=Kind.FAILURE, recipient="jo@example.org", diagnostic="550 5.1.1 <jo@example.org>: no such user here"
)
SHIPPED = load_bundle(resource("models/standard")).manifest.label
FULL = Failure(kind=Kind.FAILURE, diagnostic="552 5.2.2 mailbox over quota")
GREY = Failure(kind=Kind.FAILURE, diagnostic="450 4.7.1 greylisted, come back later")
REPLY = Failure(kind=Kind.AUTO_REPLY, diagnostic="I am on holiday")


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def shelf(settings):
    return ModelShelf(settings.data_dir / "models")


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/rebound.db")
    yield store
    store.close()


@pytest.fixture
def swapped(shelf, bundle):
    """A challenger that takes unknown users for full mailboxes, and the other way round."""
    shelf.point(CHALLENGER, shelf.put(bundle("9", swap=("user_unknown", "mailbox_full"))))


def run(live, failures, store, **more):
    live.shadow.work()
    answers = live.parts.pipeline.classify(failures, **more)
    live.shadow.work()
    live.shadow.flush(store)
    return answers


def seen(store):
    with store.session() as session:
        shadow = ShadowRepository(session)
        return shadow.compared(SHIPPED, "minilm-l4/9"), shadow.list(SHIPPED, "minilm-l4/9")


def test_differences_are_counted_the_destructive_ones_first_and_agreement_too(settings, swapped, store):
    live = Live(settings)
    answers = run(live, [UNKNOWN] * 3 + [FULL] + [GREY] * 5, store)
    assert {answer.verdict.model for answer in answers} == {SHIPPED}
    compared, (first, second) = seen(store)
    assert (first.champion_category, first.challenger_category) == ("mailbox_full", "user_unknown")
    assert (first.champion_action, first.challenger_action, first.n) == ("retry", "suppress", 1)
    assert (second.champion_category, second.challenger_category, second.n) == ("user_unknown", "mailbox_full", 3)
    assert (compared.templates, compared.failures) == (3, 9)
    assert (compared.differing_templates, compared.differing_failures) == (2, 4)
    assert (compared.suppressing_templates, compared.suppressing_failures) == (1, 1)


def test_what_comes_again_is_counted_and_not_asked_again(settings, swapped, store, monkeypatch):
    live = Live(settings)
    run(live, [FULL], store)
    monkeypatch.setattr(live.shadow._model.predictor, "predict", lambda _: pytest.fail("asked again"))
    run(live, [FULL] * 4, store)
    assert seen(store)[1][0].n == 5


def test_no_address_is_kept(settings, swapped, store):
    live = Live(settings)
    live.shadow.work()
    live.parts.pipeline.classify([UNKNOWN])
    assert live.shadow._waiting
    assert "jo@" not in repr(live.shadow._waiting)


def test_reports_of_no_failure_pins_and_the_fallback_are_not_compared(settings, swapped, store):
    pins = Pins()
    live = Live(settings, pins=pins)
    (answer,) = live.parts.pipeline.classify([FULL])
    pin = Pin(
        template_id=answer.template_id, taxonomy="standard", category="policy_violation", who="by:a", why="label",
        at=datetime.now(UTC),
    )  # fmt: skip
    pins._held = {(pin.template_id, pin.taxonomy): pin}
    run(live, [FULL, REPLY], store)
    assert seen(store)[0].failures == 0


def test_without_a_challenger_nothing_is_noted(settings):
    live = Live(settings)
    live.shadow.work()
    live.parts.pipeline.classify([FULL])
    assert (live.shadow.label, live.shadow._waiting) == (None, {})


def test_what_waits_is_bounded_and_what_is_dropped_is_counted(settings, swapped, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 2)
    live = Live(settings)
    live.shadow.work()
    live.parts.pipeline.classify([UNKNOWN, FULL, GREY, GREY, FULL])
    assert (len(live.shadow._waiting), live.shadow.dropped) == (2, 2)


def test_counting_takes_microseconds(settings, swapped):
    live = Live(settings)
    live.shadow.work()
    answers = live.parts.pipeline.classify([UNKNOWN, FULL, GREY])
    begin = time.thread_time()
    for _ in range(2_000):
        live.shadow.record(answers)
    assert (time.thread_time() - begin) / 6_000 < 50e-6


def test_a_store_that_is_away_loses_nothing(settings, swapped, store):
    class Away:
        def session(self):
            raise StoreUnavailable("away")

    live = Live(settings)
    live.shadow.work()
    live.parts.pipeline.classify([FULL])
    live.shadow.work()
    with pytest.raises(StoreUnavailable):
        live.shadow.flush(Away())
    live.parts.pipeline.classify([FULL])
    live.shadow.work()
    live.shadow.flush(store)
    assert seen(store)[1][0].n == 2


def test_another_challenger_takes_the_place_and_the_one_before_is_forgotten(settings, swapped, shelf, bundle, store):
    live = Live(settings)
    run(live, [FULL], store)
    shelf.point(CHALLENGER, shelf.put(bundle("10", swap=("mailbox_full", "greylisted"))))
    run(live, [GREY], store)
    assert live.shadow.label == "minilm-l4/10"
    assert seen(store)[0].templates == 0
    with store.session() as session:
        assert len(ShadowRepository(session).list(SHIPPED, "minilm-l4/10")) == 1


def test_a_challenger_that_is_cleared_or_becomes_champion_runs_no_longer(settings, swapped, shelf):
    live = Live(settings)
    live.shadow.work()
    assert live.shadow.label == "minilm-l4/9"
    shelf.point(CHAMPION, "minilm-l4/9")
    live.look()
    live.shadow.work()
    assert live.shadow.label is None
    shelf.rollback(CHAMPION)
    live.look()
    shelf.point(CHALLENGER, "minilm-l4/9")
    live.shadow.work()
    assert live.shadow.label == "minilm-l4/9"
    shelf.clear(CHALLENGER)
    live.shadow.work()
    assert (live.shadow.label, live.shadow.refused) == (None, None)


def test_a_challenger_that_does_not_fit_is_told_once_and_the_champion_answers(settings, swapped, shelf):
    (shelf.path("minilm-l4/9") / MODEL).write_bytes(b"damaged")
    live = Live(settings)
    with capture_logs() as logs:
        live.shadow.work()
        live.shadow.work()
    assert [line["event"] for line in logs] == ["challenger_refused"]
    assert "model.onnx is damaged" in live.shadow.refused
    assert live.parts.pipeline.classify([FULL])[0].verdict.model == SHIPPED


def test_under_a_users_taxonomy_the_standard_answers_are_compared(settings, swapped, store):
    from classifier.custom.draft import read_toml

    live = Live(settings)
    catalogue = live.parts.catalogue
    rolled_up = (
        'name = "acme"\n[[category]]\nid = "ours"\ntitle = "Ours"\ndescription = "All."\nfrom = ["mailbox_full"]\n'
    )
    draft = read_toml(rolled_up, catalogue.standard)
    catalogue.publish(draft, catalogue.fit(draft))
    (answer,) = run(live, [FULL], store, under=[live.parts.pipeline.under("acme")])
    assert answer.verdict.category == "ours"
    _, (difference,) = seen(store)
    assert (difference.champion_category, difference.challenger_category) == ("mailbox_full", "user_unknown")


def test_the_challenger_leaves_the_memory_while_another_champion_is_loaded(settings, swapped):
    yielding = Event()
    live = Live(settings)
    shadow = module.Shadow(settings, lambda: live.parts, stopping=Event(), yielding=yielding)
    for expected in ("minilm-l4/9", None, "minilm-l4/9"):
        shadow.work()
        assert shadow.label == expected
        yielding.clear() if yielding.is_set() else yielding.set()


def test_work_ends_when_the_process_ends(settings, swapped, monkeypatch):
    live = Live(settings)
    live.shadow.work()
    texts = [Failure(kind=Kind.FAILURE, diagnostic=f"550 wording {chr(97 + i)} of its own") for i in range(20)]
    live.parts.pipeline.classify(texts)
    live.close()
    live.shadow.work()
    assert len(live.shadow._counted) == module._CHUNK


def test_the_texts_of_templates_are_listed_with_differences(settings, swapped, store):
    live = Live(settings)
    (answer,) = run(live, [FULL], store)
    with store.session() as session:
        TrafficRepository(session).remember(answer.template_id, answer.template, seen(store)[1][0].last_seen)
    assert seen(store)[1][0].text == answer.template
