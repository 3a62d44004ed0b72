"""Which model answers, as pointers are moved: all in one process, with the shipped model in several versions."""

import json
import shutil
import weakref

import pytest
from structlog.testing import capture_logs

from api.live import Live
from classifier.bundle import MANIFEST, MODEL, NEIGHBOURS, load_bundle
from classifier.custom.draft import read_toml
from classifier.domain import Failure, Kind, Source
from classifier.registry import CHAMPION, ModelShelf
from classifier.resources import resource
from classifier.settings import Settings

SHIPPED = load_bundle(resource("models/standard")).manifest.label
TEXTS = ["550 5.1.1 no such user here", "452 4.2.2 mailbox over quota", "450 4.7.1 greylisted, come back later"]
FAILURES = [Failure(kind=Kind.FAILURE, diagnostic=text) for text in TEXTS]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("api.live._LINGER_SECONDS", 0.01)


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def shelf(settings):
    return ModelShelf(settings.data_dir / "models")


def answers(live):
    return [answer.verdict for answer in live.parts.pipeline.classify(FAILURES)]


def models(live):
    return {verdict.model for verdict in answers(live)}


def test_without_a_pointer_the_shipped_model_answers(settings):
    live = Live(settings)
    live.look()
    assert models(live) == {SHIPPED}
    assert live.refused is None
    assert live.follows == "shelf"


def test_the_champion_answers_from_the_start(settings, shelf, bundle):
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    assert models(Live(settings)) == {"minilm-l4/7"}


def test_a_moved_pointer_is_followed_to_and_fro_and_every_answer_carries_its_version(settings, shelf, bundle):
    live = Live(settings)
    seven, eight = (shelf.put(bundle(version)) for version in ("7", "8"))
    for move, label in [
        (lambda: shelf.point(CHAMPION, seven), seven),
        (lambda: shelf.point(CHAMPION, eight), eight),
        (lambda: shelf.rollback(CHAMPION), seven),
        (lambda: shelf.clear(CHAMPION), SHIPPED),
    ]:
        move()
        live.look()
        assert models(live) == {label}


def test_a_fixed_bundle_answers_whatever_is_pointed_to(settings, shelf, bundle):
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    live = Live(settings.model_copy(update={"bundle_dir": bundle("9")}))
    shelf.point(CHAMPION, shelf.put(bundle("8")))
    live.look()
    assert models(live) == {"minilm-l4/9"}
    assert (live.fixed, live.follows) == (True, "bundle_dir")


def test_what_has_begun_ends_on_the_model_that_it_began_with(settings, shelf, bundle):
    live = Live(settings)
    parts = live.parts
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    live.look()
    assert {a.verdict.model for a in parts.pipeline.classify(FAILURES)} == {SHIPPED}
    assert models(live) == {"minilm-l4/7"}


def test_the_new_model_knows_what_came_last_before_it_answers(settings, shelf, bundle):
    live = Live(settings)
    templates = [answer.template for answer in live.parts.pipeline.classify(FAILURES)]
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    live.look()
    assert set(templates) <= set(live.parts.predictor.recent(100))
    misses = live.parts.predictor.misses
    answers(live)
    assert live.parts.predictor.misses == misses


def test_the_old_model_is_gone_once_nobody_uses_it(settings, shelf, bundle):
    live = Live(settings)
    answers(live)
    old = weakref.ref(live.parts.model.predictor)
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    live.look()
    assert old() is None


def spoil_model(folder):
    (folder / MODEL).write_bytes(b"not what the manifest says")


def spoil_manifest(**changes):
    def spoil(folder):
        (folder / MANIFEST).write_text(json.dumps(json.loads((folder / MANIFEST).read_text()) | changes))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_model, "model.onnx is damaged"),
        (spoil_manifest(taxonomy="other/1"), "not those of its taxonomy"),
        (spoil_manifest(normaliser_version=99), "normaliser version 99"),
        (shutil.rmtree, "no model 'minilm-l4/7' on the shelf"),
    ],
)
def test_a_champion_that_does_not_fit_is_refused_at_the_start_and_later_and_told_once(
    settings, shelf, bundle, spoil, reason
):
    running = Live(settings)
    label = shelf.put(bundle("7"))
    shelf.point(CHAMPION, label)
    spoil(shelf.path(label))
    with capture_logs() as logs:
        for _ in range(3):
            running.look()
        started = Live(settings)
        started.look()
    for live in (running, started):
        assert models(live) == {SHIPPED}
        assert answers(live)[0].source is Source.MODEL
        assert reason in live.refused
    assert [(line["event"], line["log_level"]) for line in logs] == [("model_refused", "error")] * 2


def test_a_good_champion_after_a_refused_one_answers_and_nothing_is_refused_any_more(settings, shelf, bundle):
    live = Live(settings)
    seven, eight = (shelf.put(bundle(version)) for version in ("7", "8"))
    shelf.point(CHAMPION, seven)
    spoil_model(shelf.path(seven))
    live.look()
    assert live.refused
    shelf.point(CHAMPION, eight)
    live.look()
    assert live.refused is None
    assert models(live) == {eight}


def test_a_refused_champion_that_is_taken_back_leaves_no_reason(settings, shelf, bundle):
    live = Live(settings)
    seven = shelf.put(bundle("7"))
    shelf.point(CHAMPION, seven)
    spoil_model(shelf.path(seven))
    live.look()
    shelf.rollback(CHAMPION)
    live.look()
    assert live.refused is None
    assert models(live) == {SHIPPED}


def test_a_whole_bundle_whose_model_cannot_answer_is_refused(settings, shelf, bundle):
    live = Live(settings)
    shelf.point(CHAMPION, shelf.put(bundle("7", files={MODEL: b"whole, yet no model"})))
    live.look()
    assert "the model cannot be loaded" in live.refused
    assert models(live) == {SHIPPED}


def test_a_champion_takes_over_from_the_fallback(settings, shelf, bundle, monkeypatch, tmp_path):
    monkeypatch.setattr("classifier.bootstrap.resource", lambda _: tmp_path / "nothing here")
    live = Live(settings)
    assert (live.parts.model, answers(live)[0].source) == (None, Source.FALLBACK)
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    live.look()
    assert models(live) == {"minilm-l4/7"}
    assert live.refused is None


TAXONOMY = """
name = "acme"
[[category]]
id = "corvane_block"
title = "Blocked by Corvane"
description = "Corvane's list refuses us."
examples = ["554 Corvane says no", "550 blocked by Corvane", "554 5.7.1 listed at Corvane", "Corvane list: refused"]
"""
BLOCKED = Failure(kind=Kind.FAILURE, diagnostic="554 5.7.1 you are listed at Corvane")


def renamed(name):
    """Return the shipped model with a note at its end (ModelProto.doc_string): to heads, another model."""
    return (resource("models/standard") / MODEL).read_bytes() + b"\x32" + bytes([len(name)]) + name.encode()


def without_neighbours(folder):
    """Take what heads are learned against out of a bundle; it stays whole."""
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["files"][NEIGHBOURS]
    (folder / NEIGHBOURS).unlink()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.slow
def test_users_taxonomies_follow_the_new_model_and_one_that_could_not_keeps_the_old_model(settings, shelf, bundle):
    live = Live(settings)
    catalogue = live.parts.catalogue
    draft = read_toml(TAXONOMY, catalogue.standard)
    catalogue.publish(draft, catalogue.fit(draft))
    catalogue.get("acme")
    shelf.point(CHAMPION, shelf.put(bundle("7", files={MODEL: renamed("seven")})))
    live.look()
    assert live.refused is None
    parts = live.parts
    assert (parts.predictor.label, parts.catalogue.store.meta("acme", 1).model) == ("minilm-l4/7", "minilm-l4/7")
    (answer,) = parts.pipeline.classify([BLOCKED], [parts.pipeline.under("acme")])
    assert (answer.verdict.category, answer.verdict.model) == ("corvane_block", "minilm-l4/7")
    shelf.point(CHAMPION, shelf.put(without_neighbours(bundle("8", files={MODEL: renamed("eight")}))))
    live.look()
    assert "taxonomy acme cannot be answered" in live.refused
    assert live.parts.predictor.label == "minilm-l4/7"
