"""The periodic job on a real store, with the shipped model as champion and MLflow in a folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from classifier.bootstrap import shelf_of
from classifier.bundle import CAUSES, MANIFEST, load_bundle
from classifier.errors import LeaseLost, RetrainingBusy
from classifier.normalise import template_id
from classifier.predict.onnx import OnnxPredictor
from classifier.resources import resource
from classifier.settings import Settings
from classifier.store import (
    JobRepository,
    LabelRepository,
    LeaseRepository,
    ModelRepository,
    PinRepository,
    TrafficRepository,
    open_store,
)
from training.lease import Lease
from training.leaving import Leaving
from training.retrain import LEASE, RetrainJob, retrain
from training.sources import Sources

pytestmark = pytest.mark.slow

# One imaginary provider's new words; the shipped model gets most of them wrong.
LABELLED = {
    "user_unknown": [
        "550 5.7.1 [corvane] No tree in the orchard bears that tag",
        "554 5.7.1 [corvane] Orchard: tag names no tree of ours",
        "550 [corvane] Tag on your basket belongs to no tree",
        "550 5.4.1 [corvane] Tag without tree, basket sent back",
        "554 5.7.1 [corvane] We walked all rows and saw no tree with this tag",
    ],
    "ip_reputation": [
        "554 5.7.1 [corvane] Node ledger shows a red mark against the origin, turned away",
        "550 5.1.0 [corvane] Wheelwright's mark on your cart is red, turned away",
        "550 [corvane] A red-marked cart does not enter the orchard",
        "554 5.7.1 [corvane] Red mark upon the cart you came with",
    ],
}
SIBLINGS = {
    "user_unknown": ["554 [corvane] No tree answers to the tag on this basket", "550 5.7.0 [corvane] That tag hangs on no tree in these rows"],
    "ip_reputation": ["554 5.7.1 [corvane] Red mark, origin turned away"],
}  # fmt: skip


SHIPPED = load_bundle(resource("models/standard")).manifest.label
NEW = f"{SHIPPED}.1"


def pairs(texts):
    return [(text, category) for category, of in texts.items() for text in of]


class Place:
    """A data folder with a store in it."""

    def __init__(self, folder):
        self.settings = Settings(data_dir=folder)
        self.store = open_store(self.settings.store_url)
        self.shelf = shelf_of(self.settings)

    def seen(self, texts, n=7):
        now = datetime.now(UTC)
        with self.store.session() as session:
            traffic = TrafficRepository(session)
            for text in texts:
                traffic.remember(template_id(text), text, now)
            keys = [{"template_id": template_id(text), "taxonomy": "standard"} for text in texts]
            traffic.upsert_counts([{"day": now.date(), "provider": "corvane", "n": n, **key} for key in keys])
            answer = {"taxonomy_version": "1", "category": "undetermined", "confidence": 0.4, "action": "review", "source": "model", "model": "m/1", "decided_at": now}  # fmt: skip
            traffic.upsert_decisions([answer | key for key in keys])

    def labelled(self, given, who="by:ann", *, pinned=True):
        now = datetime.now(UTC)
        with self.store.session() as session:
            labels, pins = LabelRepository(session), PinRepository(session)
            batch = labels.open_batch(who=who, at=now)
            for text, category in given:
                TrafficRepository(session).remember(template_id(text), text, now)
                labels.add(template_id=template_id(text), taxonomy="standard", taxonomy_version="1", category=category, who=who, source="http", batch_id=batch.id, at=now)  # fmt: skip
                if pinned:
                    pins.set(template_id=template_id(text), taxonomy="standard", category=category, who=who, why="label", at=now)  # fmt: skip

    def forgotten(self, folder):
        """Put a model on the shelf that nothing names."""
        shutil.copytree(resource("models/standard"), folder)
        manifest = replace(load_bundle(folder).manifest, version="0.1")
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        os.utime(self.shelf.path(self.shelf.put(folder)), (1e9, 1e9))

    def pinned(self):
        with self.store.reading() as session:
            return {pin.template_id for pin in PinRepository(session).active(datetime.now(UTC)).values()}

    def states(self):
        with self.store.reading() as session:
            return {row.label: row.state for row in ModelRepository(session).list()}

    def runs(self):
        with self.store.reading() as session:
            return [(run.profile, run.state, run.model) for run in JobRepository(session).list()]

    def job(self, **more):
        given = {"settings": self.settings, "profile": "heads", "sources": Sources(labelled=(), lab=None)}
        return RetrainJob(**given | more)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("heads"))
    place.settings = place.settings.model_copy(update={"kept_models": 1})
    place.forgotten(tmp_path_factory.mktemp("bundle") / "old")
    place.seen([text for text, _ in pairs(LABELLED) + pairs(SIBLINGS)])
    place.labelled(pairs(LABELLED))
    place.labelled([("550 5.1.1 no such user here at all", "user_unknown")])
    outcome = retrain(place.job(promote=True))
    yield place, outcome
    place.store.close()


def right(bundle, texts):
    predictor = OnnxPredictor(bundle)
    return sum(predictor.predict([text])[0].ranked[0][0] == category for text, category in pairs(texts))


def test_the_model_learns_what_people_said_and_is_promoted(learnt):
    place, outcome = learnt
    assert (outcome.state, outcome.objections, outcome.model) == ("promoted", [], NEW)
    assert place.shelf.label("champion") == NEW
    assert place.shelf.label("challenger") is None
    assert place.states() == {SHIPPED: "retired", NEW: "champion"}
    assert place.runs() == [("heads", "done", NEW)]


def test_wordings_that_nobody_labelled_follow(learnt):
    place, outcome = learnt
    assert right(load_bundle(resource("models/standard")), SIBLINGS) == 0
    assert right(place.shelf.bundle(outcome.model), SIBLINGS) >= 2
    assert right(place.shelf.bundle(outcome.model), LABELLED) == 9


def test_old_knowledge_stays(learnt):
    before, after = learnt[1].findings.champion.frozen["all"], learnt[1].findings.challenger.frozen["all"]
    assert after["accuracy"] >= before["accuracy"] - 0.005
    assert after["wrong_suppress"] <= before["wrong_suppress"]


def test_the_bundle_says_where_it_comes_from(learnt):
    place, outcome = learnt
    training = place.shelf.bundle(outcome.model).manifest.training
    assert (training["start"], training["profile"]) == (SHIPPED, "heads")
    assert (training["feedback_rows"], training["feedback_held_out"], training["labels_until"]) == (9, 1, 10)
    assert training["parity"]["agreement"] >= 0.97


def test_pins_that_the_model_has_learned_are_released_and_others_stay(learnt):
    place, outcome = learnt
    released = outcome.promotion.pins.released
    assert released > 0
    assert len(place.pinned()) == 10 - released
    gone = {template_id(text) for text, _ in pairs(LABELLED)} - place.pinned()
    with place.store.reading() as session:
        last = PinRepository(session).history(min(gone))[-1]
    assert (last.why, last.who, last.category) == ("learned", f"model:{NEW}", None)


def test_the_impact_on_last_weeks_traffic_is_listed(learnt):
    impact = learnt[1].findings.to_dict()["impact"]
    assert impact["of_failures"] == 12 * 7
    assert 0 < impact["failures"] <= impact["of_failures"]
    first = impact["changes"][0]
    assert first["destructive"]
    assert first["action"][1] == "suppress"


def test_the_registry_has_run_version_and_aliases(learnt):
    from training.registry import registry_of

    place, _ = learnt
    registry = registry_of(place.settings)
    champion, new = (
        registry.version_of(place.shelf.bundle(NEW) if label == NEW else load_bundle(resource("models/standard")))
        for label in (SHIPPED, NEW)
    )
    assert (champion, new) == ("1", "2")
    assert registry.aliases() == {"champion": "2"}
    with registry.fetched("2") as folder:
        assert load_bundle(folder).manifest.label == NEW
    artifacts = {str(path.relative_to(place.settings.data_dir / "mlartifacts")).partition("/artifacts/")[2] for path in (place.settings.data_dir / "mlartifacts").rglob("*") if path.is_file()}  # fmt: skip
    assert {"bundle/model.onnx", "report/model-card.md", "report/gate.json", "objections.json", "data_sha256.json"} <= artifacts  # fmt: skip
    assert any(name.endswith("-reliability.png") for name in artifacts)


def test_nothing_is_left_in_the_scratch_folder(learnt):
    assert not (learnt[0].settings.data_dir / "retraining").exists()


def test_models_that_nothing_names_leave_the_shelf(learnt):
    assert learnt[0].shelf.labels() == [NEW]  # the shipped one, to which a roll-back leads, lies elsewhere


def test_a_second_run_finds_nothing_new(learnt):
    place, _ = learnt
    outcome = retrain(place.job(promote=True))
    assert (outcome.state, outcome.model) == ("nothing new", None)
    assert "has learnt from all that people said" in outcome.reason
    assert len(place.runs()) == 1


def test_the_network_stays_and_so_does_what_tells_causes_apart_behind_it(learnt):
    place, outcome = learnt
    made, shipped = place.shelf.path(outcome.model), resource("models/standard")
    assert (made / CAUSES).read_bytes() == (shipped / CAUSES).read_bytes()
    assert CAUSES in load_bundle(made).manifest.files


def test_no_word_of_what_was_labelled_is_in_the_bundle(learnt):
    place, outcome = learnt
    folder = place.shelf.path(outcome.model)
    with np.load(folder / "neighbours.npz") as file:
        assert not [text for text in file["texts"].tolist() if "corvane" in text]
    assert b"corvane" not in b"".join(
        path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".toml")
    )


def test_only_one_run_goes_on_at_a_time(place):
    with Lease(place.store, LEASE, seconds=60) as held, pytest.raises(RetrainingBusy, match=held.owner):
        retrain(place.job())
    assert retrain(place.job()).state == "nothing new"


def test_a_run_whose_lease_was_taken_gives_up(place):
    with Lease(place.store, LEASE, seconds=5) as lease:
        lease.check()
        later = datetime.now(UTC) + timedelta(seconds=60)
        with place.store.session() as session:
            assert LeaseRepository(session).acquire(LEASE, "another", seconds=60, at=later)
        with pytest.raises(LeaseLost):
            check_for(lease, seconds=10)


def test_a_run_that_lost_its_lease_leaves_the_next_one_alone(place, monkeypatch):
    next_ones = place.settings.data_dir / "retraining" / "another-1-a" / "model.onnx"

    def learn(*_):
        next_ones.parent.mkdir(parents=True)
        next_ones.write_bytes(b"half")
        with place.store.session() as session:
            JobRepository(session).start(profile="full", cause="hand", owner="another:1:a", labels_until=0, at=datetime.now(UTC))  # fmt: skip
        raise LeaseLost("another took it")

    monkeypatch.setattr("training.retrain.learn", learn)
    place.labelled(pairs(LABELLED))
    with pytest.raises(LeaseLost):
        retrain(place.job())
    assert [folder.name for folder in next_ones.parent.parent.iterdir()] == ["another-1-a"]
    assert next_ones.read_bytes() == b"half"
    assert place.runs() == [("full", "running", None), ("heads", "interrupted", None)]


def check_for(lease, seconds):
    for _ in range(round(seconds / 0.05)):
        lease.check()
        time.sleep(0.05)


def ends_at(place):
    with place.store.reading() as session:
        return LeaseRepository(session).holder(LEASE, datetime.now(UTC)).expires_at


def test_a_lease_is_renewed_while_its_holder_lives(place):
    with Lease(place.store, LEASE, seconds=5) as lease:
        first = ends_at(place)
        until = time.monotonic() + 20
        while ends_at(place) == first:
            assert time.monotonic() < until
            time.sleep(0.05)
        lease.check()
        with pytest.raises(RetrainingBusy), Lease(place.store, LEASE, seconds=1):
            pass


_RUN = """
import sys
from pathlib import Path
from classifier.settings import Settings
from training.retrain import RetrainJob, retrain
retrain(RetrainJob(settings=Settings(data_dir=Path(sys.argv[1])), profile="heads", promote=True, lease_seconds=2))
"""


def test_a_run_that_was_killed_leaves_the_champion_and_the_next_one_starts_anew(place):
    place.labelled(pairs(LABELLED))
    process = subprocess.Popen([sys.executable, "-c", _RUN, place.settings.data_dir], stderr=subprocess.DEVNULL)
    await_running(place)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert place.runs() == [("heads", "running", None)]
    assert place.shelf.label("champion") is None
    (place.settings.data_dir / "retraining").mkdir(exist_ok=True)
    (place.settings.data_dir / "retraining" / "torn.onnx").write_bytes(b"half")
    outcome = when_free(lambda: retrain(place.job()))
    assert outcome.state == "registered"
    assert [(state, model) for _, state, model in place.runs()] == [("done", outcome.model), ("interrupted", None)]
    assert not (place.settings.data_dir / "retraining").exists()


def test_a_run_that_is_told_to_stop_gives_its_lease_back(place):
    place.labelled(pairs(LABELLED))
    command = [sys.executable, "-m", "training", "run", "--profile", "heads", "--quiet"]
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env={**os.environ, "REBOUND_DATA_DIR": str(place.settings.data_dir)}
    )
    await_running(place)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert place.runs() == [("heads", "interrupted", None)]
    with place.store.reading() as session:
        assert LeaseRepository(session).holder(LEASE, datetime.now(UTC)) is None
    assert not (place.settings.data_dir / "retraining").exists()


def test_labels_of_a_person_can_be_left_out_and_the_model_is_rebuilt_from_one_that_never_saw_them(place):
    place.labelled(pairs(LABELLED), who="by:ann", pinned=False)
    place.labelled([("550 5.1.1 no such user here at all", "mailbox_full")], who="by:mallory", pinned=False)
    outcome = retrain(place.job(leaving=Leaving(who=("by:mallory",))))
    training = place.shelf.bundle(outcome.model).manifest.training
    assert training["feedback_rows"] + training["feedback_held_out"] == 9
    assert training["start"] == SHIPPED


def test_a_model_can_be_rebuilt_where_nobody_is_left_who_said_anything(place):
    place.labelled([("550 5.1.1 no such user here at all", "mailbox_full")], who="by:mallory", pinned=False)
    outcome = retrain(place.job(leaving=Leaving(who=("by:mallory",))))
    assert (outcome.state, outcome.objections) == ("registered", [])
    assert place.shelf.bundle(outcome.model).manifest.training["feedback_rows"] == 0


def test_whom_the_champion_leaves_out_later_runs_leave_out_too(place, monkeypatch):
    def fail(_, lesson, __):
        raise RuntimeError(f"{len(lesson.feedback.rows)} labels are learnt from")

    monkeypatch.setattr("training.retrain.learn", fail)
    retrain(place.job())
    with place.store.session() as session:
        champion = ModelRepository(session).champion()
        champion.figures = {**champion.figures, "leaving": {"sources": [], "who": ["by:mallory"]}}
    place.labelled(pairs(LABELLED), who="by:mallory")
    assert retrain(place.job()).state == "nothing new"
    with pytest.raises(RuntimeError, match="9 labels are learnt from"):
        retrain(place.job(all_labels=True))


def test_a_champion_that_somebody_promoted_meanwhile_stays(place, monkeypatch, tmp_path, caplog):
    def copy(version):
        folder = tmp_path / version
        shutil.copytree(resource("models/standard"), folder)
        manifest = load_bundle(folder).manifest
        written = replace(manifest, version=version, training=manifest.training | {"git_revision": "unknown"})
        (folder / MANIFEST).write_text(written.to_json(), encoding="utf-8")
        return load_bundle(folder)

    def learn(*_):
        place.shelf.point("champion", place.shelf.put(copy("101").folder))
        return copy("102")

    monkeypatch.setattr("training.retrain.learn", learn)
    monkeypatch.setattr("training.findings.objections", lambda *_: [])
    place.labelled(pairs(LABELLED))
    outcome = retrain(place.job(promote=True))
    assert (outcome.state, outcome.objections, outcome.promotion) == ("registered", [], None)
    assert "another model answers since" in caplog.text
    assert place.shelf.label("champion").endswith("/101")
    assert place.shelf.label("challenger") == outcome.model


def test_too_few_new_labels_ask_for_no_run(place):
    place.labelled(pairs(LABELLED))
    outcome = retrain(place.job(if_needed=True))
    assert (outcome.state, outcome.model) == ("not needed", None)
    assert outcome.reason.startswith("9 templates were labelled anew, 50 ask for a run")
    assert place.runs() == []


def test_labels_that_are_left_out_ask_for_no_run(place):
    place.labelled(pairs(LABELLED), who="by:mallory")
    assert retrain(place.job(if_needed=True)).reason.startswith("9 templates were labelled anew")
    left_out = retrain(place.job(if_needed=True, leaving=Leaving(who=("by:mallory",))))
    assert left_out.reason.startswith("0 templates were labelled anew")


def test_a_failed_run_is_noted_with_its_reason_and_without_addresses(place, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of memory at ann@example.org")

    monkeypatch.setattr("training.retrain.learn", fail)
    place.labelled(pairs(LABELLED))
    with pytest.raises(RuntimeError, match="out of memory"):
        retrain(place.job())
    assert place.runs() == [("heads", "failed", None)]
    with place.store.reading() as session:
        assert JobRepository(session).list()[0].error == "RuntimeError: out of memory at [ADDR]"
        assert LeaseRepository(session).holder(LEASE, datetime.now(UTC)) is None


def await_running(place):
    for _ in range(2_400):
        if place.runs() and (place.settings.data_dir / "retraining").exists():
            return
        time.sleep(0.05)
    raise AssertionError("the run never began")


def when_free(act):
    for _ in range(200):
        try:
            return act()
        except RetrainingBusy:
            time.sleep(0.05)
    raise AssertionError("the dead run's lease never ran out")


def test_the_command_line_tells_what_became_of_a_run(place):
    done = subprocess.run(
        [sys.executable, "-m", "training", "run", "--profile", "heads", "--quiet"],
        capture_output=True, text=True, check=True, env={**os.environ, "REBOUND_DATA_DIR": str(place.settings.data_dir)},
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert document["state"] == "nothing new"
    listed = subprocess.run(
        [sys.executable, "-m", "training", "models"],
        capture_output=True, text=True, check=True, env={**os.environ, "REBOUND_DATA_DIR": str(place.settings.data_dir)},
    )  # fmt: skip
    assert [json.loads(line)["state"] for line in listed.stdout.splitlines()] == ["champion"]
