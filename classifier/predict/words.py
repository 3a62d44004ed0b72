"""The model's own word vectors, read from its file: what a text says before the layers turn it into a reason.

Fine-tuning teaches the last layer to tell the standard categories apart and to forget what does not serve that; a category
that a user invents lives on just what was forgotten (docs/adr/0005-user-categories.md). The word table still has it.

onnxruntime does not hand out weights, and the `onnx` package is no part of serving, so the few fields needed of the file
(protobuf: ModelProto.graph = 7, GraphProto.initializer = 5, TensorProto.dims = 1, data_type = 2, int32_data = 5, name = 8,
raw_data = 9) are read here.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.errors import BundleRefused

Floats = npt.NDArray[np.float32]
_GRAPH, _INITIALIZER, _DIMS, _TYPE, _INT32, _NAME, _RAW = 7, 5, 1, 2, 5, 8, 9
_FLOAT, _UINT8, _INT8 = 1, 2, 3
_MOST_BITS = 70
"""Of a number: ten bytes of seven."""
_QUANTISED, _ZERO, _PLAIN = b"words.weight_quantized", b"words.weight_zero_point", b"words.weight"


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What is read of an initializer. Few numbers stand in `numbers` (int32_data), many in `raw`."""

    dims: list[int]
    kind: int
    numbers: list[int]
    raw: memoryview

    def first(self) -> int:
        """Return its first number, of one byte."""
        # A number below 0 fills ten bytes in protobuf, of which the lowest one says all.
        byte = self.numbers[0] & 0xFF if self.numbers else self.raw[0]
        return byte - 256 if self.kind == _INT8 and byte > 127 else byte

    def rows(self) -> npt.NDArray[np.uint8] | npt.NDArray[np.int8] | Floats:
        kind = {_UINT8: np.uint8, _INT8: np.int8, _FLOAT: np.float32}[self.kind]
        rows, width = self.dims
        return np.frombuffer(self.raw, dtype=kind).reshape(rows, width).copy()


class WordTable:
    """One vector for each word piece, quantised as it stands in the model; only directions mean anything."""

    def __init__(self, rows: npt.NDArray[np.uint8] | npt.NDArray[np.int8] | Floats, zero: int) -> None:
        self._rows = rows
        self._zero = zero

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self._rows.shape[1])

    def __len__(self) -> int:
        return len(self._rows)

    def weighted_sum(self, ids: npt.NDArray[np.uint16], weights: Floats) -> Floats:
        """Return the weighted sum of some words' vectors over the root of their number."""
        rows = self._rows[ids].astype(np.float32) - np.float32(self._zero)
        total: Floats = weights[ids] @ rows
        return total / np.float32(np.sqrt(max(1, len(ids))))


def word_table(model: Path) -> WordTable:
    """Read the table of word vectors from a model file.

    Raises:
        BundleRefused: The file holds no such table.
    """
    tensors: dict[bytes, _Tensor] = {}
    try:
        # Mapped, not read: the table is a third of a file that nobody else wants in memory.
        with model.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        for field, graph in _fields(memoryview(mapped)):
            if field == _GRAPH and isinstance(graph, memoryview):
                tensors |= dict(_tensors(graph))
        if _QUANTISED in tensors:
            return WordTable(tensors[_QUANTISED].rows(), tensors[_ZERO].first())
        return WordTable(tensors[_PLAIN].rows(), 0)
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise BundleRefused(f"{model}: holds no table of word vectors: user categories cannot be learned") from error


def _tensors(graph: memoryview) -> Iterator[tuple[bytes, _Tensor]]:
    for field, tensor in _fields(graph):
        if field != _INITIALIZER or not isinstance(tensor, memoryview):
            continue
        name, raw, kind = b"", memoryview(b""), 0
        numbers: dict[int, list[int]] = {_DIMS: [], _INT32: []}
        for part, value in _fields(tensor):
            if part in numbers:
                numbers[part] += [value] if isinstance(value, int) else _packed(value)
            elif part == _TYPE and isinstance(value, int):
                kind = value
            elif part == _NAME and isinstance(value, memoryview):
                name = bytes(value)
            elif part == _RAW and isinstance(value, memoryview):
                raw = value
        if name in (_QUANTISED, _ZERO, _PLAIN):
            yield name, _Tensor(dims=numbers[_DIMS], kind=kind, numbers=numbers[_INT32], raw=raw)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield a message's fields: numbers as numbers, everything that has a length as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 1:
                at += 8
            case 2:
                size, at = _varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size
            case 5:
                at += 4
            case _:
                raise ValueError("no protobuf")


def _packed(data: memoryview) -> list[int]:
    at, out = 0, []
    while at < len(data):
        value, at = _varint(data, at)
        out.append(value)
    return out


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if shift > _MOST_BITS:
            raise ValueError("no protobuf")
        if byte < 128:
            return value, at
