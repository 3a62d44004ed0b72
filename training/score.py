"""A served model on labelled rows: the same tokens, the same int8, the same policy as in production."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from classifier.feedback.learned import action_of
from classifier.predict import Predictor
from classifier.taxonomy import Taxonomy
from training import evaluate
from training.dataset import Row


def probabilities(predictor: Predictor, rows: Sequence[Row], categories: Sequence[str]) -> evaluate.Floats:
    """Return the calibrated probabilities (n, categories) of a predictor on rows."""
    predictions = predictor.predict([row.template for row in rows])
    return np.array([[p.probabilities[c] for c in categories] for p in predictions], dtype=np.float32)


def score(predictor: Predictor, taxonomy: Taxonomy, rows: Sequence[Row], categories: Sequence[str]) -> dict[str, Any]:
    """Return the scorecard of a predictor on rows, its actions decided as serving decides them."""
    predictions = predictor.predict([row.template for row in rows])
    acts = [action_of(row.template, prediction, taxonomy) for row, prediction in zip(rows, predictions, strict=True)]
    found = np.array([[p.probabilities[c] for c in categories] for p in predictions], dtype=np.float32)
    return evaluate.scorecard(rows, found, categories, acts)
