"""The fine causes that a bundle knows: how likely each of them is for a text, as features for users' categories.

    pooled vector, sum of word vectors -> the space in which causes differ -> a linear classifier -> roots of its probabilities

Causes are finer than the standard categories and lie across them ("the owner has died", "no IPv6 reverse name"). A category
that a user invents is mostly one of them or a few together, and two texts that share no word still share their cause.
The product of two texts' roots is the Bhattacharyya coefficient of what they may mean: 1 for the same, 0 for nothing in common.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from classifier.bundle import CAUSES, Bundle
from classifier.errors import BundleRefused

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Causes:
    """A classifier over fine causes, and the space in which it reads: a bundle's file `causes.npz`.

    Attributes:
        names: Of the causes (causes,).
        mean, whiten, word_mean, word_whiten, rarity: See `classifier.custom.head.Space`.
        weights, bias: (width of both vectors, causes), (causes,).
    """

    names: npt.NDArray[np.str_]
    mean: Floats
    whiten: Floats
    word_mean: Floats
    word_whiten: Floats
    rarity: Floats
    weights: Floats
    bias: Floats

    def roots(self, directions: Floats) -> Floats:
        """Return the roots of the causes' probabilities (n, causes) for the directions of both vectors in the space."""
        scores = directions @ self.weights + self.bias
        exponentials = np.exp((scores - scores.max(axis=1, keepdims=True)) / 2)
        out: Floats = exponentials / np.linalg.norm(exponentials, axis=1, keepdims=True)
        return out


def load_causes(bundle: Bundle) -> Causes | None:
    """Return the causes of a checked bundle, or None where it brings none.

    Raises:
        BundleRefused: The file is not one that `write_causes` wrote.
    """
    if CAUSES not in bundle.manifest.files:
        return None
    path = bundle.folder / CAUSES
    try:
        causes = _read(path)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BundleRefused(f"{path}: no readable causes: {error}") from error
    if causes.weights.shape != (len(causes.mean) + len(causes.word_mean), len(causes.names)):
        raise BundleRefused(
            f"{path}: weights {causes.weights.shape} do not fit its space and its {len(causes.names)} causes"
        )
    return causes


def _read(path: Path) -> Causes:
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return Causes(
            names=file["names"],
            mean=file["mean"],
            word_mean=file["word_mean"],
            weights=file["weights"].astype(np.float32) * file["scale"],
            bias=file["bias"],
            rarity=file["rarity"].astype(np.float32),
            whiten=_square(file["whiten"]),
            word_whiten=_square(file["word_whiten"]),
        )


def write_causes(path: Path, causes: Causes) -> None:
    """Write causes as `load_causes` reads them: half of the symmetric matrices, the weights as int8 with a scale for each cause."""
    scale = np.maximum(np.abs(causes.weights).max(axis=0) / 127, 1e-12)
    np.savez_compressed(
        path,
        names=causes.names,
        mean=causes.mean,
        word_mean=causes.word_mean,
        weights=np.round(causes.weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=causes.bias,
        rarity=causes.rarity.astype(np.float16),
        whiten=_triangle(causes.whiten),
        word_whiten=_triangle(causes.word_whiten),
    )


def _triangle(matrix: Floats) -> npt.NDArray[np.float16]:
    """Return the upper half of a symmetric matrix: a bundle is small."""
    return matrix[np.triu_indices(len(matrix))].astype(np.float16)


def _square(triangle: npt.NDArray[np.float16]) -> Floats:
    width = math.isqrt(2 * len(triangle))
    out = np.zeros((width, width), dtype=np.float32)
    out[np.triu_indices(width)] = triangle
    return out + np.triu(out, 1).T
