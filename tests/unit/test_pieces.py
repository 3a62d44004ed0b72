"""What single word pieces say beside the shipped model: counted, fitted, written into its graph, read back."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from scipy import sparse

from classifier.bundle import MODEL, load_bundle
from classifier.predict.onnx import OnnxPredictor
from classifier.resources import resource
from training.evaluate import softmax
from training.pieces import Pieces, UnknownGraph, fit_pieces, one_hot, piece_counts, read_pieces, write_pieces

TEXTS = ["550 5.1.1 no such user", "552 mailbox full full full", "421 too many connections", "被拒绝"]


@pytest.fixture(scope="module")
def shipped():
    bundle = load_bundle(resource("models/standard"))
    return bundle, OnnxPredictor(bundle)


@pytest.fixture
def table(shipped):
    bundle, _ = shipped
    silent = read_pieces(bundle.folder / MODEL, len(bundle.manifest.categories)).rows
    assert not silent.any()
    return Pieces(rows=np.random.default_rng(0).normal(size=silent.shape).astype(np.float32))


def served(bundle, folder):
    """Return the logits of the model in a folder, run by onnxruntime as serving runs it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / MODEL), providers=["CPUExecutionProvider"])
    predictor = OnnxPredictor(bundle)
    out = []
    for text in TEXTS:
        ids = np.array([predictor.tokens(text)], dtype=np.int64)
        out.append(session.run(["logits", "embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)}))
    return [np.concatenate(part) for part in zip(*out, strict=True)]


def test_a_table_in_the_graph_adds_what_its_pieces_say_and_leaves_the_embedding(shipped, table, tmp_path):
    bundle, predictor = shipped
    counts = piece_counts(predictor, TEXTS, len(table.rows))
    assert counts.sum(axis=1).A1.tolist() == [len(predictor.tokens(text)) - 2 for text in TEXTS]
    write_pieces(bundle.folder / MODEL, table, tmp_path / MODEL)
    onnx.checker.check_model(str(tmp_path / MODEL))
    logits, embeddings = served(bundle, tmp_path)
    before, same = predictor.encode(TEXTS)
    again = read_pieces(tmp_path / MODEL, table.rows.shape[1])
    assert np.abs(again.rows - table.rows).max() <= np.abs(table.rows).max() / 254 * 1.01
    # Marks of start and end are in no count; their rows are in the graph all the same, and fitting keeps them silent.
    marks = again.rows[predictor.tokens("x")[0]] + again.rows[predictor.tokens("x")[-1]]
    assert np.abs(logits - (before + again.logits(counts) + marks)).max() < 1e-3
    assert np.array_equal(embeddings, same)


def test_a_table_takes_the_place_of_the_one_before(shipped, table, tmp_path):
    bundle, _ = shipped
    write_pieces(bundle.folder / MODEL, table, tmp_path / MODEL)
    nodes = len(onnx.load(str(tmp_path / MODEL)).graph.node)
    write_pieces(tmp_path / MODEL, Pieces(rows=-2 * table.rows), tmp_path / MODEL)
    assert np.abs(read_pieces(tmp_path / MODEL, table.rows.shape[1]).rows + 2 * table.rows).max() < 0.05
    assert len(onnx.load(str(tmp_path / MODEL)).graph.node) == nodes
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]


def test_a_text_with_padding_reads_as_without(shipped, table, tmp_path):
    import onnxruntime

    bundle, predictor = shipped
    write_pieces(bundle.folder / MODEL, table, tmp_path / MODEL)
    session = onnxruntime.InferenceSession(str(tmp_path / MODEL), providers=["CPUExecutionProvider"])
    ids = np.array([predictor.tokens(TEXTS[0])], dtype=np.int64)
    longer, mask = np.pad(ids, ((0, 0), (0, 5)), constant_values=7), np.pad(np.ones_like(ids), ((0, 0), (0, 5)))
    logits = [
        session.run(["logits"], {"input_ids": text, "attention_mask": seen})[0]
        for text, seen in ((ids, np.ones_like(ids)), (longer, mask))
    ]
    assert np.abs(logits[0] - logits[1]).max() < 0.3  # the network's own rounding depends on its company


def test_a_table_of_another_size_is_refused(shipped, table, tmp_path):
    bundle, _ = shipped
    with pytest.raises(UnknownGraph):
        write_pieces(bundle.folder / MODEL, Pieces(rows=table.rows[:5]), tmp_path / MODEL)


def test_a_graph_of_somebody_elses_is_refused(tmp_path):
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", value[:1], value[1:])
    onnx.save(helper.make_model(graph), tmp_path / MODEL)
    with pytest.raises(UnknownGraph):
        read_pieces(tmp_path / MODEL, 3)


# Four pieces, three categories; the network takes all texts for the first one.
SAID = np.tile(np.array([[2.0, 0.0, 0.0]], dtype=np.float32), (60, 1))
COUNTS = sparse.csr_matrix(np.repeat([[1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 1]], 20, axis=0).astype(np.float32))
TARGETS = np.vstack([softmax(SAID[:40]), one_hot(["2"] * 20, ["0", "1", "2"], 0.05)])
ONE_EACH = np.ones(60, dtype=np.float32)


def test_a_piece_that_only_labels_have_learns_and_the_others_hold():
    pieces = fit_pieces(SAID, COUNTS, TARGETS, ONE_EACH, np.array([40, -1, -1, 0]), cost=0.1)
    after = SAID + pieces.logits(COUNTS)
    assert (after[40:].argmax(axis=1) == 2).all()
    assert np.abs(softmax(after[:40]) - softmax(SAID[:40])).max() < 0.05
    assert not pieces.rows[[1, 2]].any()  # silent: no label has them


def test_the_better_known_a_piece_is_the_less_it_says():
    both = sparse.csr_matrix(np.repeat([[1, 1, 0, 0]], 20, axis=0).astype(np.float32))
    pieces = fit_pieces(SAID[:20], both, TARGETS[40:], ONE_EACH[:20], np.array([50, 0, -1, -1]), cost=0.1)
    assert pieces.rows[1, 2] > 10 * pieces.rows[0, 2] > 0


def test_nothing_moves_where_nothing_is_new():
    pieces = fit_pieces(SAID, COUNTS, softmax(SAID), ONE_EACH, np.zeros(4, dtype=np.int64), cost=0.1)
    assert np.abs(pieces.rows).max() < 1e-3
