"""From a draft to a head in seconds: encode some hundred texts, solve one small regression.

    Draft -> examples, variants, description, counter-examples + background -> Head

No gradient ever reaches the encoder, so the standard answers stay what they were.
"""

import io
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from classifier.bundle import Bundle
from classifier.custom.background import Background, encode_all, load_background, model_digest
from classifier.custom.draft import Draft, DraftCategory
from classifier.custom.head import Head, Space
from classifier.custom.variants import variants
from classifier.errors import ReboundError
from classifier.normalise import template_of
from classifier.parse.replies import find_enhanced_code, find_smtp_code
from classifier.predict import Encoded
from classifier.predict.onnx import OnnxPredictor

Floats = npt.NDArray[np.float32]
STRENGTH = 15.0
"""Inverse of the regularisation (scikit-learn's C)."""
OTHERS = 0.4
"""The background weighs as much as this many categories of mean size, times the root of that size: few examples cover
little of a category, and must not be outvoted where they are silent."""
FOCUS = 4.0
"""How much more a background row weighs that is near to an example: by e to this for every cosine of 1."""
ORIGINAL_SHARE = 0.6
DESCRIPTION_WEIGHT = 0.5
TOO_NEAR = 0.8
"""Background rows of at least this cosine to an example may be of the user's category: they are left out."""
MOST_TEXTS = 1_200
_FLOOR = 0.1


class FitFailed(ReboundError):
    """The process that solves for a head's weights ended without an answer."""

    code = "internal_error"
    retryable = True


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A head, how long it took, and which examples lie nearer to another category than to their own.

    Attributes:
        confusions: (category, number of the example, the category that it lies nearer to).
    """

    head: Head
    seconds: float
    confusions: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class _Text:
    template: str
    owner: int
    weight: float
    example: int = 0


def template(text: str) -> str:
    """Return the template of an example, as a record of the same text would have it."""
    return template_of(text, smtp_code=find_smtp_code(text), enhanced_code=find_enhanced_code(text))


class Fitter:
    """Fits heads for one bundle; one at a time, so that serving keeps its cores.

    Args:
        bundle, model: What encodes.
        folder: Where the encoded background is kept.
    """

    def __init__(self, bundle: Bundle, model: OnnxPredictor, folder: Path) -> None:
        self._bundle = bundle
        self._model = model
        self._folder = folder
        self._lock = Lock()
        self._known: Background | None = None

    @property
    def digest(self) -> str:
        """Digest of the model that heads are for."""
        return model_digest(self._bundle)

    @property
    def space(self) -> Space:
        """Where heads work (errors: see `load_background`)."""
        return self._background().space

    def _background(self) -> Background:
        if self._known is None:
            self._known = load_background(self._bundle, self._model, self._folder)
        return self._known

    def fit(self, draft: Draft) -> Fitted:
        """Learn a draft's categories.

        Raises:
            BundleRefused: The bundle brings nothing to learn against.
            FitFailed: The solver ended without an answer.
        """
        started = time.perf_counter()
        if not draft.learned:
            nothing = np.zeros((0, 1), dtype=np.float32)
            head = Head(
                draft=draft, bundle=self.digest, classes=(), weights=nothing, bias=nothing[:, 0], floors=nothing[:, 0],
                space=None,
            )  # fmt: skip
            return Fitted(head=head, seconds=time.perf_counter() - started, confusions=())
        with self._lock, _solver() as solve:
            background = self._background()
            texts = list(_texts(draft))
            encoded = encode_all(self._model, [text.template for text in texts])
            rows = background.space.features(encoded)
            weights, bias = solve(*_problem(texts, rows, background, len(draft.learned)))
        head = Head(
            draft=draft,
            bundle=self.digest,
            classes=tuple(category.id for category in draft.learned),
            weights=weights,
            bias=bias,
            floors=np.array([_floor(c, i, texts, encoded) for i, c in enumerate(draft.learned)], dtype=np.float32),
            space=background.space,
        )
        return Fitted(
            head=head, seconds=time.perf_counter() - started, confusions=tuple(_confusions(draft, texts, rows))
        )


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
    size = weights[owners >= 0].sum() / categories
    shares = np.exp(FOCUS * nearness)
    shares *= OTHERS * np.sqrt(size) * size / max(shares.sum(), 1e-9)
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


def _confusions(draft: Draft, texts: list[_Text], rows: Floats) -> Iterator[tuple[str, int, str]]:
    """Yield examples that lie nearer to the middle of another category than to that of their own other examples."""
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
            yield draft.learned[owner].id, texts[i].example, draft.learned[nearest].id


class _Solve:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def __call__(self, rows: Floats, classes: npt.NDArray[np.int64], weights: Floats) -> tuple[Floats, Floats]:
        given = io.BytesIO()
        np.savez(given, rows=rows.astype(np.float32), classes=classes, weights=weights, strength=STRENGTH)
        out, complaint = self._process.communicate(given.getvalue(), timeout=120)
        if self._process.returncode != 0:
            raise FitFailed(f"the solver ended with status {self._process.returncode}: {complaint.decode()[-200:]}")
        with np.load(io.BytesIO(out), allow_pickle=False) as solved:
            return solved["weights"], solved["bias"]


@contextmanager
def _solver() -> Iterator[_Solve]:
    """Start the solving process at once, so that it loads its library while the texts are encoded."""
    # -P keeps this folder out of the child's import path.
    command = [sys.executable, "-P", str(Path(__file__).with_name("solver.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield _Solve(process)
        finally:
            process.kill()
