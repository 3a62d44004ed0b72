"""The quick way of retraining: the network stays, and word pieces learn to speak beside it. Seconds.

Lesson -> bundle

People's labels and variants of their wordings pull; the champion's own answers on thousands of other templates hold
(distillation: Hinton et al. 2015, section 2). The table of pieces (`training.pieces`) is fitted anew to all labels each time:
nothing adds up from run to run, and a label that is left out leaves no trace.
"""

import logging
import random
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from classifier.bundle import CAUSES, MODEL, NEIGHBOURS, TAXONOMY, TOKENIZER, Bundle, Manifest
from classifier.predict.onnx import OnnxPredictor
from training.augment import augment
from training.calibrate import calibrate
from training.dataset import Row
from training.evaluate import Floats, softmax
from training.lesson import SMOOTHING, Lesson, Memory, remembered
from training.packing import MIN_AGREEMENT, ParityFailure, git_revision, write_manifest
from training.pieces import Pieces, fit_pieces, one_hot, piece_counts, read_pieces, write_pieces
from training.wordings import spread

log = logging.getLogger("rebound.train")

MEMORY, TRAFFIC = 5_000, 1_000
"""Templates of the corpus and of recent traffic on which the champion's answers are kept."""
MOST_ROWS = 6_000
"""Rows that labels and their variants may be."""
HOLD = 2.0
"""Weight of a remembered template beside a label's 4 (`training.feedback_rows`)."""
COST = 0.25
"""What it costs to let a piece speak that no remembered template has, see `training.pieces.fit_pieces`."""
SHARED = 4.0
"""A label counts as so many remembered templates for a piece that more labels of another category have: it is manner of speech."""


def learn_heads(lesson: Lesson) -> Bundle:
    """Fit a table of word pieces to the champion's network, and return the checked bundle around both.

    Raises:
        UnknownGraph: The champion was not made by this program's export.
        ParityFailure: The table lost its answers when it was rounded to int8.
    """
    predictor = OnnxPredictor(lesson.champion, threads=2)
    memory = remembered(lesson, predictor, corpus=MEMORY, traffic=TRAFFIC)
    log.info("%d labels to learn, %d templates to remember", len(lesson.feedback.learnt), len(memory.rows))
    pieces = fitted(lesson, memory, predictor, predictor)
    folder, source = lesson.out, lesson.champion.folder
    folder.mkdir(parents=True)
    for name in (TOKENIZER, TAXONOMY, NEIGHBOURS, CAUSES):
        # Neighbours stay the corpus's own: a bundle is handed on, and what people labelled is not ours to hand on.
        if (source / name).is_file():
            shutil.copy(source / name, folder / name)
    write_pieces(source / MODEL, pieces, folder / MODEL)
    training = lesson.origin | {
        "profile": "heads",
        "rows": len(lesson.feedback.learnt) + len(memory.rows),
        "dev_rows": len(lesson.data.dev),
        "git_revision": git_revision(),
        "versions": {"onnx": onnx.__version__, "numpy": np.__version__},
    }
    made = _manifest(lesson, training | {"parity": {}})
    parity = _parity(lesson, made, pieces, memory)
    made = _manifest(lesson, training | {"parity": parity})
    # The thresholds are the champion's: what its confidence meant the calibration makes the new one's mean, and fitting them
    # anew to the same held-back texts would move the line between suppressing and asking by chance alone.
    return calibrate(folder, made, lesson.data.dev, lesson.tests, thresholds=lesson.champion.manifest.thresholds)


def fitted(lesson: Lesson, memory: Memory, teacher: OnnxPredictor, learner: OnnxPredictor) -> Pieces:
    """Return a table for the learner's network: labels pull, what the teacher says of remembered templates holds.

    Every remembered template holds twice, the second time damaged as texts are on their way: there the champion's answers
    would drift first.

    Args:
        lesson: Brings the labels.
        memory: What the teacher says.
        teacher: The champion.
        learner: Has the network: the champion again, or what has learnt on from it.
    """
    names = lesson.champion.manifest.categories
    before = read_pieces(learner.bundle.folder / MODEL, len(names))
    rows = spread(lesson.feedback.learnt, seed=lesson.seed, most=MOST_ROWS)
    if not rows:
        return Pieces(rows=np.zeros_like(before.rows))
    chance = random.Random(lesson.seed)
    rough = [augment(row.template, chance, lang=row.lang) for row in memory.rows]
    kept = [*(row.template for row in memory.rows), *rough]
    taught = np.vstack([memory.logits, teacher.encode(rough)[0]])
    templates = [*kept, *(row.template for row in rows)]
    counts = piece_counts(learner, templates, len(before.rows))
    said = np.vstack([
        taught if learner is teacher else learner.encode(kept)[0],
        learner.encode([row.template for row in rows])[0],
    ]) - before.logits(counts)  # fmt: skip
    weights = np.array([row.weight for row in rows], dtype=np.float32)
    # However many labels there are, they never outweigh what is remembered.
    weights *= min(1.0, HOLD * len(memory.rows) / float(weights.sum()))
    # The corpus's texts of fine causes are in every house's jargon: what stands there is not therefore widely known.
    usual = [place for place, row in enumerate(memory.rows) if not row.cause]
    known = counts[usual].getnnz(axis=0) + SHARED * _shared(lesson.feedback.learnt, learner, len(before.rows))
    known = np.where(counts[len(kept) :].getnnz(axis=0) > 0, known, -1)
    return fit_pieces(
        said,
        counts,
        np.vstack([softmax(taught), one_hot([row.label for row in rows], names, SMOOTHING)]),
        np.concatenate([np.full(len(kept), HOLD, dtype=np.float32), weights]),
        known,
        cost=COST,
    )


def _shared(labels: Sequence[Row], predictor: OnnxPredictor, vocabulary: int) -> npt.NDArray[np.int64]:
    """Return for each piece how many labels have it that are not of the category that has it most.

    What a provider says whatever the cause speaks for none of them, above all for none that nobody has labelled yet.
    """
    has = piece_counts(predictor, [row.template for row in labels], vocabulary) > 0
    of = np.array([row.label for row in labels])
    per = np.stack([has[np.flatnonzero(of == label)].getnnz(axis=0) for label in sorted(set(of.tolist()))])
    out: npt.NDArray[np.int64] = per.sum(axis=0) - per.max(axis=0)
    return out


def _manifest(lesson: Lesson, training: dict[str, Any]) -> Manifest:
    old = lesson.champion.manifest
    return write_manifest(
        lesson.out, name=old.name, version=lesson.version, categories=old.categories, temperature=1.0, thresholds={},
        max_tokens=old.max_tokens, normaliser_version=old.normaliser_version, taxonomy=old.taxonomy, training=training,
    )  # fmt: skip


def _parity(lesson: Lesson, made: Manifest, pieces: Pieces, memory: Memory) -> dict[str, float]:
    """Compare the rounded table with the fitted one, on what it learnt from and on what it is to remember."""
    bundle = Bundle(folder=lesson.out, manifest=made, taxonomy=lesson.champion.taxonomy)
    served, champion = (OnnxPredictor(one, threads=2) for one in (bundle, lesson.champion))
    templates = [row.template for row in (*lesson.feedback.learnt[:500], *memory.rows[:500])]
    before = read_pieces(lesson.champion.folder / MODEL, len(made.categories))
    counts = piece_counts(champion, templates, len(before.rows))
    exact: Floats = champion.encode(templates)[0] - before.logits(counts) + pieces.logits(counts)
    rounded, _ = served.encode(templates)
    agreement = float((rounded.argmax(axis=1) == exact.argmax(axis=1)).mean())
    if agreement < MIN_AGREEMENT:
        raise ParityFailure(
            f"the rounded table agrees with the fitted one on {agreement:.3f}, {MIN_AGREEMENT} is needed"
        )
    return {"agreement": agreement, "largest_difference": float(np.abs(rounded - exact).max())}
