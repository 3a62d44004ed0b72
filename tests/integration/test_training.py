"""The quick profile from end to end: the command that a data scientist types first."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from classifier.bundle import load_bundle
from classifier.errors import BundleRefused
from classifier.predict.onnx import OnnxPredictor

TRAIN = Path(sys.executable).with_name("rebound-train")


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "quick"
    started = time.monotonic()
    done = subprocess.run(
        [TRAIN, "run", "--profile", "quick", "--quiet", "--out", out], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return out, json.loads(done.stdout), time.monotonic() - started


@pytest.mark.slow
def test_the_quick_profile_makes_a_whole_bundle_in_under_two_minutes(quick):
    out, printed, seconds = quick
    bundle = load_bundle(out)
    assert printed["model"] == bundle.manifest.label
    assert seconds < 120
    assert bundle.manifest.training["data_sha256"]
    assert bundle.manifest.training["parity"]["agreement"] >= 0.97


@pytest.mark.slow
def test_even_the_quick_model_beats_guessing_by_far(quick):
    _, printed, _ = quick
    assert printed["dev"]["accuracy"] > 0.2


@pytest.mark.slow
def test_its_report_has_card_and_pictures(quick):
    report = quick[0] / "report"
    assert "| set | n | accuracy |" in (report / "model-card.md").read_text()
    pictures = sorted(path.name for path in report.glob("*.png"))
    assert "challenge_reworded-confusion.png" in pictures
    assert all((report / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


@pytest.mark.slow
def test_a_bundle_is_handed_over_whole_or_not_at_all(quick, tmp_path):
    out, _, _ = quick
    to = tmp_path / "served"
    subprocess.run([TRAIN, "export", out, to], check=True, capture_output=True)
    assert len(OnnxPredictor(load_bundle(to)).predict(["550 no such user"])) == 1
    (to / "model.onnx").write_bytes(b"torn")
    done = subprocess.run([TRAIN, "export", to, tmp_path / "other"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "damaged" in done.stderr
    with pytest.raises(BundleRefused):
        load_bundle(to)


@pytest.mark.slow
def test_evaluate_scores_the_shipped_bundle_on_any_labelled_file(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '{"text": "550 5.1.1 no such user", "label": "user_unknown"}\n{"text": "552 mailbox full", "label": "mailbox_full"}\n'
    )
    done = subprocess.run([TRAIN, "evaluate", path], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["all"]["accuracy"] == 1.0
