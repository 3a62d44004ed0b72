"""The scorecard as pictures: a confusion matrix and a reliability diagram.

Figures stand by themselves, without pyplot and its global state: a notebook shows them, a report saves them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure


def confusion_matrix(truth: Sequence[str], guess: Sequence[str]) -> Figure:
    """Draw how often each category (row) was answered as each other (column), as shares of the row."""
    names = sorted(set(truth) | set(guess))
    at = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for t, g in zip(truth, guess, strict=True):
        counts[at[t], at[g]] += 1
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure = Figure(figsize=(12, 11))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), [f"{name} ({int(counts[i].sum())})" for i, name in enumerate(names)])
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(int(counts[row, column])), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xlabel("answered")
    axes.set_ylabel("true (texts)")
    figure.tight_layout()
    return figure


def reliability_diagram(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> Figure:
    """Draw accuracy over stated confidence in ten bins, with the number of texts in each."""
    bins = np.minimum(9, (confidence * 10).astype(int))
    filled = [b for b in range(10) if (bins == b).any()]
    figure = Figure(figsize=(6, 6))
    axes = figure.subplots()
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
    figure.tight_layout()
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    figure.savefig(path, dpi=110)
