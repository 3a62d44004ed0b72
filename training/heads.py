"""The quick way of retraining: the encoder stays, only the last layer learns. Seconds.

Lesson -> bundle

People's labels and variants of their wordings pull, the champion's own answers on thousands of other templates hold
(distillation: Hinton et al. 2015, section 2), and every weight is held to where it was.
"""

import logging
import random
import shutil
from typing import Any

import numpy as np
import onnx

from classifier.bundle import MODEL, NEIGHBOURS, TAXONOMY, TOKENIZER, Bundle, Manifest
from classifier.predict.onnx import OnnxPredictor
from training.augment import augment
from training.calibrate import calibrate
from training.evaluate import softmax
from training.head import Head, fit_head, one_hot, read_head, write_head
from training.lesson import SMOOTHING, Lesson, Memory, remembered
from training.packing import MIN_AGREEMENT, ParityFailure, git_revision, write_manifest
from training.wordings import spread

log = logging.getLogger("rebound.train")

MEMORY, TRAFFIC = 5_000, 1_000
"""Templates of the corpus and of recent traffic on which the champion's answers are kept."""
MOST_ROWS = 6_000
"""Rows that labels and their variants may be."""
HOLD = 2.0
"""Weight of a remembered template beside a label's 4 (`training.feedback_rows`)."""
STAY = 0.5
"""What moving one weight by 1 costs, in rows that are answered with certainty and wrongly by one nat."""


def learn_heads(lesson: Lesson) -> Bundle:
    """Fit a new head to the champion's encoder, and return the checked bundle around it.

    Raises:
        UnknownGraph: The champion was not made by this program's export.
        ParityFailure: The new head lost its answers when it was rounded to int8.
    """
    predictor = OnnxPredictor(lesson.champion, threads=2)
    memory = remembered(lesson, predictor, corpus=MEMORY, traffic=TRAFFIC)
    log.info("%d labels to learn, %d templates to remember", len(lesson.feedback.learnt), len(memory.rows))
    head = fitted(lesson, memory, predictor, predictor)
    folder, source = lesson.out, lesson.champion.folder
    folder.mkdir(parents=True)
    for name in (TOKENIZER, TAXONOMY, NEIGHBOURS):
        # Neighbours stay the corpus's own: a bundle is handed on, and what people labelled is not ours to hand on.
        if (source / name).is_file():
            shutil.copy(source / name, folder / name)
    write_head(source / MODEL, head, folder / MODEL)
    training = lesson.origin | {
        "profile": "heads",
        "rows": len(lesson.feedback.learnt) + len(memory.rows),
        "dev_rows": len(lesson.data.dev),
        "git_revision": git_revision(),
        "versions": {"onnx": onnx.__version__, "numpy": np.__version__},
    }
    made = _manifest(lesson, training | {"parity": {}})
    parity = _parity(lesson, made, head, memory)
    made = _manifest(lesson, training | {"parity": parity})
    # The thresholds are the champion's: what its confidence meant the calibration makes the new one's mean, and fitting them
    # anew to the same held-back texts would move the line between suppressing and asking by chance alone.
    return calibrate(folder, made, lesson.data.dev, lesson.tests, thresholds=lesson.champion.manifest.thresholds)


def fitted(lesson: Lesson, memory: Memory, teacher: OnnxPredictor, learner: OnnxPredictor) -> Head:
    """Return a head for the learner's encoder: labels pull, what the teacher says of remembered templates holds.

    Every remembered template holds twice, the second time damaged as texts are on their way: there the champion's answers
    would drift first.

    Args:
        lesson: Brings the labels.
        memory: What the teacher says.
        teacher: The champion.
        learner: Has the encoder and the head to start from: the champion again, or what has learnt on from it.
    """
    start = read_head(learner.bundle.folder / MODEL)
    rows = spread(lesson.feedback.learnt, seed=lesson.seed, most=MOST_ROWS)
    if not rows:
        return start
    chance = random.Random(lesson.seed)
    rough = [augment(row.template, chance, lang=row.lang) for row in memory.rows]
    kept = [*(row.template for row in memory.rows), *rough]
    stated = np.vstack([memory.stated, softmax(teacher.encode(rough)[0])])
    _, embeddings = learner.encode([*kept, *(row.template for row in rows)])
    wanted = one_hot([row.label for row in rows], lesson.champion.manifest.categories, SMOOTHING)
    weights = np.array([row.weight for row in rows], dtype=np.float32)
    # However many labels there are, they never outweigh what is remembered.
    weights *= min(1.0, HOLD * len(memory.rows) / float(weights.sum()))
    holds = np.full(len(kept), HOLD, dtype=np.float32)
    return fit_head(embeddings, np.vstack([stated, wanted]), np.concatenate([holds, weights]), start, stay=STAY)


def _manifest(lesson: Lesson, training: dict[str, Any]) -> Manifest:
    old = lesson.champion.manifest
    return write_manifest(
        lesson.out, name=old.name, version=lesson.version, categories=old.categories, temperature=1.0, thresholds={},
        max_tokens=old.max_tokens, normaliser_version=old.normaliser_version, taxonomy=old.taxonomy, training=training,
    )  # fmt: skip


def _parity(lesson: Lesson, made: Manifest, head: Head, memory: Memory) -> dict[str, float]:
    """Compare the rounded head with the fitted one where the fitted one is at least even."""
    bundle = Bundle(folder=lesson.out, manifest=made, taxonomy=lesson.champion.taxonomy)
    part = slice(0, 500)
    served, _ = OnnxPredictor(bundle, threads=2).encode([row.template for row in memory.rows[part]])
    fitted = head.logits(memory.embeddings[part])
    agreement = float((served.argmax(axis=1) == fitted.argmax(axis=1)).mean())
    if agreement < MIN_AGREEMENT:
        raise ParityFailure(
            f"the rounded head agrees with the fitted one on {agreement:.3f}, {MIN_AGREEMENT} is needed"
        )
    return {"agreement": agreement, "largest_difference": float(np.abs(served - fitted).max())}
