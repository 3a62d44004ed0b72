"""Champion and challenger in registry, shelf and store: copies of the shipped model under other names, nothing is trained."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from classifier.bootstrap import shelf_of
from classifier.bundle import MANIFEST, load_bundle
from classifier.errors import (
    BundleRefused,
    ModelConflict,
    ModelFixed,
    ModelNotFound,
    PromotionRefused,
    RegistryUnavailable,
)
from classifier.normalise import template_id
from classifier.resources import resource
from classifier.settings import Settings
from classifier.store import LabelRepository, ModelRepository, PinRepository, TrafficRepository, open_store
from training.books import adopt, books_of, register, serving
from training.prepare import labels_taken, next_version
from training.promote import promote, roll_back
from training.registry import Registry, RunRecord

SHIPPED = load_bundle(resource("models/standard")).manifest.label
VERSION = SHIPPED.partition("/")[2]
KNOWN = "550 5.1.1 no such user here"
UNHEARD = "554 5.7.1 [corvane] Orchard: tag names no tree of ours"


class Place:
    def __init__(self, folder):
        self.folder = folder
        self.settings = Settings(data_dir=folder / "data")
        self.store = open_store(self.settings.store_url)
        self.shelf = shelf_of(self.settings)
        self.books = books_of(self.settings, self.store)

    def challenger(self, version, objections=(), figures=None):
        """Register a copy of the shipped model under another version."""
        adopt(self.books, serving(self.settings))
        folder = self.folder / version
        shutil.copytree(resource("models/standard"), folder)
        manifest = replace(load_bundle(folder).manifest, version=version)
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        run = RunRecord(name=version, parameters={"profile": "copy"}, figures={"frozen.accuracy": 0.9}, objections=objections)  # fmt: skip
        label = register(
            self.books, load_bundle(folder), run, state="challenger", labels_until=0, figures=figures or {}
        )
        self.shelf.point("challenger", label)
        return label

    def pinned(self, text, category, why="label", expires_at=None, who="by:ann"):
        now = datetime.now(UTC)
        with self.store.session() as session:
            TrafficRepository(session).remember(template_id(text), text, now)
            labels = LabelRepository(session)
            batch = labels.open_batch(who=who, at=now)
            labels.add(template_id=template_id(text), taxonomy="standard", taxonomy_version="1", category=category, who=who, source="http", batch_id=batch.id, at=now)  # fmt: skip
            PinRepository(session).set(template_id=template_id(text), taxonomy="standard", category=category, who=who, why=why, at=now, expires_at=expires_at)  # fmt: skip

    def pins(self):
        with self.store.reading() as session:
            return {pin.template_id: pin.why for pin in PinRepository(session).active(datetime.now(UTC)).values()}

    def states(self):
        with self.store.reading() as session:
            return {row.label: row.state for row in ModelRepository(session).list()}

    def row(self, label):
        with self.store.reading() as session:
            return ModelRepository(session).get(label)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.store.close()


def test_the_shipped_model_is_champion_and_version_1_from_the_first_run_on(place):
    row = adopt(place.books, serving(place.settings))
    assert (row.label, row.state, row.registry_version) == (SHIPPED, "champion", "1")
    assert place.books.registry.aliases() == {"champion": "1"}
    assert place.shelf.label("champion") is None  # no pointer: whatever the program ships serves
    assert adopt(place.books, serving(place.settings)).label == row.label
    assert place.books.registry.version_of(serving(place.settings)) == "1"


def another(place):
    """Return a bundle of the label that `Place.challenger` gives its first one, with another content."""
    folder = place.folder / "other"
    shutil.copytree(resource("models/standard"), folder)
    manifest = replace(load_bundle(folder).manifest, version=f"{VERSION}.1", temperature=9.0)
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return load_bundle(folder)


def test_another_bundle_with_a_registered_label_is_refused(place):
    label = place.challenger(f"{VERSION}.1")
    with pytest.raises(ModelConflict, match=f"version 2 of rebound is another bundle with the label {label}"):
        place.books.registry.version_of(another(place))
    # A trainer with books of its own but for the registry takes the next number.
    shutil.rmtree(place.shelf.path(label))
    assert next_version("heads", serving(place.settings), labels_taken(place.books)) == f"{VERSION}.2"


def test_mlflow_hears_of_a_roll_back_over_http_from_the_next_command(place):
    label = place.challenger(f"{VERSION}.1")
    promote(place.settings, place.books, by="ann")
    place.shelf.rollback("champion", why="over HTTP")
    with place.store.session() as session:
        ModelRepository(session).set_state(label, "retired", datetime.now(UTC))
        ModelRepository(session).set_state(SHIPPED, "champion", datetime.now(UTC))
    assert place.books.registry.aliases() == {"champion": "2"}
    adopt(place.books, serving(place.settings))
    assert place.books.registry.aliases() == {"champion": "1"}


def test_promotion_moves_alias_pointer_and_state(place):
    label = place.challenger(f"{VERSION}.1")
    assert place.books.registry.aliases() == {"champion": "1", "challenger": "2"}
    done = promote(place.settings, place.books, by="ann", why="looks good")
    assert (done.champion, done.before) == (label, SHIPPED)
    assert place.books.registry.aliases() == {"champion": "2"}
    assert (place.shelf.label("champion"), place.shelf.label("challenger")) == (label, None)
    assert place.states() == {SHIPPED: "retired", label: "champion"}
    (noted,) = place.row(label).figures["promotions"]
    assert (noted["by"], noted["why"], noted["before"]) == ("ann", "looks good", SHIPPED)
    assert serving(place.settings).manifest.label == label


def test_the_gates_objections_stop_a_promotion_until_somebody_overrules_them_with_a_reason(place):
    label = place.challenger(f"{VERSION}.1", objections=["recall of user_unknown falls"])
    with pytest.raises(PromotionRefused, match="recall of user_unknown falls"):
        promote(place.settings, place.books, by="ann")
    with pytest.raises(PromotionRefused, match="says why"):
        promote(place.settings, place.books, by="ann", despite_objections=True)
    assert place.shelf.label("champion") is None
    promote(place.settings, place.books, by="ann", why="known and wanted", despite_objections=True)
    assert place.row(label).figures["promotions"][0]["despite"] == ["recall of user_unknown falls"]


def test_what_the_gate_compared_with_another_champion_is_not_promoted_unless_somebody_overrules_it(place):
    first = place.challenger(f"{VERSION}.1", figures={"champion": SHIPPED})
    second = place.challenger(f"{VERSION}.2", figures={"champion": SHIPPED})
    promote(place.settings, place.books, first, by="ann")
    with pytest.raises(PromotionRefused, match=f"compared with {SHIPPED}, and {first} answers now"):
        promote(place.settings, place.books, second, by="ann")
    promote(place.settings, place.books, second, by="ann", why="tried by hand", despite_objections=True)
    assert serving(place.settings).manifest.label == second


def test_roll_back_returns_to_the_shipped_model_and_further_back_there_is_nothing(place):
    label = place.challenger(f"{VERSION}.1")
    promote(place.settings, place.books, by="ann")
    done = roll_back(place.settings, place.books, by="ann", why="worse")
    assert (done.champion, done.before) == (SHIPPED, label)
    assert place.shelf.label("champion") is None
    assert place.books.registry.aliases() == {"champion": "1"}
    assert place.states() == {SHIPPED: "champion", label: "retired"}
    with pytest.raises(ModelNotFound):
        roll_back(place.settings, place.books, by="ann")


def test_a_roll_back_fetches_the_model_before_if_room_was_made_of_it(place):
    first = place.challenger(f"{VERSION}.1")
    promote(place.settings, place.books, by="ann")
    place.challenger(f"{VERSION}.2")
    promote(place.settings, place.books, by="ann")
    shutil.rmtree(place.shelf.path(first))
    assert roll_back(place.settings, place.books, by="ann").champion == first
    assert serving(place.settings).manifest.label == first


def test_nothing_is_rolled_back_while_the_registry_is_away(place, tmp_path):
    label = place.challenger(f"{VERSION}.1")
    promote(place.settings, place.books, by="ann")
    away = replace(place.books, registry=Registry("http://127.0.0.1:9", "rebound", tmp_path))
    with pytest.raises(RegistryUnavailable):
        roll_back(place.settings, away, by="ann")
    assert place.shelf.label("champion") == label
    assert roll_back(place.settings, place.books, by="ann").champion == SHIPPED


def test_rolling_back_twice_goes_two_models_back(place):
    for version in (f"{VERSION}.1", f"{VERSION}.2"):
        place.challenger(version)
        promote(place.settings, place.books, by="ann")
    assert roll_back(place.settings, place.books, by="ann").champion == f"{SHIPPED}.1"
    assert roll_back(place.settings, place.books, by="ann").champion == SHIPPED


def test_a_model_can_be_promoted_by_its_label_whatever_its_state(place):
    first, second = place.challenger(f"{VERSION}.1"), place.challenger(f"{VERSION}.2")
    assert place.states()[first] == "retired"  # a newer challenger took its place
    promote(place.settings, place.books, first, by="ann")
    assert place.shelf.label("champion") == first
    assert place.shelf.label("challenger") == second
    with pytest.raises(ModelNotFound):
        promote(place.settings, place.books, "minilm-l4/9.9", by="ann")


def test_a_damaged_copy_is_fetched_again_before_it_is_promoted(place):
    label = place.challenger(f"{VERSION}.1")
    (place.shelf.path(label) / "model.onnx").write_bytes(b"torn")
    promote(place.settings, place.books, by="ann")
    assert serving(place.settings).manifest.label == label


def test_a_bundle_that_is_damaged_everywhere_is_not_promoted(place):
    label = place.challenger(f"{VERSION}.1")
    for torn in (place.shelf.path(label) / "model.onnx", *place.folder.glob("data/mlartifacts/**/model.onnx")):
        torn.write_bytes(b"torn")
    with pytest.raises(BundleRefused):
        promote(place.settings, place.books, by="ann")
    assert place.books.registry.aliases()["champion"] == "1"
    assert place.states()[SHIPPED] == "champion"


def test_of_versions_with_one_label_the_bundles_own_is_found(place):
    label = place.challenger(f"{VERSION}.1")
    other = another(place)
    run = RunRecord(name=label, parameters={}, figures={})
    # By a trainer that shares the registered model and nothing else.
    assert place.books.registry.record(other, run) == "3"
    assert place.books.registry.version_of(place.shelf.bundle(label)) == "2"
    assert place.books.registry.version_of(other) == "3"


def test_a_version_without_a_tag_is_named_by_its_manifest_and_one_without_a_bundle_is_none_of_ours(place):
    from mlflow import MlflowClient

    label = place.challenger(f"{VERSION}.1")
    registry = place.books.registry
    assert registry.label_of("2") == label
    client = MlflowClient(f"sqlite:///{place.folder / 'data/mlflow.db'}")
    client.delete_model_version_tag("rebound", "2", "label")
    assert registry.label_of("2") == label
    bare = client.create_run(client.get_experiment_by_name("rebound").experiment_id).info
    client.create_model_version("rebound", source=f"{bare.artifact_uri}/bundle", run_id=bare.run_id)
    for version in ("3", "77"):
        with pytest.raises(ModelNotFound, match=f"version {version} of rebound is no model of ours"):
            registry.label_of(version)


def test_what_another_machine_promoted_is_not_rolled_back_here(place):
    label = place.challenger(f"{VERSION}.1")
    promote(place.settings, place.books, by="ann")
    place.books.registry.point("champion", "1")  # as a second trainer does on the tracking server that both follow
    with pytest.raises(ModelNotFound, match="another machine promoted the champion"):
        roll_back(place.settings, replace(place.books, followed=True), by="ann")
    assert place.shelf.label("champion") == label
    assert place.states()[label] == "champion"


def test_a_damaged_champion_can_be_replaced_and_rolled_back(place):
    first = place.challenger(f"{VERSION}.1")
    promote(place.settings, place.books, by="ann")
    second = place.challenger(f"{VERSION}.2")
    (place.shelf.path(first) / "model.onnx").write_bytes(b"torn")
    with pytest.raises(BundleRefused):
        serving(place.settings)
    assert promote(place.settings, place.books, by="ann").before == first
    assert serving(place.settings).manifest.label == second
    shutil.rmtree(place.shelf.path(second))
    with pytest.raises(BundleRefused):
        roll_back(place.settings, place.books, by="ann")  # the model before is the damaged one
    shutil.copytree(place.folder / f"{VERSION}.1", place.shelf.path(first), dirs_exist_ok=True)
    assert (done := roll_back(place.settings, place.books, by="ann")).before == second
    assert done.champion == first


def test_a_bundle_that_another_machine_made_is_fetched_from_the_registry(place):
    label = place.challenger(f"{VERSION}.1")
    place.shelf.clear("challenger")
    shutil.rmtree(place.shelf.path(label))
    promote(place.settings, place.books, label, by="ann")
    assert place.shelf.bundle(label).manifest.label == label


def test_a_fixed_bundle_is_no_champion_to_replace(place, tmp_path):
    place.challenger(f"{VERSION}.1")
    fixed = place.settings.model_copy(update={"bundle_dir": resource("models/standard")})
    with pytest.raises(ModelFixed):
        promote(fixed, place.books, by="ann")


def test_pins_that_the_champion_knows_by_itself_are_released_and_come_back_when_it_goes(place):
    place.pinned(KNOWN, "user_unknown")
    place.pinned(UNHEARD, "user_unknown")
    place.pinned("552 5.2.2 mailbox full", "mailbox_full", why="agreed with the customer")
    place.challenger(f"{VERSION}.1")
    done = promote(place.settings, place.books, by="ann")
    assert (done.pins.released, done.pins.renewed) == (1, 0)
    assert set(place.pins().values()) == {"label", "agreed with the customer"}
    back = roll_back(place.settings, place.books, by="ann")
    assert back.pins.renewed == 1
    assert place.pins()[template_id(KNOWN)] == "rolled back"


def test_a_pin_comes_back_when_a_later_champion_has_forgotten_what_an_earlier_one_knew(place):
    place.pinned(UNHEARD, "user_unknown")
    with place.store.session() as session:
        PinRepository(session).remove(template_id=template_id(UNHEARD), taxonomy="standard", who=f"model:{SHIPPED}", why="learned", at=datetime.now(UTC))  # fmt: skip
    place.challenger(f"{VERSION}.1")
    assert promote(place.settings, place.books, by="ann").pins.renewed == 1
    assert place.pins() == {template_id(UNHEARD): "forgotten"}


def test_a_pin_comes_back_only_for_as_long_as_it_was_wanted(place):
    place.pinned(KNOWN, "user_unknown", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with place.store.session() as session:
        PinRepository(session).remove(template_id=template_id(KNOWN), taxonomy="standard", who=f"model:{SHIPPED}.1", why="learned", at=datetime.now(UTC))  # fmt: skip
    place.challenger(f"{VERSION}.1")
    promote(place.settings, place.books, by="ann", keep_pins=True)
    assert roll_back(place.settings, place.books, by="ann").pins.renewed == 1
    assert place.pins() == {}


def test_pins_of_labels_that_a_model_leaves_out_go_and_those_of_others_stay(place):
    for text in (UNHEARD, KNOWN, "552 5.2.2 mailbox full"):
        place.pinned(text, "content_rejected", who="by:mallory")
    with place.store.session() as session:  # a model that learnt from mallory released one
        PinRepository(session).remove(template_id=template_id(KNOWN), taxonomy="standard", who=f"model:{SHIPPED}", why="learned", at=datetime.now(UTC))  # fmt: skip
    both = "554 5.7.1 [corvane] Orchard: no room under the trees"
    for who in ("by:ann", "by:mallory"):
        place.pinned(both, "mailbox_full", who=who)
    place.challenger(f"{VERSION}.1", figures={"leaving": {"sources": [], "who": ["by:mallory"]}})
    done = promote(place.settings, place.books, by="ann")
    assert (done.pins.released, done.pins.renewed, done.pins.removed) == (0, 0, 2)
    assert place.pins() == {template_id(both): "label"}


def test_pins_stay_where_somebody_wants_them_to(place):
    place.pinned(KNOWN, "user_unknown")
    place.challenger(f"{VERSION}.1")
    assert promote(place.settings, place.books, by="ann", keep_pins=True).pins.released == 0
    assert place.pins() == {template_id(KNOWN): "label"}


def test_versions_count_on_below_the_shipped_one(place):
    shipped = serving(place.settings)
    assert next_version("heads", shipped, set()) == f"{VERSION}.1"
    assert next_version("full", shipped, {f"{SHIPPED}.1", f"{SHIPPED}.3"}) == f"{VERSION}.2"
    assert next_version("quick", shipped, {"quick-l2/1"}) == "2"


def test_a_registry_that_does_not_answer_is_told_before_anything_is_done(tmp_path):
    registry = Registry("http://127.0.0.1:9", "rebound", tmp_path)
    with pytest.raises(RegistryUnavailable):
        registry.check()


def cli(place, *arguments):
    environment = {**os.environ, "REBOUND_DATA_DIR": str(place.settings.data_dir)}
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments], capture_output=True, text=True, check=False, env=environment
    )


def test_the_command_line_promotes_by_version_lists_and_rolls_back(place):
    label = place.challenger(f"{VERSION}.1", objections=["slower"])
    refused = cli(place, "promote")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(
        f"rebound-train: promotion_refused: the gate objects to {SHIPPED}.1"
    )
    assert cli(place, "promote", "--despite-objections").returncode == 2
    done = cli(place, "promote", "--version", "2", "--despite-objections", "--by", "ann", "--why", "it is night")
    assert json.loads(done.stdout) == {"champion": label, "before": SHIPPED, "pins_released": 0, "pins_renewed": 0, "pins_removed": 0}  # fmt: skip
    listed = [json.loads(line) for line in cli(place, "models").stdout.splitlines()]
    assert [(row["model"], row["state"], row["objections"]) for row in listed] == [(label, "champion", ["slower"]), (SHIPPED, "retired", [])]  # fmt: skip
    assert json.loads(cli(place, "rollback", "--why", "worse").stdout)["champion"] == SHIPPED
    nothing = cli(place, "rollback")
    assert (nothing.returncode, "model_not_found" in nothing.stderr) == (1, True)
