"""Causes: which texts meet in a batch, and that the loss draws together what belongs together."""

import random
from collections import Counter

import pytest
import torch

from classifier.resources import resource
from classifier.taxonomy import standard_taxonomy
from training.authored import MalformedCorpus, read_authored
from training.causes import TEXTS, Closeness, cause_batches
from training.dataset import Row

CATEGORIES = frozenset(standard_taxonomy().by_id)


def row(cause, source="a", n=0):
    return Row(template=f"{cause} {n}", target={"user_unknown": 1.0}, lang="en", source=source, weight=1.0, cause=cause)


def rows(*, causes, each=6, sources=2):
    made = [row(f"cause_{c}", f"source_{c % sources}", n) for c in range(causes) for n in range(each)]
    return [*made, row("", "elsewhere")]


def plain(width):
    return Closeness(mean=torch.zeros(width), whiten=torch.eye(width))


def test_a_batch_has_four_texts_of_each_of_its_causes():
    given = rows(causes=20)
    batches = cause_batches(given, 32, 50, random.Random(1))
    assert len(batches) == 50
    for batch in batches:
        assert Counter(given[i].cause for i in batch) == Counter({given[i].cause: TEXTS for i in batch})
        assert len(set(batch)) == 32


def test_half_of_a_batch_are_neighbours_of_one_source():
    given = rows(causes=40, sources=10)
    for batch in cause_batches(given, 32, 20, random.Random(1)):
        sources = Counter(given[i].source for i in batch)
        assert max(sources.values()) >= 4 * TEXTS


def test_causes_of_few_texts_and_texts_without_one_stay_out():
    given = [*rows(causes=3), *(row("rare", n=n) for n in range(TEXTS - 1))]
    met = {given[i].cause for batch in cause_batches(given, 3 * TEXTS, 20, random.Random(1)) for i in batch}
    assert met == {"cause_0", "cause_1", "cause_2"}


@pytest.mark.parametrize(("causes", "batch"), [(0, 64), (1, 4), (15, 64)])
def test_there_is_no_batch_that_too_few_causes_cannot_fill(causes, batch):
    assert cause_batches(rows(causes=causes), batch, 5, random.Random(1)) == []


def test_batches_of_causes_stand_between_the_others_and_none_is_cut():
    from tokenizers import Tokenizer

    from classifier.bundle import TOKENIZER
    from training.fit import Recipe, _training_data

    tokenizer = Tokenizer.from_file(str(resource("models/standard") / TOKENIZER))
    given = [*rows(causes=8), *(row("", n=n) for n in range(20))]
    recipe = Recipe(epochs=3, batch=16, causes=True)
    causes = _training_data(tokenizer, given, ["user_unknown", "greylisted"], recipe, None)["causes"]
    parts = [set(causes[at : at + 16]) for at in range(0, len(causes), 16)]
    usual = [row for row in given if not row.cause]
    assert len(parts) == 3 * 2 * (len(usual) // 16)
    assert [0 in part for part in parts] == [True, False] * (len(parts) // 2)
    assert all(part == {0} for part in parts[::2])
    assert all(len(part) == 16 // TEXTS for part in parts[1::2])
    plain = _training_data(tokenizer, given, ["user_unknown", "greylisted"], Recipe(epochs=1, batch=16), None)
    assert set(plain["causes"]) == {0}
    assert len(plain) == len(given)


def test_the_loss_is_less_where_texts_of_one_cause_are_near():
    causes = torch.tensor([1, 1, 2, 2])
    near = torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [0.1, 1.0]])
    across = near[[0, 2, 1, 3]]
    assert float(plain(2).loss(near, causes)) < 0.1
    assert float(plain(2).loss(across, causes)) > 5


def test_learning_by_the_loss_brings_them_together():
    torch.manual_seed(1)
    points = torch.randn(12, 8, requires_grad=True)
    causes = torch.arange(12) // 4 + 1
    first = float(plain(8).loss(points, causes).detach())
    optimizer = torch.optim.SGD([points], lr=1.0)
    for _ in range(100):
        optimizer.zero_grad()
        plain(8).loss(points, causes).backward()
        optimizer.step()
    last = float(plain(8).loss(points, causes).detach())
    # The other three of a cause are three equal nearest ones: less than ln 3 is not to be had.
    assert torch.log(torch.tensor(3.0)) - 1e-3 < last < 1.2 < first


def test_whitening_decides_which_difference_counts():
    points, causes = torch.tensor([[5.0, 0.1], [-5.0, 0.1], [5.0, -0.1], [-5.0, -0.1]]), torch.tensor([1, 1, 2, 2])
    flat = Closeness(mean=torch.zeros(2), whiten=torch.diag(torch.tensor([0.01, 10.0])))
    assert float(flat.loss(points, causes)) < float(plain(2).loss(points, causes))


def test_texts_that_are_alone_with_their_cause_give_no_loss_but_a_gradient():
    points = torch.randn(3, 4, requires_grad=True)
    loss = plain(4).loss(points, torch.tensor([1, 2, 3]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert points.grad is not None
    assert float(points.grad.abs().sum()) == 0.0


def test_texts_without_a_cause_are_drawn_nowhere():
    points, causes = torch.randn(6, 4), torch.tensor([1, 1, 0, 0, 2, 2])
    with_none = plain(4).loss(points, causes)
    alone = plain(4).loss(points, torch.tensor([1, 1, 3, 4, 2, 2]))
    assert float(with_none) == pytest.approx(float(alone))


def test_a_model_is_its_teacher_only_where_it_is_right():
    from classifier.bundle import load_bundle
    from classifier.predict.onnx import OnnxPredictor
    from training.job import _where_right

    bundle = load_bundle(resource("models/standard"))
    names = bundle.manifest.categories
    texts = ["550 5.1.1 no such user"] * 2
    shares = [{"user_unknown": 0.5, "mailbox_disabled": 0.5}, {"mailbox_full": 1.0}]
    given = [Row(template=t, target=s, lang="en", source="a", weight=1.0) for t, s in zip(texts, shares, strict=True)]
    right, wrong = _where_right(OnnxPredictor(bundle), given, names)(texts)
    assert right[names.index("user_unknown")] > 0.9
    assert wrong[names.index("mailbox_full")] > 0.9


def test_a_section_may_name_a_cause_that_several_categories_share(tmp_path):
    (tmp_path / "a.txt").write_text("[mailbox_full / merger]\none\n[greylisted / merger]\ntwo\n[greylisted]\nthree\n")
    assert [(e.label, e.cause) for e in read_authored(tmp_path, CATEGORIES)] == [
        ("mailbox_full", "merger"), ("greylisted", "merger"), ("greylisted", "")
    ]  # fmt: skip


@pytest.mark.parametrize("head", ["[greylisted / Upper]", "[greylisted /]", "[greylisted / a b]"])
def test_a_malformed_cause_is_no_section(tmp_path, head):
    (tmp_path / "a.txt").write_text(f"{head}\none\n")
    with pytest.raises(MalformedCorpus, match=r"a.txt:1"):
        read_authored(tmp_path, CATEGORIES)


def test_the_corpus_has_hundreds_of_causes_and_enough_texts_of_each():
    told = [e for e in read_authored(resource("authored"), CATEGORIES) if e.cause]
    texts = Counter(e.cause for e in told)
    assert len(texts) >= 800
    assert min(texts.values()) >= 14
    assert {e.label for e in told} >= CATEGORIES - {"undetermined"}
    assert sum(len({e.label for e in told if e.cause == cause}) > 1 for cause in texts) >= 50
