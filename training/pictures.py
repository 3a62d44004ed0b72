"""The scorecard as pictures: a confusion matrix and a reliability diagram."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

mpl.use("Agg")
from matplotlib import pyplot as plt


def confusion_matrix(truth: Sequence[str], guess: Sequence[str], path: Path) -> None:
    """Draw how often each category (row) was answered as each other (column), as shares of the row."""
    names = sorted(set(truth) | set(guess))
    at = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for t, g in zip(truth, guess, strict=True):
        counts[at[t], at[g]] += 1
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure, axes = plt.subplots(figsize=(12, 11))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), [f"{name} ({int(counts[i].sum())})" for i, name in enumerate(names)])
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, int(counts[row, column]), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xlabel("answered")
    axes.set_ylabel("true (texts)")
    _save(figure, path)


def reliability_diagram(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], path: Path) -> None:
    """Draw accuracy over stated confidence in ten bins, with the number of texts in each."""
    bins = np.minimum(9, (confidence * 10).astype(int))
    filled = [b for b in range(10) if (bins == b).any()]
    figure, axes = plt.subplots(figsize=(6, 6))
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="honest")
    axes.plot(
        [confidence[bins == b].mean() for b in filled],
        [right[bins == b].mean() for b in filled],
        marker="o",
        label="measured",
    )
    for b in filled:
        where = (confidence[bins == b].mean(), right[bins == b].mean())
        axes.annotate(str(int((bins == b).sum())), where, textcoords="offset points", xytext=(6, -10))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share of right answers")
    axes.legend()
    _save(figure, path)


def _save(figure: "plt.Figure", path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
