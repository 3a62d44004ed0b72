"""Evidence from the shipped model."""

import numpy as np
import pytest

from classifier.bundle import load_bundle
from classifier.predict.evidence import NEAREST, WORDS, Explainer
from classifier.predict.onnx import OnnxPredictor
from classifier.resources import resource


@pytest.fixture(scope="module")
def explain():
    bundle = load_bundle(resource("models/standard"))
    predictor = OnnxPredictor(bundle)
    explainer = Explainer(predictor, bundle)
    return lambda template: explainer.explain(template, predictor.predict([template])[0].ranked[0][0])


def test_the_words_that_decided_come_first(explain):
    words = [word for word, _ in explain("550 5.7.1 [HOST] told us that this message carries a virus, sorry").words]
    assert "virus," in words[:2]
    assert len(words) <= WORDS


def test_weights_are_shares_of_probability(explain):
    weights = [weight for _, weight in explain("552 the mailbox of [ADDR] is full and over its quota").words]
    assert weights == sorted(weights, reverse=True)
    assert all(0 < weight <= 1 for weight in weights)


def test_scripts_without_blanks_are_weighed_in_pieces(explain):
    assert all(len(word) <= 2 for word, _ in explain("メールボックスがいっぱいです").words)


def test_the_nearest_templates_are_like_it(explain):
    neighbours = explain("450 4.7.1 greylisted, please come back in a few minutes").neighbours
    assert len(neighbours) == NEAREST
    assert neighbours[0][1] == "greylisted"
    similarities = [similarity for _, _, similarity in neighbours]
    assert similarities == sorted(similarities, reverse=True)


@pytest.mark.parametrize("template", ["", "550", "[ADDR]", "x " * 900])
def test_odd_templates_have_evidence_too(explain, template):
    found = explain(template)
    assert len(found.neighbours) == NEAREST
    assert np.isfinite([similarity for _, _, similarity in found.neighbours]).all()
