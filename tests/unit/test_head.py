"""The last layer of the shipped model: read, fitted, written back."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from classifier.bundle import MODEL, load_bundle
from classifier.predict.onnx import OnnxPredictor
from classifier.resources import resource
from training.evaluate import softmax
from training.head import Head, UnknownGraph, fit_head, one_hot, read_head, write_head

TEXTS = ["550 5.1.1 no such user", "552 mailbox full", "421 too many connections", "554 blocked using a list"]


@pytest.fixture(scope="module")
def shipped():
    bundle = load_bundle(resource("models/standard"))
    return bundle, OnnxPredictor(bundle)


def test_the_head_that_is_read_says_what_the_model_says(shipped):
    bundle, predictor = shipped
    logits, embeddings = predictor.encode(TEXTS)
    assert np.abs(read_head(bundle.folder / MODEL).logits(embeddings) - logits).max() < 0.2


def test_a_head_is_written_and_read_back(shipped, tmp_path):
    bundle, _ = shipped
    head = read_head(bundle.folder / MODEL)
    other = Head(weight=head.weight * 0.5, bias=head.bias + 1.0)
    write_head(bundle.folder / MODEL, other, tmp_path / MODEL)
    again = read_head(tmp_path / MODEL)
    assert np.abs(again.weight - other.weight).max() <= np.abs(other.weight).max() / 127
    assert np.allclose(again.bias, other.bias)
    onnx.checker.check_model(str(tmp_path / MODEL))
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]


def test_a_head_of_another_size_is_refused(shipped, tmp_path):
    bundle, _ = shipped
    head = read_head(bundle.folder / MODEL)
    with pytest.raises(UnknownGraph):
        write_head(bundle.folder / MODEL, Head(weight=head.weight[:, :5], bias=head.bias[:5]), tmp_path / MODEL)


def test_a_graph_of_somebody_elses_is_refused(tmp_path):
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", value[:1], value[1:])
    onnx.save(helper.make_model(graph), tmp_path / MODEL)
    with pytest.raises(UnknownGraph):
        read_head(tmp_path / MODEL)


def test_a_fit_learns_what_is_new_and_keeps_what_was_said():
    rng = np.random.default_rng(0)
    start = Head(weight=rng.normal(size=(8, 3)).astype(np.float32), bias=np.zeros(3, dtype=np.float32))
    old, new = rng.normal(size=(400, 8)).astype(np.float32), rng.normal(size=(1, 8)).astype(np.float32) + 3
    new = np.repeat(new, 5, axis=0)
    before = softmax(start.logits(old))
    wanted = int(start.logits(new)[0].argmin())
    targets = np.vstack([before, one_hot([str(wanted)] * 5, ["0", "1", "2"], 0.05)])
    head = fit_head(np.vstack([old, new]), targets, np.ones(405, dtype=np.float32), start, stay=0.01)
    assert head.logits(new)[0].argmax() == wanted
    assert (head.logits(old).argmax(axis=1) == start.logits(old).argmax(axis=1)).mean() > 0.9


def test_nothing_moves_where_nothing_is_new():
    rng = np.random.default_rng(0)
    start = Head(weight=rng.normal(size=(8, 3)).astype(np.float32), bias=np.zeros(3, dtype=np.float32))
    old = rng.normal(size=(200, 8)).astype(np.float32)
    head = fit_head(old, softmax(start.logits(old)), np.ones(200, dtype=np.float32), start, stay=1.0)
    assert np.abs(head.weight - start.weight).max() < 0.01
