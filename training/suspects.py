"""Labels that contradict their texts: what cleanlab finds (Northcutt et al. 2021), for a person to read.

rows -> suspects, the least likely label first

The corpus is judged by n-grams, cross-validated. What people labelled is judged by the shipped model, which has learnt from
none of them: a model that has learnt from many wrong labels would find them right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from cleanlab.filter import find_label_issues
from sklearn.model_selection import StratifiedKFold

from classifier.bundle import load_bundle
from classifier.predict.onnx import OnnxPredictor
from classifier.resources import resource
from classifier.settings import Settings
from classifier.store import open_store
from classifier.taxonomy import standard_taxonomy
from training import evaluate
from training.dataset import Row, build
from training.feedback_rows import SOURCE
from training.leaving import Leaving
from training.prepare import agreed_feedback
from training.score import probabilities
from training.sources import Sources
from training.tfidf import TfidfModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A row whose label its text does not support.

    Attributes:
        row: The row.
        suggestion: The category that the other rows speak for.
        self_confidence: Probability of the given label, 0 to 1, from a model that has not seen the row.
    """

    row: Row
    suggestion: str
    self_confidence: float


def find_suspects(rows: Sequence[Row], categories: Sequence[str], *, folds: int = 3, seed: int = 0) -> list[Suspect]:
    """Return suspicious rows by confident learning, the most suspicious first; n-grams judge.

    Raises:
        ValueError: A category has fewer rows than there are folds.
    """
    labels = np.array([categories.index(row.label) for row in rows])
    held_out = np.zeros((len(rows), len(categories)), dtype=np.float32)
    for learn, judge in StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels):
        model = TfidfModel().fit([rows[i] for i in learn])
        held_out[judge] = model.predict([rows[i].template for i in judge], categories)
    return _suspicious(rows, labels, held_out, categories)


def suspects_of_corpus(sources: Sources) -> tuple[list[Suspect], int]:
    """Return the suspects of the training data, and of how many rows."""
    data = build(
        sources.authored, sources.labelled, held_out=list(sources.tests.values()),
        categories=frozenset(standard_taxonomy().by_id), dev_share=0.0, labelled_weight=1.0, seed=0,
    )  # fmt: skip
    return find_suspects(data.train, sorted(standard_taxonomy().by_id)), len(data.train)


def suspects_of_people(sources: Sources, settings: Settings | None = None) -> tuple[list[Suspect], int]:
    """Return the suspects among the labels that people agree on, and of how many.

    The held-back part of the corpus stands beside them, so that there is something to be unlike of.
    """
    settings = settings or Settings()
    shipped = load_bundle(resource("models/standard"))
    categories = shipped.manifest.categories
    store = open_store(settings.store_url)
    try:
        given = agreed_feedback(store, shipped, Leaving(), sources).rows
    finally:
        store.close()
    if not given:
        return [], 0
    beside = sources.corpus(frozenset(categories), seed=0).dev
    rows = [*given, *beside]
    said = probabilities(OnnxPredictor(shipped, threads=2), rows, categories)
    labels = np.array([categories.index(row.label) for row in rows])
    found = _suspicious(rows, labels, said, categories)
    return [suspect for suspect in found if suspect.row.source == SOURCE], len(given)


def _suspicious(
    rows: Sequence[Row], labels: npt.NDArray[np.int_], said: evaluate.Floats, categories: Sequence[str]
) -> list[Suspect]:
    order = find_label_issues(labels, said, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        Suspect(row=rows[i], suggestion=categories[said[i].argmax()], self_confidence=float(said[i, labels[i]]))
        for i in order
    ]
