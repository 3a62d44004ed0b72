"""Figures: small cases worked out by hand."""

import numpy as np
import pytest

from classifier.predict.onnx import calibrated
from training.dataset import Row
from training.evaluate import calibration_error, figures, fit_calibration, fit_thresholds, macro_f1, per_category

NAMES = ["user_unknown", "ip_reputation", "undetermined"]


def row(label, also=None):
    return Row(
        template="x", target={label: 0.5, also: 0.5} if also else {label: 1.0}, lang="en", source="s", weight=1.0
    )


def certain(*picks, p=0.9):
    out = np.full((len(picks), 3), (1 - p) / 2, dtype=np.float32)
    for i, pick in enumerate(picks):
        out[i, pick] = p
    return out


def test_figures_of_a_small_set():
    rows = [row("user_unknown"), row("user_unknown"), row("ip_reputation"), row("ip_reputation", "undetermined")]
    found = figures(rows, certain(0, 1, 1, 2), NAMES, ["suppress", "review", "review", "review"])
    assert found["n"] == 3  # the ambiguous row counts in `lenient` alone
    assert found["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["lenient"] == pytest.approx(3 / 4, abs=1e-4)
    assert found["wrong_suppress"] == 0


def test_suppressing_a_live_recipient_is_counted():
    found = figures([row("ip_reputation")], certain(0), NAMES, ["suppress"])
    assert found["wrong_suppress"] == 1


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.65, 0.65], dtype=np.float32)
    assert calibration_error(confidence, np.array([True, True, True, False])) == pytest.approx(
        (2 * 0.05 + 2 * 0.15) / 4, abs=1e-6
    )


def overconfident(right):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 3_000)
    given = np.where(rng.random(3_000) < right, truth, (truth + 1) % 3)
    logits = np.zeros((3_000, 3), dtype=np.float32)
    logits[np.arange(3_000), given] = 8.0
    return logits, truth.tolist()


def test_calibration_makes_an_overconfident_model_modest():
    logits, truth = overconfident(0.7)
    assert calibrated(logits, *fit_calibration(logits, truth)).max(axis=1).mean() == pytest.approx(0.7, abs=0.02)


def test_smoothing_is_taken_off_again():
    stated = np.log(np.array([[0.95 + 0.05 / 3, 0.05 / 3, 0.05 / 3]], dtype=np.float32))
    assert calibrated(stated, 1.0, 0.05)[0] == pytest.approx([1.0, 0.0, 0.0], abs=1e-3)
    assert calibrated(stated, 1.0, 0.0)[0, 0] == pytest.approx(0.9667, abs=1e-3)


def test_a_threshold_rises_above_confident_harm():
    picks = [0] * 60
    found = certain(*picks, p=0.97)
    found[:10, 0] = 0.99
    truth = ["user_unknown"] * 10 + ["ip_reputation"] * 10 + ["user_unknown"] * 40
    thresholds = fit_thresholds(found, truth, NAMES, frozenset({"user_unknown"}))
    assert 0.97 < thresholds["user_unknown"] <= 0.99
    assert thresholds["ip_reputation"] == 0.5
    assert thresholds["undetermined"] == 0.0


def test_a_category_that_never_gains_never_acts():
    thresholds = fit_thresholds(certain(*[0] * 10, p=0.9), ["ip_reputation"] * 10, NAMES, frozenset({"user_unknown"}))
    assert thresholds["user_unknown"] == 0.995


def test_f1_by_hand():
    truth, guess = ["a"] * 6 + ["b"] * 4, ["a"] * 5 + ["b"] * 5
    assert per_category(truth, guess)["a"] == {"precision": 1.0, "recall": 0.833, "f1": 0.909, "n": 6, "given": 5}
    assert macro_f1(truth, guess) == pytest.approx(0.909, abs=1e-3)  # b has fewer than five texts
