"""A served model on labelled rows: the same tokens, the same int8, the same policy as in production."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from classifier.decide import decide
from classifier.domain import Failure, Kind, Prediction
from classifier.parse.replies import find_enhanced_code, find_smtp_code
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
    acts = [action(row.template, prediction, taxonomy) for row, prediction in zip(rows, predictions, strict=True)]
    found = np.array([[p.probabilities[c] for c in categories] for p in predictions], dtype=np.float32)
    return evaluate.scorecard(rows, found, categories, acts)


def action(template: str, prediction: Prediction, taxonomy: Taxonomy) -> str:
    """Return the action that the policy takes on a template's prediction."""
    failure = Failure(
        kind=Kind.FAILURE,
        diagnostic=template,
        smtp_code=find_smtp_code(template),
        enhanced_code=find_enhanced_code(template),
    )
    return decide(failure, prediction, taxonomy).action.value
