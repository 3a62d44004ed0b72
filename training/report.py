"""A bundle's scorecard for people: a model card in Markdown and pictures beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from classifier.bundle import SCORECARD, Bundle
from classifier.predict.onnx import OnnxPredictor
from training.dataset import read_labelled
from training.score import probabilities

_COLUMNS = (
    "n",
    "accuracy",
    "macro_f1_n5",
    "ece",
    "accuracy_at_90_coverage",
    "wrong_suppress",
    "suppressed",
    "reviewed",
)


def totals(bundle: Bundle) -> dict[str, dict[str, float]]:
    """Return the figures of each whole set that the bundle was scored on."""
    scores = json.loads((bundle.folder / SCORECARD).read_text(encoding="utf-8"))
    return {name: card["all"] for name, card in scores.items()}


def write(bundle: Bundle, folder: Path, tests: dict[str, Path]) -> None:
    """Write model-card.md, and for each test set its confusion matrix and reliability diagram."""
    from training import pictures  # noqa: PLC0415 - matplotlib takes a second to import

    folder.mkdir(parents=True, exist_ok=True)
    predictor = OnnxPredictor(bundle, threads=2)
    names = bundle.manifest.categories
    for name, path in tests.items():
        rows = [row for row in read_labelled(path) if len(row.target) == 1]
        found = probabilities(predictor, rows, names)
        guess = [names[i] for i in found.argmax(axis=1)]
        truth = [row.label for row in rows]
        right = np.array([t == g for t, g in zip(truth, guess, strict=True)])
        pictures.save(pictures.confusion_matrix(truth, guess), folder / f"{name}-confusion.png")
        pictures.save(pictures.reliability_diagram(found.max(axis=1), right), folder / f"{name}-reliability.png")
    (folder / "model-card.md").write_text(model_card(bundle), encoding="utf-8")


def model_card(bundle: Bundle) -> str:
    """Return the measured part of the model card as Markdown."""
    scores = json.loads((bundle.folder / SCORECARD).read_text(encoding="utf-8"))
    manifest = bundle.manifest
    size = sum(path.stat().st_size for path in bundle.folder.iterdir() if path.is_file())
    lines = [
        f"# {manifest.label}",
        "",
        f"{len(manifest.categories)} categories, taxonomy {manifest.taxonomy}, normaliser {manifest.normaliser_version}, "
        f"temperature {manifest.temperature:.3f}, smoothing {manifest.smoothing:.3f}, bundle {size / 1e6:.1f} MB, "
        f"{manifest.training['rows']} training rows, seed {manifest.training['seed']}, "
        f"rounded to int8 it agrees on {manifest.training['parity']['agreement']:.3f} of the texts compared.",
        "",
        "| set | " + " | ".join(_COLUMNS) + " |",
        "|---" * (len(_COLUMNS) + 1) + "|",
        *(_row(name, card["all"]) for name, card in scores.items()),
    ]
    for name, card in scores.items():
        lines += ["", f"## {name}", "", "| language | n | accuracy |", "|---|---|---|"]
        lines += [f"| {k} | {v['n']} | {v['accuracy']:.3f} |" for k, v in card["per_language"].items()]
        lines += ["", "| category | n | precision | recall | F1 |", "|---|---|---|---|---|"]
        lines += [
            f"| {k} | {v['n']} | {v['precision']:.2f} | {v['recall']:.2f} | {v['f1']:.2f} |"
            for k, v in card["per_category"].items()
        ]
        lines += ["", "Most frequent confusions: " + _confusions(card["confusions"])]
    return "\n".join(lines) + "\n"


def _row(name: str, found: dict[str, Any]) -> str:
    cells = [f"{found[c]:.3f}" if isinstance(found.get(c), float) else str(found.get(c, "")) for c in _COLUMNS]
    return f"| {name} | " + " | ".join(cells) + " |"


def _confusions(found: list[dict[str, Any]]) -> str:
    return ", ".join(f"{c['label']} as {c['answer']} ({c['n']})" for c in found[:8]) or "none"
