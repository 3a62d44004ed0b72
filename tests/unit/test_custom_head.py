"""The arithmetic of heads, with vectors small enough to do by hand."""

import numpy as np
import pytest

from classifier.custom.draft import read_document
from classifier.custom.head import Head, Space, gate
from classifier.custom.learn import solve
from classifier.custom.variants import variants
from classifier.domain import Prediction, Source
from classifier.predict import Encoded
from classifier.predict.words import WordTable
from classifier.taxonomy import standard_taxonomy

STANDARD = standard_taxonomy()
EXAMPLES = ["550 a a", "550 b b", "550 c c", "550 d d"]
EYE = np.eye(2, dtype=np.float32)
SPACE = Space(
    mean=np.zeros(2, dtype=np.float32),
    whiten=EYE,
    word_mean=np.zeros(2, dtype=np.float32),
    word_whiten=EYE,
    rarity=np.ones(4, dtype=np.float32),
    word_weight=2.0,
    standard_weight=1.0,
    words=WordTable(np.array([[0, 1], [1, 0], [1, 1], [0, 0]], dtype=np.int8), 0),
)


def encoded(embedding=(3.0, 4.0), ids=(0, 1), **probabilities):
    rest = (1 - sum(probabilities.values())) / (len(STANDARD.by_id) - len(probabilities))
    full = {name: probabilities.get(name, rest) for name in STANDARD.by_id}
    prediction = Prediction(probabilities=full, source=Source.MODEL, model="m/1")
    return Encoded(prediction, np.array(embedding, dtype=np.float16), np.array(ids, dtype=np.uint16))


def head(scores, *categories, floors=()):
    """A head that gives these scores to every text, whatever it says."""
    draft = read_document({"name": "acme", "category": list(categories)}, STANDARD)
    learned = tuple(c.id for c in draft.learned)
    width = SPACE.front + len(STANDARD.by_id)
    return Head(
        draft=draft,
        bundle="b",
        classes=learned,
        weights=np.zeros((width, len(scores)), dtype=np.float32),
        bias=np.log(np.array(scores, dtype=np.float32)),
        floors=np.array(floors or [0.0] * len(learned), dtype=np.float32),
        space=SPACE,
    )


def alone(identity):
    return {"id": identity, "examples": EXAMPLES}


def test_features_are_two_unit_vectors_and_the_log_probabilities():
    (row,) = SPACE.features([encoded(ip_reputation=0.9)])
    assert row[:2] == pytest.approx([0.6, 0.8])
    assert row[2:4] == pytest.approx([2 * 2**-0.5, 2 * 2**-0.5])
    assert row[4:].max() == pytest.approx(np.log(0.9) / 8, abs=1e-4)
    assert row[4:].min() >= -1


def test_texts_are_as_similar_as_their_vectors():
    rows = SPACE.features([encoded(), encoded(), encoded(embedding=(-3, -4), ids=())])
    same, none = SPACE.similarity(rows[:1], rows[1:])[0]
    assert same == pytest.approx(1)
    assert none == pytest.approx(-1 / 5)


def test_learned_categories_and_other_share_one():
    (prediction,) = head([3, 1], alone("mine")).predict([encoded()])
    assert prediction.probabilities == pytest.approx({"mine": 0.75, "other": 0.25})


def test_a_refined_category_gives_back_what_lies_outside():
    refined = alone("mine") | {"within": "ip_reputation"}
    inside, outside = head([3, 1], refined, floors=[0.1]).predict(
        [encoded(ip_reputation=0.5), encoded(ip_reputation=0.05)]
    )
    assert inside.probabilities["mine"] == pytest.approx(0.75)
    assert outside.probabilities == pytest.approx({"mine": 0.375, "other": 0.625}, abs=1e-5)


def test_a_roll_up_takes_its_share_of_what_no_learned_category_claims():
    rolled = {"id": "reputation", "from": ["ip_reputation", "domain_reputation"]}
    (prediction,) = head([1, 3], alone("mine"), rolled).predict([encoded(ip_reputation=0.5, domain_reputation=0.3)])
    assert prediction.probabilities == pytest.approx({"mine": 0.25, "reputation": 0.6, "other": 0.15}, abs=1e-5)


def test_a_taxonomy_of_roll_ups_needs_nothing_learned():
    rolled = {"id": "reputation", "from": "ip_reputation"}
    (prediction,) = head([1], rolled).predict([encoded(ip_reputation=0.7)])
    assert prediction.probabilities == pytest.approx({"reputation": 0.7, "other": 0.3}, abs=1e-5)


def test_without_a_model_only_roll_ups_answer():
    given = Prediction(probabilities={"ip_reputation": 0.5, "undetermined": 0.5}, source=Source.FALLBACK, model="f/1")
    rolled = {"id": "reputation", "from": "ip_reputation"}
    (prediction,) = head([9, 1], alone("mine"), rolled).predict([Encoded(given)])
    assert prediction.probabilities == pytest.approx({"mine": 0.0, "reputation": 0.5, "other": 0.5})
    assert prediction.source is Source.FALLBACK


@pytest.mark.parametrize(("probability", "share"), [(0, 0), (0.05, 0.5), (0.1, 1), (0.9, 1)])
def test_the_gate_opens_up_to_its_floor(probability, share):
    assert gate(probability, 0.1) == pytest.approx(share)
    assert gate(probability, 0.0) == 1


@pytest.mark.parametrize("classes", [2, 3])
def test_the_solver_tells_classes_apart(classes):
    rows = np.repeat(np.eye(classes, dtype=np.float32), 20, axis=0)
    weights, bias = solve(rows, np.repeat(np.arange(classes), 20), np.ones(len(rows), dtype=np.float32))
    scores = np.eye(classes) @ weights + bias
    assert scores.shape == (classes, classes)
    assert scores.argmax(axis=1).tolist() == list(range(classes))


def test_variants_keep_the_words():
    assert (
        variants("550 5.7.1 documents with macros are refused")
        == [
            "host [HOST][[IP]] said: 550 5.7.1 documents with macros are refused (in reply to RCPT TO command)",
            "documents with macros are refused",
            "550 5.7.1 documents with macros are refused",
        ][:2]
    )
    assert variants("host [HOST][[IP]] said: 554 no mail from this cable pool (in reply to RCPT TO command)") == [
        "no mail from this cable pool",
        "550 5.7.1 no mail from this cable pool",
    ]
    assert variants("550 full") == ["host [HOST][[IP]] said: 550 full (in reply to RCPT TO command)"]
