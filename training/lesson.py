"""What every way of retraining starts from: the champion, what people said, and what it must not forget.

    champion + feedback + corpus + recent traffic -> Lesson -> a bundle

Old knowledge is kept by the champion's own words: what it says of the corpus and of recent traffic is the target there, so
that no text is needed that the champion was made from.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from classifier.bundle import MODEL, Bundle
from classifier.predict.onnx import OnnxPredictor
from training.dataset import Dataset, Row
from training.evaluate import Floats, softmax
from training.feedback_rows import Feedback
from training.impact import Recent

SMOOTHING = 0.05
SURE = 0.9
"""From which confidence on the champion's answer to a template of recent traffic is worth keeping."""
NEAR = 0.5
"""Cosine from which on a template is too near to a correction for the champion's word on it to be kept."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One retraining's input.

    Attributes:
        champion: The model to learn on from.
        feedback: What people agreed on.
        data: The corpus without what people judged otherwise: `train` to remember by, `dev` to calibrate on.
        traffic: Templates of recent traffic, the most frequent first; nobody labelled them.
        tests: Name to file of each frozen test set.
        version: Of the new model.
        out: Folder of the new bundle; it does not exist.
        seed: Of everything random.
        progress: Whether to draw progress bars.
    """

    champion: Bundle
    feedback: Feedback
    data: Dataset
    traffic: Sequence[Recent] = ()
    tests: Mapping[str, Path] = field(default_factory=dict)
    version: str
    out: Path
    seed: int = 20_260
    progress: bool = False

    @property
    def origin(self) -> dict[str, Any]:
        """What the new bundle's manifest says of where it comes from."""
        manifest = self.champion.manifest
        return {
            "start": manifest.label,
            "start_sha256": manifest.files[MODEL],
            "feedback_rows": len(self.feedback.learnt),
            "feedback_held_out": len(self.feedback.held_out),
            "labels_sha256": self.feedback.sha256,
            "labels_until": self.feedback.labels_until,
            "conflicts": len(self.data.conflicts),
            "data_sha256": self.data.hashes,
            "seed": self.seed,
        }


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Templates on which the new model shall speak as the champion does.

    Attributes:
        rows: The templates; a row of recent traffic has the champion's answer as its label.
        logits: The champion's (n, categories), not calibrated.
    """

    rows: list[Row]
    logits: Floats


def remembered(lesson: Lesson, predictor: OnnxPredictor, *, corpus: int, traffic: int) -> Memory:
    """Return what the champion says of a stratified part of the corpus and of recent traffic.

    A template of the traffic is left out where the champion is unsure, or where it is near to what people corrected: on the
    siblings of a correction the champion's word is not worth keeping.
    """
    names = lesson.champion.manifest.categories
    rows = stratified(lesson.data.train, corpus, lesson.seed)
    recent = [Row(template=t.template, target={}, lang="und", source="traffic", weight=1.0) for t in lesson.traffic]
    rows += recent[:traffic]
    logits, embeddings = predictor.encode([row.template for row in rows])
    stated = softmax(logits)
    learnt = lesson.feedback.learnt
    keep = np.array([bool(row.target) for row in rows]) | (stated.max(axis=1) >= SURE)
    if learnt and recent:
        _, corrected = predictor.encode([row.template for row in learnt])
        nearness = _cosines(embeddings, corrected, embeddings.mean(axis=0)).max(axis=1)
        keep &= np.array([bool(row.target) for row in rows]) | (nearness < NEAR)
    at = np.flatnonzero(keep)
    said = [names[i] for i in stated.argmax(axis=1)]
    kept = [rows[i] if rows[i].target else _as_said(rows[i], said[i]) for i in at]
    return Memory(rows=kept, logits=logits[at])


def stratified(rows: Sequence[Row], n: int, seed: int) -> list[Row]:
    """Return at most `n` rows, as many of each label as of any other while there are some left."""
    order = list(rows)
    random.Random(seed).shuffle(order)
    taken: dict[str, int] = defaultdict(int)
    ranked = []
    for place, row in enumerate(order):
        ranked.append((taken[row.label], place))
        taken[row.label] += 1
    return [order[place] for _, place in sorted(ranked)[:n]]


def sha256_of_rows(rows: Sequence[Row]) -> str:
    """Return the digest of rows' templates and labels, in their order."""
    text = "\n".join(f"{row.label} {row.template}" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_said(row: Row, category: str) -> Row:
    return Row(template=row.template, target={category: 1.0}, lang=row.lang, source=row.source, weight=row.weight)


def _cosines(left: Floats, right: Floats, mean: Floats) -> Floats:
    units = [part / (np.linalg.norm(part, axis=1, keepdims=True) + 1e-9) for part in (left - mean, right - mean)]
    return np.asarray(units[0] @ units[1].T, dtype=np.float32)
