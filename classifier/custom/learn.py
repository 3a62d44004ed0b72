"""Learns a head, as a process of its own: scikit-learn, the texts and the arithmetic cost some 250 MB for some seconds.

    draft as JSON on standard input  ->  npz on standard output: weights, bias, floors, confusions

    Draft -> examples, variants, description, counter-examples + background -> one multinomial logistic regression

A server stays as small and as quick as it was while its users teach it. Without input only the background is made.
"""

import importlib
import io
import json
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.bundle import Bundle, load_bundle
from classifier.custom.background import Background, encode_all, load_background
from classifier.custom.draft import Draft, DraftCategory, read_document
from classifier.custom.variants import variants
from classifier.errors import BundleRefused
from classifier.normalise import template_of
from classifier.parse.replies import find_enhanced_code, find_smtp_code
from classifier.predict import Encoded
from classifier.predict.onnx import OnnxPredictor

Floats = npt.NDArray[np.float32]
GENTLY = "gently"
REFUSED = 3
"""Exit status for a bundle that brings nothing to learn against."""
STRENGTH = 60.0
"""Inverse of the regularisation (scikit-learn's C)."""
OTHERS = 1.0
"""Counter-examples and background together weigh as much as this many categories of mean size."""
FOCUS = 8.0
"""How much more a background row weighs that is near to an example: by e to this for every cosine of 1."""
ORIGINAL_SHARE = 0.6
DESCRIPTION_WEIGHT = 0.5
TOO_NEAR = 0.8
"""Background rows of at least this cosine to an example may be of the user's category: they are left out."""
MOST_TEXTS = 1_200
_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class _Text:
    template: str
    owner: int
    weight: float
    example: int = 0


def template(text: str) -> str:
    """Return the template of an example, as a record of the same text would have it."""
    return template_of(text, smtp_code=find_smtp_code(text), enhanced_code=find_enhanced_code(text))


def learn(draft: Draft, model: OnnxPredictor, background: Background) -> dict[str, npt.NDArray[np.generic]]:
    """Return what was learned for a draft, as arrays (see `Head`), and which of its examples are confused."""
    texts = list(_texts(draft))
    encoded = encode_all(model, [text.template for text in texts])
    rows = background.space.features(encoded)
    weights, bias = solve(*_problem(texts, rows, background, len(draft.learned)))
    floors = [_floor(category, owner, texts, encoded) for owner, category in enumerate(draft.learned)]
    return {
        "weights": weights,
        "bias": bias,
        "floors": np.array(floors, dtype=np.float32),
        "confusions": np.array(list(_confusions(draft, texts, rows)), dtype=np.int64).reshape(-1, 3),
    }


def solve(rows: Floats, classes: npt.NDArray[np.int64], weights: Floats) -> tuple[Floats, Floats]:
    """Fit a multinomial logistic regression; return its weights (features, classes) and bias (classes)."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # A few more iterations would move the third digit: the limit is there on purpose.
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=STRENGTH, max_iter=150, tol=1e-3)
        model.fit(rows.astype(np.float32), classes, sample_weight=weights)
    coefficients, bias = model.coef_, model.intercept_
    if len(coefficients) == 1:  # two classes share one row: the second's score against zero
        coefficients, bias = np.vstack([0 * coefficients, coefficients]), np.array([0.0, bias[0]])
    return coefficients.T.astype(np.float32), bias.astype(np.float32)


def _texts(draft: Draft) -> Iterator[_Text]:
    """Yield all texts to learn from; their owner is the number of a category, or -1 for none."""
    examples = sum(len(category.examples) for category in draft.learned)
    varied = examples * 4 <= MOST_TEXTS
    for owner, category in enumerate(draft.learned):
        for number, example in enumerate(category.examples, 1):
            whole = template(example)
            more = variants(whole) if varied else []
            yield _Text(whole, owner, ORIGINAL_SHARE if more else 1.0, number)
            for variant in more:
                yield _Text(variant, owner, (1 - ORIGINAL_SHARE) / len(more))
        if category.description:
            yield _Text(template(category.description), owner, DESCRIPTION_WEIGHT)
        for text in category.counter_examples:
            yield _Text(template(text), -1, 1.0)
    for text in draft.counter_examples:
        yield _Text(template(text), -1, 1.0)


def _problem(
    texts: list[_Text], rows: Floats, background: Background, categories: int
) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """Return all rows with their classes (the last is "none") and weights."""
    owners = np.array([text.owner for text in texts])
    near = background.space.similarity(background.rows, rows[owners >= 0]).max(axis=1)
    kept, nearness = background.rows[near < TOO_NEAR], near[near < TOO_NEAR]
    weights = np.array([text.weight for text in texts], dtype=np.float32)
    total = OTHERS * weights[owners >= 0].sum() / categories
    shares = np.exp(FOCUS * nearness)
    # Whoever gives no counter-examples must not have less of everything refused: the background takes their weight.
    shares *= max(total - weights[owners < 0].sum(), total / 2) / max(shares.sum(), 1e-9)
    return (
        np.concatenate([rows, kept]),
        np.concatenate([np.where(owners < 0, categories, owners), np.full(len(kept), categories)]),
        np.concatenate([weights, shares.astype(np.float32)]),
    )


def _floor(category: DraftCategory, owner: int, texts: list[_Text], encoded: list[Encoded]) -> float:
    """Return the standard probability below which a refined category is gated: below what its own examples show."""
    if not category.within:
        return 0.0
    shown = [
        sum(e.prediction.probabilities.get(name, 0.0) for name in category.within)
        for text, e in zip(texts, encoded, strict=True)
        if text.owner == owner and text.example
    ]
    return float(np.clip(np.quantile(shown, 0.1) / 2, 0.001, _FLOOR))


def _confusions(draft: Draft, texts: list[_Text], rows: Floats) -> Iterator[tuple[int, int, int]]:
    """Yield (category, example, other category) where an example lies nearer to the other's middle than to its own's."""
    examples = [i for i, text in enumerate(texts) if text.example]
    owners = np.array([texts[i].owner for i in examples])
    points = rows[examples]
    sums = np.stack([points[owners == owner].sum(axis=0) for owner in range(len(draft.learned))])
    counts = np.bincount(owners, minlength=len(draft.learned)).astype(np.float32)
    for i, owner, point in zip(examples, owners.tolist(), points, strict=True):
        left = sums.copy()
        left[owner] -= point
        means = left / np.maximum(1, counts - (np.arange(len(counts)) == owner))[:, None]
        nearest = int(((means - point) ** 2).sum(axis=1).argmin())
        if nearest != owner:
            yield owner, texts[i].example, nearest


def main(bundle_folder: str, folder: str, manner: str = "") -> int:
    """Learn the draft on standard input, in the manner "gently" with the time that others leave; return the exit status."""
    if manner == GENTLY:
        os.nice(10)
    # The library loads while the texts are encoded.
    threading.Thread(target=importlib.import_module, args=("sklearn.linear_model",), daemon=True).start()
    given = sys.stdin.buffer.read()
    try:
        bundle: Bundle = load_bundle(Path(bundle_folder))
        model = OnnxPredictor(bundle)
        background = load_background(bundle, model, Path(folder))
    except BundleRefused as error:
        print(error, file=sys.stderr)
        return REFUSED
    if given:
        out = io.BytesIO()
        np.savez(out, allow_pickle=False, **learn(read_document(json.loads(given), bundle.taxonomy), model, background))
        sys.stdout.buffer.write(out.getvalue())
    return 0
