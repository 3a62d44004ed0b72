import numpy as np
import pytest

from classifier.errors import BundleRefused
from classifier.predict.words import WordTable, word_table
from classifier.resources import resource


def field(number, payload):
    return bytes([number << 3 | 2, len(payload)]) + payload


FLOAT, UINT8, INT8 = 1, 2, 3


def tensor(name, dims, kind, raw=b"", numbers=b""):
    parts = b"".join(bytes([1 << 3, d]) for d in dims) + bytes([2 << 3, kind]) + field(8, name)
    return field(5, parts + (field(5, numbers) if numbers else b"") + (field(9, raw) if raw else b""))


def model(*tensors):
    # A version number before the graph, and a graph in two pieces, as protobuf allows.
    return b"\x08\x07" + b"".join(field(7, field(2, b"net") + each) for each in tensors)


@pytest.mark.parametrize(
    ("kind", "raw", "zero"),
    [
        (UINT8, [130, 126, 128, 131, 120, 128], {"raw": b"\x80"}),
        (UINT8, [130, 126, 128, 131, 120, 128], {"numbers": b"\x80\x01"}),
        (INT8, [2, -2, 0, 3, -8, 0], {"raw": b"\x00"}),
        (INT8, [-1, -5, -3, 0, -11, -3], {"raw": b"\xfd"}),
        (INT8, [-1, -5, -3, 0, -11, -3], {"numbers": b"\xfd" + 8 * b"\xff" + b"\x01"}),
    ],
)
def test_a_quantised_table_is_read_around_its_zero_point_wherever_that_stands(tmp_path, kind, raw, zero):
    path = tmp_path / "model.onnx"
    path.write_bytes(
        model(
            tensor(b"words.weight_quantized", (3, 2), kind, bytes(each % 256 for each in raw)),
            tensor(b"words.weight_zero_point", (), kind, **zero),
        )
    )
    table = word_table(path)
    assert (len(table), table.width) == (3, 2)
    total = table.weighted_sum(np.array([0, 1], dtype=np.uint16), np.array([1, 2, 9], dtype=np.float32))
    assert total * 2**0.5 == pytest.approx([2, 4])


def test_a_plain_table_is_read_as_it_is(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model(tensor(b"words.weight", (1, 2), FLOAT, np.array([0.5, -1], dtype="<f4").tobytes())))
    assert word_table(path).weighted_sum(np.array([0], dtype=np.uint16), np.ones(1, dtype=np.float32)) == pytest.approx(
        [0.5, -1]
    )


def test_a_text_without_words_has_no_direction():
    table = WordTable(np.ones((2, 3), dtype=np.int8), 0)
    assert table.weighted_sum(np.array([], dtype=np.uint16), np.ones(2, dtype=np.float32)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a model",
        b"\x3a\xff",
        model(tensor(b"else", (1,), INT8, b"x")),
        model(tensor(b"words.weight_quantized", (1, 1), UINT8, b"x")),
        model(tensor(b"words.weight_quantized", (1, 1), UINT8, b"x"), tensor(b"words.weight_zero_point", (), UINT8)),
        model(tensor(b"words.weight", (1,), FLOAT, 4 * b"x")),
        b"\x08" + 300 * b"\xff",
    ],
)
def test_a_file_without_the_table_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BundleRefused, match="no table of word vectors"):
        word_table(path)


def test_the_shipped_model_has_one():
    table = word_table(resource("models/standard") / "model.onnx")
    assert table.width == 384
    assert len(table) > 1_000
    of_all = table.weighted_sum(np.arange(len(table), dtype=np.uint16), np.ones(len(table), dtype=np.float32))
    # Words point everywhere: read around the wrong zero, they would all point one way.
    assert abs(of_all.mean()) * len(table) ** -0.5 < 1
