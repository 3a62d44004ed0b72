"""Fine causes that a bundle knows: what they say of a text, how they are kept, and that heads follow them."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from classifier.bundle import CAUSES, MANIFEST, MODEL, load_bundle, sha256_of
from classifier.custom.background import load_background, model_digest, vectors
from classifier.custom.causes import Causes, load_causes, write_causes
from classifier.custom.head import unit
from classifier.errors import BundleRefused
from classifier.predict.onnx import OnnxPredictor
from classifier.predict.words import word_table
from classifier.resources import resource
from training.dataset import Row
from training.known import FEWEST_IN_ALL, learn_causes

DEAD = [
    "550 5.2.1 our member died last spring, this box was closed by the family",
    "Le titulaire de cette adresse est mort en mai, merci de ne plus lui ecrire",
    "mailbox withdrawn after the death of its owner",
]
NO_PTR = [
    "550 5.7.25 your IPv6 address 2001:db8::4 has no PTR, so we do not talk to it",
    "no reverse name for this v6 client, connection closed",
    "Fuer Ihre IPv6-Adresse gibt es keinen Reverse-Eintrag",
]


@pytest.fixture(scope="module")
def shipped():
    return load_bundle(resource("models/standard"))


def causes(width=2, names=("a", "b", "c")):
    chance = np.random.default_rng(1)
    square = chance.normal(size=(width, width)).astype(np.float32)
    return Causes(
        names=np.array(names),
        mean=np.ones(width, dtype=np.float32),
        whiten=square + square.T,
        word_mean=np.zeros(width, dtype=np.float32),
        word_whiten=square @ square.T,
        rarity=np.linspace(0, 1, 7, dtype=np.float32),
        weights=chance.normal(size=(2 * width, len(names))).astype(np.float32),
        bias=np.array([0.0, 1.0, -1.0], dtype=np.float32),
    )


def test_roots_are_those_of_the_softmax():
    known, points = causes(), np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32) * 30
    scores = points @ known.weights + known.bias
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert np.allclose(known.roots(points) ** 2, shares, atol=1e-6)


def test_what_is_written_is_read_again(tmp_path, shipped):
    known = causes(width=5)
    shutil.copytree(shipped.folder, tmp_path / "bundle")
    write_causes(tmp_path / "bundle" / CAUSES, known)
    bundle = replace(shipped, folder=tmp_path / "bundle")
    read = load_causes(bundle)
    assert read.names.tolist() == ["a", "b", "c"]
    for name in ("mean", "whiten", "word_mean", "word_whiten", "rarity", "bias"):
        assert np.allclose(getattr(read, name), getattr(known, name), rtol=2e-3, atol=1e-4), name
    assert np.abs(read.weights - known.weights).max() <= np.abs(known.weights).max() / 127


def test_texts_of_one_cause_share_it_whatever_their_words(shipped, tmp_path):
    model = OnnxPredictor(shipped)
    space = load_background(shipped, model, tmp_path).space
    rows = space.features(model.encoded(DEAD + NO_PTR))
    width = len(space.causes.names)
    roots = rows[:, -width:] / space.cause_weight
    assert np.allclose(np.linalg.norm(roots, axis=1), 1, atol=1e-3)
    alike = roots @ roots.T
    inside = (alike[:3, :3].sum() - 3 + alike[3:, 3:].sum() - 3) / 12
    assert inside > 1.5 * alike[:3, 3:].mean()


def test_another_classifier_of_causes_makes_other_heads(tmp_path, shipped):
    shutil.copytree(shipped.folder, tmp_path / "bundle")
    write_causes(tmp_path / "bundle" / CAUSES, causes(width=384))
    files = {**shipped.manifest.files, CAUSES: sha256_of(tmp_path / "bundle" / CAUSES)}
    other = replace(shipped.manifest, files=files)
    (tmp_path / "bundle" / MANIFEST).write_text(other.to_json())
    assert model_digest(load_bundle(tmp_path / "bundle")) != model_digest(shipped)


@pytest.mark.parametrize("damage", ["cut", "no archive", "without bias", "too narrow"])
def test_a_file_of_causes_that_cannot_be_read_refuses_the_bundle_and_says_which(tmp_path, shipped, damage):
    path = tmp_path / CAUSES
    known = causes()
    write_causes(path, replace(known, weights=known.weights[:3]) if damage == "too narrow" else known)
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-40])
        case "no archive":
            path.write_text("nothing")
        case "without bias":
            with np.load(path) as file:
                np.savez(path, **{name: file[name] for name in file if name != "bias"})
    with pytest.raises(BundleRefused, match="causes"):
        load_causes(replace(shipped, folder=tmp_path))


def test_a_bundle_without_causes_has_a_space_all_the_same(tmp_path, shipped):
    shutil.copytree(shipped.folder, tmp_path / "bundle")
    (tmp_path / "bundle" / CAUSES).unlink()
    files = {name: digest for name, digest in shipped.manifest.files.items() if name != CAUSES}
    (tmp_path / "bundle" / MANIFEST).write_text(replace(shipped.manifest, files=files).to_json())
    bundle = load_bundle(tmp_path / "bundle")
    model = OnnxPredictor(bundle)
    made = load_background(bundle, model, tmp_path / "kept")
    again = load_background(bundle, model, tmp_path / "kept")
    assert made.space.causes is None
    assert np.isfinite(made.rows).all()
    assert made.rows.shape[1] == made.space.front + len(shipped.manifest.categories)
    assert np.array_equal(made.rows, again.rows)


def row(text, cause):
    return Row(template=text, target={"user_unknown": 1.0}, lang="en", source="a", weight=1.0, cause=cause)


def test_causes_are_learnt_from_texts_and_only_from_enough(shipped):
    model, words = OnnxPredictor(shipped, threads=2), word_table(shipped.folder / MODEL)
    reasons = ("the quota is used up", "no such user", "a virus was found", "greylisted for now", "no reverse name")
    rows = [row(f"{reason}, says server {n} {'x' * (n % 7)}", reason) for reason in reasons for n in range(80)]
    rows += [row("seen once", "alone"), row("of no cause", "")]
    assert len(rows) >= FEWEST_IN_ALL
    known = learn_causes(rows, model, words, seed=1)
    assert known.names.tolist() == sorted(reasons)
    encoded = model.encoded([f"host mx said: {reason} (again)" for reason in known.names])
    embeddings, sums = vectors(encoded, words, known.rarity)
    points = [unit((embeddings - known.mean) @ known.whiten), unit((sums - known.word_mean) @ known.word_whiten)]
    assert known.roots(np.concatenate(points, axis=1)).argmax(axis=1).tolist() == list(range(5))
    assert learn_causes(rows[: FEWEST_IN_ALL - 1], model, words, seed=1) is None
    assert learn_causes([row("a b c", "")] * 500, model, words, seed=1) is None
