"""The thorough way of retraining: the whole network learns on from the champion. Minutes.

Lesson -> bundle

People's labels, and variants of their wordings, stand beside a part of the corpus and of recent traffic. There the champion
is the teacher: its own probabilities are the greater part of the target, so that what nobody complained of stays as it is
(Li and Hoiem 2017, Learning without forgetting), and at the end the network meets the champion partway.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from classifier.bundle import MODEL, Bundle, sha256_of
from classifier.predict.onnx import OnnxPredictor
from classifier.taxonomy import standard_taxonomy
from training import job
from training.calibrate import calibrate
from training.champion import load_champion, meet
from training.dataset import Row
from training.evaluate import Floats, softmax
from training.fit import Recipe, Teacher, fine_tune
from training.heads import fitted
from training.lesson import SMOOTHING, Lesson, Memory, remembered
from training.pieces import one_hot, write_pieces
from training.wordings import spread

log = logging.getLogger("rebound.train")

EPOCHS = 2
RATE = 1e-4
MEMORY, TRAFFIC = 5_000, 1_000
MOST_ROWS = 3_000
"""Rows that labels and their variants may be."""
TEACHER_SHARE = 0.7
"""How much of the target is the champion's word, where people have not spoken."""
OWN_SHARE = 0.3
"""How much of the new network is its own in the end; the rest is the champion's."""


def learn_on(lesson: Lesson) -> Bundle:
    """Fine-tune the champion's network on a lesson, and return the checked bundle.

    Raises:
        KeyError: The champion was not made by this program's export.
        ParityFailure: int8 and the trained network disagree.
    """
    job.reproducible(lesson.seed)
    lesson.out.mkdir(parents=True)
    names = lesson.champion.manifest.categories
    predictor = OnnxPredictor(lesson.champion, threads=2)
    learnt = spread(lesson.feedback.learnt, seed=lesson.seed, most=MOST_ROWS)
    memory = remembered(lesson, predictor, corpus=MEMORY, traffic=TRAFFIC)
    kept = memory.rows
    log.info("%d labels to learn, %d templates to remember", len(lesson.feedback.learnt), len(kept))
    net, tokenizer = load_champion(lesson.champion)
    recipe = Recipe(
        epochs=EPOCHS, rate=RATE, teacher_share=TEACHER_SHARE, seed=lesson.seed, progress=lesson.progress,
        max_tokens=lesson.champion.manifest.max_tokens,
    )  # fmt: skip
    scratch = lesson.out / "scratch"
    rows = [*learnt, *kept]
    fine_tune(net, tokenizer, rows, names, recipe, folder=scratch, teacher=_opinion(predictor, learnt, names))
    meet(net, load_champion(lesson.champion)[0], share=OWN_SHARE)
    shutil.rmtree(scratch, ignore_errors=True)
    work = job.Job(
        out=lesson.out, version=lesson.version, seed=lesson.seed, tests=dict(lesson.tests),
        profile=replace(job.PROFILES["scratch"], name=lesson.champion.manifest.name),
    )  # fmt: skip
    origin = lesson.origin | {"profile": "full"}
    made = job.package(work, net, tokenizer, lesson.data, rows, standard_taxonomy(), origin, corpus=lesson.data.train)
    return _settled(lesson, memory, predictor, made)


def _settled(lesson: Lesson, memory: Memory, teacher: OnnxPredictor, made: Bundle) -> Bundle:
    """Fit the table of word pieces to what the network has become (`training.heads`), and calibrate again."""
    pieces = fitted(lesson, memory, teacher, OnnxPredictor(made, threads=2))
    model = made.folder / MODEL
    write_pieces(model, pieces, model)
    manifest = replace(made.manifest, files={**made.manifest.files, MODEL: sha256_of(model)})
    return calibrate(made.folder, manifest, lesson.data.dev, lesson.tests)


def _opinion(predictor: OnnxPredictor, learnt: Sequence[Row], names: Sequence[str]) -> Teacher:
    """Return the teacher: of the rows that people labelled, which come first, it says what they say; else the champion's word."""
    said = one_hot([row.label for row in learnt], names, SMOOTHING)

    def opinion(templates: Sequence[str]) -> Floats:
        logits, _ = predictor.encode(templates[len(said) :])
        return np.concatenate([said, softmax(logits)])

    return opinion
