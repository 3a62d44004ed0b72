"""From a trained model to one whose confidence means something: temperature, smoothing, thresholds, scorecard.

bundle folder + held-back rows -> the same bundle, calibrated and scored
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from classifier.bundle import MANIFEST, SCORECARD, Bundle, Manifest, load_bundle, sha256_of
from classifier.domain import Action
from classifier.predict.onnx import OnnxPredictor, calibrated
from classifier.taxonomy import standard_taxonomy
from training.dataset import Row, read_labelled
from training.evaluate import fit_calibration, fit_thresholds
from training.score import score


def calibrate(
    folder: Path,
    manifest: Manifest,
    dev: Sequence[Row],
    tests: Mapping[str, Path],
    thresholds: Mapping[str, float] | None = None,
) -> Bundle:
    """Fit temperature, smoothing and thresholds on held-back rows, score the sets, and write manifest and scorecard.

    Args:
        folder: Of the bundle; its model is neither loaded as torch nor changed.
        manifest: What the bundle says of itself so far.
        dev: Rows that the model has not learnt from.
        tests: Name to file of each set that is only scored.
        thresholds: Those to keep; None fits new ones.
    """
    taxonomy = standard_taxonomy()
    names = list(manifest.categories)
    raw = OnnxPredictor(Bundle(folder=folder, manifest=manifest, taxonomy=taxonomy), threads=2)
    logits, _ = raw.encode([row.template for row in dev])
    temperature, smoothing = fit_calibration(logits, [names.index(row.label) for row in dev])
    suppressing = frozenset(c.id for c in taxonomy.categories if c.action is Action.SUPPRESS)
    probabilities = calibrated(logits, temperature, smoothing)
    thresholds = thresholds or fit_thresholds(probabilities, [row.label for row in dev], names, suppressing)
    manifest = replace(manifest, temperature=temperature, smoothing=smoothing, thresholds=thresholds)
    predictor = OnnxPredictor(Bundle(folder=folder, manifest=manifest, taxonomy=taxonomy), threads=2)
    policy = taxonomy.with_thresholds(thresholds)
    sets = {"dev": dev} | {name: read_labelled(path) for name, path in tests.items()}
    scores = {name: score(predictor, policy, rows, names) for name, rows in sets.items()}
    (folder / SCORECARD).write_text(json.dumps(scores, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    files = dict(manifest.files) | {SCORECARD: sha256_of(folder / SCORECARD)}
    (folder / MANIFEST).write_text(replace(manifest, files=files).to_json(), encoding="utf-8")
    return load_bundle(folder)
