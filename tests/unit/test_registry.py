import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from classifier.bundle import MANIFEST, MODEL, load_bundle
from classifier.errors import BundleRefused, ModelConflict, ModelNotFound
from classifier.registry import CHALLENGER, CHAMPION, ModelShelf
from classifier.resources import resource

SHIPPED = resource("models/standard")


@pytest.fixture
def shelf(tmp_path):
    return ModelShelf(tmp_path / "models")


def test_a_bundle_is_put_under_its_name_and_version_and_only_the_files_that_its_manifest_names(shelf, bundle):
    folder = bundle("7")
    (folder / "notes.txt").write_text("not part of it")
    assert shelf.put(folder) == "minilm-l4/7"
    assert load_bundle(shelf.folder / "minilm-l4-7").manifest.version == "7"
    assert not (shelf.folder / "minilm-l4-7" / "notes.txt").exists()
    assert shelf.labels() == ["minilm-l4/7"]


def test_the_shipped_bundle_can_be_the_first_champion(shelf):
    label = shelf.put(SHIPPED)
    shelf.point(CHAMPION, label)
    assert shelf.pointed(CHAMPION) == shelf.path(label)


def test_putting_the_same_bundle_twice_changes_nothing(shelf, bundle):
    label = shelf.put(bundle("7"))
    before = (shelf.path(label) / MODEL).stat()
    assert shelf.put(bundle("7")) == label
    assert (shelf.path(label) / MODEL).stat().st_ino == before.st_ino


def test_another_bundle_of_the_same_label_is_a_conflict(shelf, bundle):
    shelf.put(bundle("7"))
    with pytest.raises(ModelConflict):
        shelf.put(bundle("7", files={"scorecard.json": b"{}"}))
    assert shelf.labels() == ["minilm-l4/7"]


def test_a_bundle_that_was_damaged_on_the_shelf_is_replaced_by_the_same_one_whole(shelf, bundle):
    label = shelf.put(bundle("7"))
    (shelf.path(label) / MODEL).write_bytes(b"damaged")
    with pytest.raises(BundleRefused):
        shelf.point(CHAMPION, label)
    shelf.put(bundle("7"))
    shelf.point(CHAMPION, label)
    assert [path.name for path in shelf.folder.iterdir() if path.is_dir()] == ["minilm-l4-7"]


@pytest.mark.parametrize("changes", [{"normaliser_version": 99}, {"taxonomy": "other/1"}, {"version": "../../7"}])
def test_a_bundle_that_does_not_fit_is_not_put(shelf, bundle, changes):
    folder = bundle("7")
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BundleRefused):
        shelf.put(folder)
    assert shelf.labels() == []


def test_no_pointer_names_no_model(shelf):
    assert shelf.pointed(CHAMPION) is None
    assert shelf.stamp(CHAMPION) is None
    assert shelf.history() == []
    assert shelf.labels() == []


def test_a_label_that_is_not_on_the_shelf_cannot_be_pointed_to(shelf):
    for label in ("minilm-l4/9", "../etc", "champion", ""):
        with pytest.raises(ModelNotFound):
            shelf.point(CHAMPION, label)
    assert shelf.pointed(CHAMPION) is None


def test_the_stamp_changes_with_every_move_even_to_the_same_model(shelf, bundle):
    label = shelf.put(bundle("7"))
    shelf.point(CHAMPION, label)
    first = shelf.stamp(CHAMPION)
    shelf.point(CHAMPION, label)
    assert shelf.stamp(CHAMPION) != first
    assert shelf.stamp(CHALLENGER) is None


@pytest.mark.parametrize("content", [b"", b"../../etc/passwd\n", b"\xff\xfe", b"minilm-l4"])
def test_a_damaged_pointer_is_refused_and_can_be_pointed_anew(shelf, bundle, content):
    label = shelf.put(bundle("7"))
    (shelf.folder / CHAMPION).write_bytes(content)
    with pytest.raises(BundleRefused):
        shelf.pointed(CHAMPION)
    shelf.point(CHAMPION, label)
    assert shelf.label(CHAMPION) == label


def test_the_history_tells_every_move_and_survives_a_torn_line(shelf, bundle):
    for version in ("7", "8"):
        shelf.point(CHAMPION, shelf.put(bundle(version)), why=f"run {version}")
    with (shelf.folder / "history.jsonl").open("a") as file:
        file.write('{"when": "20')
    shelf.point(CHAMPION, "minilm-l4/7", why="back by hand")
    moves = [(move.before, move.after, move.why) for move in shelf.history(CHAMPION)]
    assert moves == [
        (None, "minilm-l4/7", "run 7"),
        ("minilm-l4/7", "minilm-l4/8", "run 8"),
        ("minilm-l4/8", "minilm-l4/7", "back by hand"),
    ]
    assert shelf.history(CHALLENGER) == []


def test_rolling_back_twice_goes_two_models_back_and_a_promotion_after_it_is_taken_back_first(shelf, bundle):
    for version in ("1", "2", "3"):
        shelf.point(CHAMPION, shelf.put(bundle(version)))
    assert shelf.rollback(CHAMPION) == "minilm-l4/2"
    assert shelf.rollback(CHAMPION) == "minilm-l4/1"
    shelf.point(CHAMPION, "minilm-l4/3")
    assert shelf.rollback(CHAMPION) == "minilm-l4/1"
    assert shelf.rollback(CHAMPION) is None
    assert shelf.pointed(CHAMPION) is None
    with pytest.raises(ModelNotFound, match="nothing to roll back to"):
        shelf.rollback(CHAMPION)


def test_rolling_back_to_a_damaged_bundle_leaves_the_pointer(shelf, bundle):
    for version in ("1", "2"):
        shelf.point(CHAMPION, shelf.put(bundle(version)))
    (shelf.path("minilm-l4/1") / MODEL).write_bytes(b"damaged")
    with pytest.raises(BundleRefused):
        shelf.rollback(CHAMPION)
    assert shelf.label(CHAMPION) == "minilm-l4/2"


def test_why_an_alias_could_not_be_moved_is_known_until_it_is_moved(shelf, bundle):
    assert shelf.refused(CHAMPION) is None
    shelf.refuse(CHAMPION, "version 9: model.onnx is damaged")
    assert shelf.refused(CHAMPION) == "version 9: model.onnx is damaged"
    assert shelf.refused(CHALLENGER) is None
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    assert shelf.refused(CHAMPION) is None


def test_clearing_takes_the_pointer_away_and_once_is_enough(shelf, bundle):
    shelf.point(CHALLENGER, shelf.put(bundle("7")))
    shelf.clear(CHALLENGER, why="promoted")
    shelf.clear(CHALLENGER)
    assert shelf.pointed(CHALLENGER) is None
    assert [move.after for move in shelf.history(CHALLENGER)] == ["minilm-l4/7", None]


def test_moves_made_at_once_are_all_told_and_form_a_chain(shelf, bundle):
    labels = [shelf.put(bundle(version)) for version in ("1", "2", "3")]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda i: shelf.point(CHAMPION, labels[i % 3]), range(24)))
    moves = shelf.history(CHAMPION)
    assert all(earlier.after == later.before for earlier, later in pairwise(moves))
    assert moves[-1].after == shelf.label(CHAMPION)


def test_the_oldest_bundles_go_and_none_that_answers_or_that_a_roll_back_leads_to(shelf, bundle):
    labels = [shelf.put(bundle(str(version))) for version in range(1, 8)]
    for age, label in enumerate(reversed(labels)):
        os.utime(shelf.path(label), (1e9 - age, 1e9 - age))
    for label in (labels[0], labels[1], labels[2]):
        shelf.point(CHAMPION, label)
    shelf.point(CHALLENGER, labels[3])
    assert shelf.prune(1) == [labels[5], labels[4], labels[0]]  # one roll-back leads to the second
    assert shelf.labels() == [labels[1], labels[2], labels[3], labels[6]]
    assert shelf.rollback(CHAMPION) == labels[1]
    assert shelf.prune(9) == []
    assert [path.name for path in shelf.folder.glob(".old-*")] == []


def test_what_cannot_be_removed_and_what_is_served_from_the_shelf_itself_stay_and_a_stranger_counts_for_nothing(
    shelf, bundle, monkeypatch
):
    labels = [shelf.put(bundle(str(version))) for version in range(1, 6)]
    for age, label in enumerate(reversed(labels)):
        os.utime(shelf.path(label), (1e9 - age, 1e9 - age))
    shutil.copytree(shelf.path(labels[4]), shelf.folder / "minilm-l4-5.bak")
    (shelf.folder / "odd").mkdir()
    (shelf.folder / "odd" / MANIFEST).write_text('{"name": "my model", "version": "1"}')
    rename = Path.rename

    def stuck(self, target):
        if self == shelf.path(labels[1]):
            raise PermissionError("another user's")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stuck)
    assert shelf.prune(1, spare=shelf.path(labels[2])) == [labels[3], labels[0]]
    monkeypatch.undo()
    assert shelf.prune(1, spare=shelf.path(labels[2])) == [labels[1]]
    assert (shelf.folder / "minilm-l4-5.bak").is_dir()


def test_a_bundle_whose_manifest_is_torn_is_replaced_by_the_same_one_whole(shelf, bundle):
    label = shelf.put(bundle("7"))
    (shelf.path(label) / MANIFEST).write_text("{")
    assert shelf.put(bundle("7")) == label
    assert shelf.bundle(label).manifest.version == "7"
