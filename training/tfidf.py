"""The classical model: character and word n-grams with logistic regression.

A baseline that any network must beat, and a second opinion for its teacher: it errs elsewhere than the network does.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from training.dataset import Row

Floats = npt.NDArray[np.float32]


class TfidfModel:
    """TF-IDF over character 2-5 and word 1-2 grams, and a logistic regression."""

    def __init__(self, *, regularisation: float = 20.0) -> None:
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"(?u)\b\w+\b")
        regression = LogisticRegression(C=regularisation, max_iter=300)
        self._model = make_pipeline(make_union(characters, words), regression)

    def fit(self, rows: Sequence[Row]) -> "TfidfModel":
        """Learn from rows; an ambiguous one counts as its first category."""
        weights = [row.weight for row in rows]
        self._model.fit(
            [row.template for row in rows], [row.label for row in rows], logisticregression__sample_weight=weights
        )
        return self

    def predict(self, templates: Sequence[str], categories: Sequence[str]) -> Floats:
        """Return probabilities (n, categories); a category that was never seen gets none."""
        found = self._model.predict_proba(list(templates))
        out = np.zeros((len(templates), len(categories)), dtype=np.float32)
        for column, name in enumerate(self._model.classes_):
            out[:, categories.index(name)] = found[:, column]
        return out
