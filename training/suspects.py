"""Labels that contradict their texts: what cross-validated n-grams and cleanlab find, for a person to read.

rows -> suspects, the least likely label first
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.model_selection import StratifiedKFold

from training.dataset import Row
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
    """Return suspicious rows by confident learning (Northcutt et al. 2021), the most suspicious first.

    Raises:
        ValueError: A category has fewer rows than there are folds.
    """
    labels = np.array([categories.index(row.label) for row in rows])
    held_out = np.zeros((len(rows), len(categories)), dtype=np.float32)
    for learn, judge in StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels):
        model = TfidfModel().fit([rows[i] for i in learn])
        held_out[judge] = model.predict([rows[i].template for i in judge], categories)
    order = find_label_issues(labels, held_out, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        Suspect(row=rows[i], suggestion=categories[held_out[i].argmax()], self_confidence=float(held_out[i, labels[i]]))
        for i in order
    ]
