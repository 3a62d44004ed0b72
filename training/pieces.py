"""What single word pieces say for themselves: a table beside the network, and how it is fitted, written and read.

    logits of a text = what the network says + the sum of its pieces' rows + its pooled vector times a slope, and an offset

The network reads meaning, and meaning it learnt from thousands of texts; a provider's new vocabulary it has never seen. A
table with a row for each word piece learns that from a handful of labels in a second, without torch, and leaves alone
whatever lacks those pieces: the more templates a piece is known from, the dearer it is to let it speak. What new wordings share
beside words is where the network puts them; there the slope reads it anew.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy import sparse
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from classifier.custom.background import whitening
from classifier.predict.onnx import OnnxPredictor
from training.evaluate import Floats, softmax

_ROWS, _SCALE = "pieces.weight_quantized", "pieces.weight_scale"
_SLOPE, _OFFSET = "pieces.slope", "pieces.offset"
_VECTOR = "embedding"
_LOGITS, _NETWORK = "logits", "network_logits"
_AXES = {"pieces.axis_1": np.array([1]), "pieces.axis_2": np.array([2])}
_IDS, _MASK = "input_ids", "attention_mask"
_WORDS = ("words.weight_quantized", "words.weight")
MOST_STEPS = 300


class UnknownGraph(ValueError):
    """The model's graph is not one of this program's export."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """A table of what word pieces say, and how pooled vectors are read beside.

    Attributes:
        rows: (vocabulary, categories): added to the logits wherever the piece stands.
        slope: (width, categories): times the pooled vector, added to the logits.
        offset: (categories,): added to the logits.
    """

    rows: Floats
    slope: Floats
    offset: Floats

    @staticmethod
    def silent(vocabulary: int, width: int, categories: int) -> "Pieces":
        """Return a table that adds nothing."""
        return Pieces(
            rows=np.zeros((vocabulary, categories), dtype=np.float32),
            slope=np.zeros((width, categories), dtype=np.float32),
            offset=np.zeros(categories, dtype=np.float32),
        )

    def logits(self, counts: sparse.csr_matrix, vectors: Floats) -> Floats:
        """Return what the table adds (n, categories) to the logits of texts with these pieces and pooled vectors."""
        return np.asarray(counts @ self.rows + vectors @ self.slope + self.offset, dtype=np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class Lens:
    """Pooled vectors as a fit sees them: what varies inside categories equally wide in all directions, and of length 1 in the mean.

    Attributes:
        mean: (width,).
        whiten: (width, width).
    """

    mean: Floats
    whiten: Floats

    @staticmethod
    def of(vectors: Floats, labels: Sequence[str]) -> "Lens":
        """Return the lens for a model, by its vectors of some labelled texts."""
        mean = vectors.mean(axis=0)
        whiten = whitening(vectors, np.array(labels))
        return Lens(mean=mean, whiten=whiten / np.linalg.norm((vectors - mean) @ whiten, axis=1).mean())

    def points(self, vectors: Floats) -> Floats:
        """Return vectors (n, width) as they are seen."""
        return np.asarray((vectors - self.mean) @ self.whiten, dtype=np.float32)

    def undone(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return slope and offset by which plain vectors give what seen ones times weights (width, categories) give."""
        slope = np.asarray(self.whiten @ weights, dtype=np.float32)
        return slope, np.asarray(-self.mean @ slope, dtype=np.float32)


def piece_counts(predictor: OnnxPredictor, templates: Sequence[str], vocabulary: int) -> sparse.csr_matrix:
    """Return how often each word piece stands in each template: (n, vocabulary). Marks of start and end count for nothing."""
    ids = [predictor.tokens(template)[1:-1] for template in templates]
    ends = np.cumsum([0, *(len(one) for one in ids)])
    flat = np.fromiter((piece for one in ids for piece in one), dtype=np.int32, count=int(ends[-1]))
    counts = sparse.csr_matrix((np.ones(len(flat), dtype=np.float32), flat, ends), shape=(len(ids), vocabulary))
    counts.sum_duplicates()
    return counts


def fit_pieces(
    said: Floats,
    counts: sparse.csr_matrix,
    vectors: Floats,
    targets: Floats,
    weights: Floats,
    known: npt.NDArray[np.floating],
    lens: Lens,
    *,
    cost: float,
    stay: float,
) -> Pieces:
    """Return the table with the least weighted cross-entropy, as small as may be.

    Args:
        said: Logits (n, categories) without a table.
        counts: Pieces of the texts (n, vocabulary).
        vectors: Pooled vectors of the texts (n, width).
        targets: Shares (n, categories) that sum to 1.
        weights: How much each row counts, above 0.
        known: How well each piece is known (vocabulary): from how many templates; a piece of which it is -1 stays silent.
        lens: Of the vectors.
        cost: Of a squared number of an unknown piece's row, in nats; a piece known from k templates costs 1 + k times that.
        stay: Of a squared number of how seen vectors are read, in nats.
    """  # fmt: skip
    free = np.flatnonzero(known >= 0)
    # In units in which every number costs one, the search is quick.
    units = (1 / np.sqrt(cost * (1.0 + known[free]))).astype(np.float32)
    inputs = (counts[:, free] @ sparse.diags(units)).tocsr()
    points = lens.points(vectors) / np.float32(np.sqrt(stay))
    turned = inputs.T.tocsr()
    pieces, categories = len(free), said.shape[1]

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        now = flat.reshape(-1, categories).astype(np.float32)
        stated = softmax(said + inputs @ now[:pieces] + points @ now[pieces:])
        missed = -float((weights * (targets * np.log(stated + 1e-9)).sum(axis=1)).sum())
        pull = (stated - targets) * weights[:, None]
        slope = np.concatenate([turned @ pull, points.T @ pull]).astype(np.float64).ravel() + 2 * flat
        return missed + float((flat**2).sum()), slope

    # One thread: the products are small, and threads that wait for each other cost more than they save.
    with threadpool_limits(1):
        start = np.zeros((pieces + points.shape[1]) * categories)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    fitted = found.x.reshape(-1, categories).astype(np.float32)
    rows = np.zeros((counts.shape[1], categories), dtype=np.float32)
    rows[free] = fitted[:pieces] * units[:, None]
    slope, offset = lens.undone(fitted[pieces:] / np.float32(np.sqrt(stay)))
    return Pieces(rows=rows, slope=slope, offset=offset)


def read_pieces(model: Path, categories: int) -> Pieces:
    """Return a model's table, silent where it has none.

    Raises:
        UnknownGraph: The model is not of this program's export.
    """
    graph = onnx.load(str(model)).graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    words = next((tensors[name] for name in _WORDS if name in tensors), None)
    if words is None or _LOGITS not in {output.name for output in graph.output}:
        raise UnknownGraph(f"{model}: has no word vectors or no logits where this program's export puts them")
    if _ROWS not in tensors:
        vocabulary, width = words.dims
        return Pieces.silent(vocabulary, width, categories)
    rows, scale, slope, offset = (numpy_helper.to_array(tensors[name]) for name in (_ROWS, _SCALE, _SLOPE, _OFFSET))
    return Pieces(rows=np.asarray(rows * scale, dtype=np.float32), slope=slope, offset=offset)


def write_pieces(model: Path, pieces: Pieces, to: Path) -> None:
    """Write a copy of a model with a table, in place of the one that it has: rows in int8, one scale for each category.

    Raises:
        UnknownGraph: The table does not fit the model.
    """
    before = read_pieces(model, pieces.rows.shape[1])
    if (before.rows.shape, before.slope.shape) != (pieces.rows.shape, pieces.slope.shape):
        raise UnknownGraph(f"{model}: a table of {pieces.rows.shape} and {pieces.slope.shape} does not fit")
    document = onnx.load(str(model))
    graph = document.graph
    scale = np.maximum(np.abs(pieces.rows).max(axis=0) / 127, 1e-12).astype(np.float32)
    rows = np.round(pieces.rows / scale).clip(-127, 127).astype(np.int8)
    new = {_ROWS: rows, _SCALE: scale, _SLOPE: pieces.slope, _OFFSET: pieces.offset, **_AXES}
    there = {tensor.name: tensor for tensor in graph.initializer}
    if _ROWS not in there:
        _speak_up(graph)
    for name, values in new.items():
        tensor = numpy_helper.from_array(values, name)
        if name in there:
            there[name].CopyFrom(tensor)
        else:
            graph.initializer.append(tensor)
    scratch = to.with_suffix(".part")
    onnx.save(document, str(scratch))
    shutil.move(scratch, to)


def _speak_up(graph: onnx.GraphProto) -> None:
    """Add the table's operations to a graph: its logits become what the network says plus what the table says."""
    for node in graph.node:
        for at, name in enumerate(node.output):
            if name == _LOGITS:
                node.output[at] = _NETWORK
    graph.node.extend([
        helper.make_node("Gather", [_ROWS, _IDS], ["pieces.rounded"], name="/pieces/Gather"),
        helper.make_node("Cast", ["pieces.rounded"], ["pieces.whole"], name="/pieces/Cast", to=TensorProto.FLOAT),
        helper.make_node("Cast", [_MASK], ["pieces.mask"], name="/pieces/Mask", to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["pieces.mask", "pieces.axis_2"], ["pieces.seen"], name="/pieces/Unsqueeze"),
        helper.make_node("Mul", ["pieces.whole", "pieces.seen"], ["pieces.visible"], name="/pieces/Visible"),
        helper.make_node("ReduceSum", ["pieces.visible", "pieces.axis_1"], ["pieces.sum"], name="/pieces/Sum", keepdims=0),
        helper.make_node("Mul", ["pieces.sum", _SCALE], ["pieces.said"], name="/pieces/Scale"),
        helper.make_node("MatMul", [_VECTOR, _SLOPE], ["pieces.turned"], name="/pieces/Slope"),
        helper.make_node("Add", ["pieces.turned", _OFFSET], ["pieces.read"], name="/pieces/Offset"),
        helper.make_node("Add", ["pieces.said", "pieces.read"], ["pieces.logits"], name="/pieces/Both"),
        helper.make_node("Add", [_NETWORK, "pieces.logits"], [_LOGITS], name="/pieces/Add"),
    ])  # fmt: skip


def one_hot(labels: Sequence[str], categories: Sequence[str], smoothing: float) -> Floats:
    """Return targets (n, categories) of labels, a share of each spread over all categories."""
    targets = np.full((len(labels), len(categories)), smoothing / len(categories), dtype=np.float32)
    targets[np.arange(len(labels)), [categories.index(label) for label in labels]] += 1 - smoothing
    return targets
