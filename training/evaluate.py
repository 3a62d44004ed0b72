"""How good a model is: figures per category, language and source, calibration, and what its errors cost.

    rows + probabilities -> Scorecard

The figures are those of an operator: how often right, how honest the confidence, and how often a live recipient would
have been suppressed.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.predict.onnx import calibrated
from training.dataset import Row

Floats = npt.NDArray[np.float32]
SUPPRESSIBLE = frozenset(
    {
        "user_unknown",
        "invalid_address",
        "mailbox_disabled",
        "mailbox_moved",
        "bad_domain",
        "mailbox_full",
        "recipient_refused",
    }
)
"""True categories under which a `suppress` is no harm."""
COST_WRONG_SUPPRESS = 50.0
"""Harm of suppressing a live recipient, in units of one needless retry or review."""


def softmax(logits: Floats) -> Floats:
    """Return probabilities (n, categories) as the network states them."""
    return calibrated(logits, 1.0, 0.0)


SPREAD = 0.05
"""Share of every target that training spreads over all categories (`training.fit.Recipe`): calibration takes it off again."""
NEARLY = 0.0005
"""Nats of log-likelihood that held-back texts of this number cannot tell apart."""


def fit_calibration(logits: Floats, truth: Sequence[int]) -> tuple[float, float]:
    """Return temperature and smoothing (see `classifier.predict.onnx.calibrated`).

    The smoothing is what training put on. Fitted along with the temperature, one would make up for the other: the likelihood is
    flat over many pairs, which differ in what near-certainty, on which a suppression rests, comes to. Of the temperatures, 0.4
    to 8 (Guo et al. 2017, section 4.2), with nearly the least negative log-likelihood, the lowest is taken: what held-back texts
    cannot tell apart shall not send the plainest wordings to a person, and the thresholds guard suppressions by costs of their own.
    """
    index = np.asarray(truth)
    place = np.arange(len(index))
    found = {
        temperature: float(-np.log(calibrated(logits, temperature, SPREAD)[place, index]).mean())
        for temperature in np.exp(np.linspace(np.log(0.4), np.log(8), 301)).tolist()
    }
    least = min(found.values())
    return min(temperature for temperature, missed in found.items() if missed <= least + NEARLY), SPREAD


def fit_thresholds(
    probabilities: Floats, truth: Sequence[str], categories: Sequence[str], suppressing: frozenset[str]
) -> dict[str, float]:
    """Return the least confidence for each category's action, from costs (`COST_WRONG_SUPPRESS`).

    A suppression that is right saves one needless retry; one that hits a live recipient costs fifty. How likely a text
    is to be of the second sort is taken half from the model's calibrated probability that no suppressible category
    fits, and half from what the text truly was: the first speaks where held-out texts are too few, the second where
    the model is too sure. The threshold is the confidence from which on acting gains most; a category that never
    gains gets 0.995. Between any other action and a review the costs are even: one half. No cause given asks for no
    confidence.
    """
    group = np.array([name in SUPPRESSIBLE for name in categories])
    claimed = probabilities[:, group].sum(axis=1)
    harmless = 0.5 * claimed + 0.5 * np.array([name in SUPPRESSIBLE for name in truth])
    gain = harmless - COST_WRONG_SUPPRESS * (1 - harmless)
    chosen, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    thresholds = {}
    for number, name in enumerate(categories):
        if name not in suppressing:
            thresholds[name] = 0.0 if name == "undetermined" else 0.5
            continue
        mine = chosen == number
        bars = [float(bar) for bar in np.sort(top[mine]) if bar >= 0.5]
        best = max(bars, key=lambda bar: float(gain[mine & (top >= bar)].sum()), default=1.0)
        gains = float(gain[mine & (top >= best)].sum()) > 0
        thresholds[name] = round(min(best if gains else 0.995, 0.995), 3)
    return thresholds


def calibration_error(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error over equally wide bins, 0 to 1."""
    number = np.minimum(bins - 1, (confidence * bins).astype(int))
    return float(
        sum(abs(right[number == b].sum() - confidence[number == b].sum()) for b in range(bins))
        / max(1, len(confidence))
    )


def figures(
    rows: Sequence[Row], probabilities: Floats, categories: Sequence[str], acts: Sequence[str] | None = None
) -> dict[str, float | int]:
    """Return the figures of one set of rows; ambiguous rows count in `lenient` alone.

    Args:
        rows: What is true.
        probabilities: What the model said (n, categories).
        categories: Order of the columns.
        acts: Action of each verdict; needed for `wrong_suppress`.
    """
    clear = np.array([len(row.target) == 1 for row in rows])
    chosen = [categories[i] for i in probabilities.argmax(axis=1)]
    lenient = np.mean([c in row.target for c, row in zip(chosen, rows, strict=True)]) if rows else 0.0
    truth = [row.label for row, keep in zip(rows, clear, strict=True) if keep]
    guess = [c for c, keep in zip(chosen, clear, strict=True) if keep]
    confidence = probabilities.max(axis=1)[clear]
    right = np.array([t == g for t, g in zip(truth, guess, strict=True)], dtype=bool)
    most = np.argsort(-confidence, kind="stable")[: int(len(confidence) * 0.9)]
    out: dict[str, float | int] = {
        "n": len(truth),
        "accuracy": float(right.mean()) if len(right) else 0.0,
        "macro_f1_n5": macro_f1(truth, guess),
        "lenient": float(lenient),
        "ece": calibration_error(confidence, right),
        "accuracy_at_90_coverage": float(right[most].mean()) if len(most) else 0.0,
    }
    if acts is not None:
        kept = [act for act, keep in zip(acts, clear, strict=True) if keep]
        harm = sum(a == "suppress" and t not in SUPPRESSIBLE for a, t in zip(kept, truth, strict=True))
        out["wrong_suppress"] = harm / max(1, len(truth))
        out["suppressed"] = sum(a == "suppress" for a in kept) / max(1, len(truth))
        out["reviewed"] = sum(a == "review" for a in kept) / max(1, len(truth))
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in out.items()}


def macro_f1(truth: Sequence[str], guess: Sequence[str], least: int = 5) -> float:
    """Return the mean F1 over categories with at least `least` texts."""
    scores = [entry["f1"] for entry in per_category(truth, guess).values() if entry["n"] >= least]
    return float(np.mean(scores)) if scores else 0.0


def per_category(truth: Sequence[str], guess: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1, number of texts and number of answers of each category that occurs."""
    out = {}
    expected, given = Counter(truth), Counter(guess)
    hits = Counter(t for t, g in zip(truth, guess, strict=True) if t == g)
    for name in sorted(set(truth) | set(guess)):
        precision = hits[name] / given[name] if given[name] else 0.0
        recall = hits[name] / expected[name] if expected[name] else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits[name] else 0.0
        out[name] = {
            "precision": round(precision, 3),
            "recall": round(recall, 3),
            "f1": round(f1, 3),
            "n": expected[name],
            "given": given[name],
        }
    return out


def scorecard(
    rows: Sequence[Row], probabilities: Floats, categories: Sequence[str], acts: Sequence[str]
) -> dict[str, Any]:
    """Return the figures of a set as a whole, per category, per language and per source, and its confusions."""
    chosen = [categories[i] for i in probabilities.argmax(axis=1)]
    clear = [i for i, row in enumerate(rows) if len(row.target) == 1]
    confusions = Counter((rows[i].label, chosen[i]) for i in clear if rows[i].label != chosen[i])

    def by(key: str) -> dict[str, Any]:
        groups: dict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            groups[getattr(row, key)].append(i)
        return {
            name: figures([rows[i] for i in at], probabilities[at], categories, [acts[i] for i in at])
            for name, at in sorted(groups.items())
        }

    return {
        "all": figures(rows, probabilities, categories, acts),
        "per_category": per_category([rows[i].label for i in clear], [chosen[i] for i in clear]),
        "per_language": by("lang"),
        "per_source": by("source"),
        "confusions": [{"label": t, "answer": g, "n": n} for (t, g), n in confusions.most_common(25)],
    }
