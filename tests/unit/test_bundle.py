import json
import shutil

import pytest

from classifier.bootstrap import build
from classifier.bundle import MANIFEST, load_bundle
from classifier.domain import Action, Failure, Kind, Source
from classifier.errors import BundleRefused
from classifier.resources import resource
from classifier.settings import Settings


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(resource("models/standard"), tmp_path / "bundle")


def rewrite(folder, **changes):
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_shipped_bundle_is_whole():
    bundle = load_bundle(resource("models/standard"))
    assert len(bundle.manifest.categories) == 29
    assert sum(path.stat().st_size for path in bundle.folder.iterdir()) <= 15_000_000


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "taxonomy.toml", "scorecard.json", "manifest.json"])
def test_a_missing_file_refuses_the_bundle(copy, name):
    (copy / name).unlink()
    with pytest.raises(BundleRefused):
        load_bundle(copy)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "taxonomy.toml"])
def test_one_changed_byte_refuses_the_bundle(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleRefused, match=f"{name} is damaged"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"normaliser_version": 99}, "normaliser version 99"),
        ({"format": 9}, "bundle format 9"),
        ({"taxonomy": "other/1"}, "not those of its taxonomy"),
        ({"categories": ["user_unknown", "made_up"]}, "not those of its taxonomy"),
        ({"temperature": 0}, "out of range"),
        ({"temperature": float("nan")}, "out of range"),
        ({"thresholds": {"user_unknown": float("nan")}}, "thresholds out of range"),
        ({"thresholds": {"user_unknown": -1}}, "thresholds out of range"),
        ({"files": ["model.onnx"]}, "no readable manifest"),
        ({"files": {}}, "the manifest names no"),
    ],
)
def test_a_bundle_made_for_something_else_is_refused(copy, changes, complaint):
    rewrite(copy, **changes)
    with pytest.raises(BundleRefused, match=complaint):
        load_bundle(copy)


def test_a_name_that_leads_out_of_the_folder_is_refused(copy):
    files = json.loads((copy / MANIFEST).read_text())["files"]
    rewrite(copy, files=files | {"../evil": "0" * 64})
    with pytest.raises(BundleRefused):
        load_bundle(copy)


@pytest.mark.parametrize("damage", [True, False], ids=["damaged", "missing"])
def test_without_a_usable_bundle_the_status_code_answers_and_nothing_is_suppressed(copy, damage):
    if damage:
        (copy / "model.onnx").write_bytes(b"not a model")
    else:
        shutil.rmtree(copy)
    parts = build(Settings(bundle_dir=copy))
    assert parts.refused
    texts = ["550 5.1.1 no such user", "552 5.2.2 full", "550 gone", "5.7.26 unauthenticated"]
    failures = [Failure(kind=Kind.FAILURE, diagnostic=text) for text in texts]
    verdicts = [answer.verdict for answer in parts.pipeline.classify(failures)]
    assert [v.category for v in verdicts] == ["user_unknown", "mailbox_full", "undetermined", "auth_failure"]
    assert {v.source for v in verdicts} == {Source.FALLBACK}
    assert Action.SUPPRESS not in {v.action for v in verdicts}
