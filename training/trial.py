"""Champion and challenger on the same rows, one after the other in one process: what the gate judges by.

two bundles + rows -> two scorecards
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from classifier.bundle import Bundle
from classifier.feedback.learned import action_of
from classifier.predict import Predictor
from classifier.predict.onnx import OnnxPredictor
from classifier.taxonomy import Taxonomy
from training.dataset import Row
from training.evaluate import Floats, scorecard
from training.gate import Card, Scorecard
from training.impact import Recent, Seen

_TIMED = 100
_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What models are tried on.

    Attributes:
        sets: Name to rows of each frozen test set.
        held_out, learnt: Feedback that was kept out of training, and that was not.
        traffic: Last week's templates.
        labelled: Category that people agreed on, by template id.
    """

    sets: Mapping[str, Sequence[Row]]
    held_out: Sequence[Row] = ()
    learnt: Sequence[Row] = ()
    traffic: Sequence[Recent] = ()
    labelled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Said:
    """A model's answers to rows."""

    rows: Sequence[Row]
    probabilities: Floats
    actions: Sequence[str]
    names: Sequence[str]

    def card(self) -> Card:
        return scorecard(self.rows, self.probabilities, self.names, self.actions)


def compare(champion: Bundle, challenger: Bundle, trial: Trial) -> tuple[Scorecard, Scorecard]:
    """Score both models and return their scorecards, the champion's first."""
    times = _median_ms((champion, challenger), [row.template for rows in trial.sets.values() for row in rows])
    with ThreadPoolExecutor(2) as pool:  # onnxruntime leaves the interpreter to the other while it works
        first, second = pool.map(lambda bundle, ms: _scored(bundle, ms, trial), (champion, challenger), times)
    return first, second


def _scored(bundle: Bundle, ms: float, trial: Trial) -> Scorecard:
    predictor = OnnxPredictor(bundle, threads=1)

    def said(rows: Sequence[Row]) -> _Said:
        return _answers(predictor, bundle.taxonomy, bundle.manifest.categories, rows)

    sets = {name: said(rows) for name, rows in trial.sets.items()}
    return Scorecard(
        label=bundle.manifest.label,
        frozen=_pooled(list(sets.values())).card(),
        sets={name: answers.card() for name, answers in sets.items()},
        held_out=said(trial.held_out).card() if trial.held_out else None,
        learnt=said(trial.learnt).card() if trial.learnt else None,
        median_ms=ms,
        megabytes=megabytes(bundle),
        traffic=_seen(predictor, bundle.taxonomy, trial),
    )


def _answers(predictor: Predictor, taxonomy: Taxonomy, names: Sequence[str], rows: Sequence[Row]) -> _Said:
    predictions = predictor.predict([row.template for row in rows])
    return _Said(
        rows=rows,
        probabilities=np.array([[p.probabilities[c] for c in names] for p in predictions], dtype=np.float32),
        actions=[action_of(row.template, p, taxonomy) for row, p in zip(rows, predictions, strict=True)],
        names=names,
    )


def _pooled(parts: Sequence[_Said]) -> _Said:
    return _Said(
        rows=[row for part in parts for row in part.rows],
        probabilities=np.concatenate([part.probabilities for part in parts]),
        actions=[act for part in parts for act in part.actions],
        names=parts[0].names,
    )


def _seen(predictor: Predictor, taxonomy: Taxonomy, trial: Trial) -> dict[str, Seen]:
    predictions = predictor.predict([recent.template for recent in trial.traffic])
    out = {}
    for recent, prediction in zip(trial.traffic, predictions, strict=True):
        category, confidence = prediction.ranked[0]
        out[recent.template_id] = Seen(
            template=recent.template,
            n=recent.n,
            category=category,
            confidence=confidence,
            action=action_of(recent.template, prediction, taxonomy),
            labelled=trial.labelled.get(recent.template_id),
        )
    return out


def _median_ms(bundles: Sequence[Bundle], templates: Sequence[str]) -> list[float]:
    """Return each model's median time for one text, in milliseconds, on one thread.

    The models take turns text by text, and of several rounds each text's quickest counts: another process that takes the
    machine for a moment slows both or none.
    """
    timed = [templates[i] for i in range(0, len(templates), max(1, len(templates) // _TIMED))][:_TIMED]
    predictors = [OnnxPredictor(bundle, threads=1) for bundle in bundles]
    best = np.full((len(bundles), len(timed)), np.inf)
    for _ in range(_ROUNDS):
        for place, template in enumerate(timed):
            for number, predictor in enumerate(predictors):
                started = time.perf_counter()
                predictor.predict([template])
                best[number, place] = min(best[number, place], time.perf_counter() - started)
    return [round(1_000 * median(times), 3) if len(times) else 0.0 for times in best.tolist()]


def megabytes(bundle: Bundle) -> float:
    """Return the size of a bundle's files."""
    names: list[Path] = [bundle.folder / name for name in bundle.manifest.files]
    return round(sum(path.stat().st_size for path in names) / 1e6, 2)
