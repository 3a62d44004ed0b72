import numpy as np
import pytest

from classifier.errors import BundleRefused
from classifier.predict.words import WordTable, word_table
from classifier.resources import resource


def field(number, payload):
    return bytes([number << 3 | 2, len(payload)]) + payload


def tensor(name, dims, raw):
    return field(5, b"".join(bytes([1 << 3, d]) for d in dims) + field(8, name) + field(9, raw))


def model(*tensors):
    # A version number before the graph, and a graph in two pieces, as protobuf allows.
    return b"\x08\x07" + b"".join(field(7, field(2, b"net") + each) for each in tensors)


def test_an_unsigned_table_is_read_around_its_zero_point(tmp_path):
    path = tmp_path / "model.onnx"
    raw = bytes([130, 126, 128, 131, 120, 128])
    path.write_bytes(
        model(tensor(b"words.weight_quantized", (3, 2), raw), tensor(b"words.weight_zero_point", (), b"\x80"))
    )
    table = word_table(path)
    assert (len(table), table.width) == (3, 2)
    total = table.weighted_sum(np.array([0, 1], dtype=np.uint16), np.array([1, 2, 9], dtype=np.float32))
    assert total * 2**0.5 == pytest.approx([2, 4])


def test_a_plain_table_is_read_as_it_is(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model(tensor(b"words.weight", (1, 2), np.array([0.5, -1], dtype="<f4").tobytes())))
    assert word_table(path).weighted_sum(np.array([0], dtype=np.uint16), np.ones(1, dtype=np.float32)) == pytest.approx(
        [0.5, -1]
    )


def test_a_text_without_words_has_no_direction():
    table = WordTable(np.ones((2, 3), dtype=np.int8), 0)
    assert table.weighted_sum(np.array([], dtype=np.uint16), np.ones(2, dtype=np.float32)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x3a\xff", model(tensor(b"else", (1,), b"x"))])
def test_a_file_without_the_table_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BundleRefused, match="no table of word vectors"):
        word_table(path)


def test_the_shipped_model_has_one():
    table = word_table(resource("models/standard") / "model.onnx")
    assert table.width == 384
    assert len(table) > 1_000
