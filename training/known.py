"""The classifier over fine causes that a bundle brings (`classifier.custom.causes`): learnt once, behind the network.

rows with a cause, as the served model reads them -> Causes -> causes.npz
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from classifier.custom.background import encode_all, rarity_of, vectors, whitening
from classifier.custom.causes import Causes
from classifier.custom.head import unit
from classifier.predict.onnx import OnnxPredictor
from classifier.predict.words import WordTable
from training.dataset import Row
from training.evaluate import Floats

FEWEST, FEWEST_IN_ALL = 4, 400
"""Texts that a cause must have to be known, and all of them together: with less there is no saying in what causes differ."""
EPOCHS, BATCH, RATE = 15, 512, 0.05
SMOOTHING = 0.1
DECAY = 3e-6
"""Price of the sum of squared weights: without one the classifier would be sure of whatever it has learnt by heart."""


def learn_causes(rows: Sequence[Row], model: OnnxPredictor, words: WordTable, *, seed: int) -> Causes | None:
    """Return a classifier over the causes of some rows, or None where too few texts have one.

    Args:
        rows: Of a corpus; those without a cause say what words are usual.
        model: The served model.
        words: Its word vectors.
        seed: Of the order.
    """
    often = Counter(row.cause for row in rows if row.cause)
    told = [row for row in rows if often[row.cause] >= FEWEST]
    names = np.array(sorted({row.cause for row in told}))
    if len(told) < FEWEST_IN_ALL or len(names) < 2:
        return None
    texts = [row.template for row in told]
    causes = np.array([row.cause for row in told])
    rarity = rarity_of(model, [row.template for row in rows], len(words))
    embeddings, sums = vectors(encode_all(model, texts), words, rarity)
    mean, word_mean = embeddings.mean(axis=0), sums.mean(axis=0)
    whiten, word_whiten = whitening(embeddings, causes), whitening(sums, causes)
    points = np.concatenate([unit((embeddings - mean) @ whiten), unit((sums - word_mean) @ word_whiten)], axis=1)
    weights, bias = _fit(points, np.searchsorted(names, causes), len(names), seed)
    return Causes(
        names=names, mean=mean, whiten=whiten, word_mean=word_mean, word_whiten=word_whiten, rarity=rarity,
        weights=weights, bias=bias,
    )  # fmt: skip


def _fit(
    points: Floats, causes: "np.ndarray[tuple[int], np.dtype[np.int64]]", n: int, seed: int
) -> tuple[Floats, Floats]:
    torch.manual_seed(seed)
    inputs, targets = torch.from_numpy(points), torch.from_numpy(causes)
    layer = nn.Linear(points.shape[1], n)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=RATE, weight_decay=0.0)
    steps = EPOCHS * -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(inputs)).split(BATCH):  # type: ignore[no-untyped-call]
            loss = nn.functional.cross_entropy(layer(inputs[chosen]), targets[chosen], label_smoothing=SMOOTHING)
            loss = loss + DECAY * (layer.weight**2).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()
