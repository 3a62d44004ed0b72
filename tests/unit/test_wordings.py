import random

import pytest

from training.dataset import Row
from training.wordings import VARIANTS, part_of, spread


def row(template, weight=4.0):
    return Row(template=template, target={"mailbox_full": 1.0}, lang="en", source="feedback", weight=weight)


def test_a_part_keeps_words_and_their_order():
    words = [f"w{i}" for i in range(20)]
    for seed in range(50):
        part = part_of(" ".join(words), random.Random(seed)).split()
        assert 3 <= len(part) <= 10
        assert part == [word for word in words if word in part]


@pytest.mark.parametrize("text", ["", "552", "552 full", "メールボックスの容量を超えています"])
def test_short_texts_and_texts_without_blanks_survive(text):
    part = part_of(text, random.Random(1))
    assert bool(part) == bool(text)
    assert len(part) <= len(text)


def test_a_row_comes_first_and_its_variants_weigh_a_quarter():
    found = spread([row("552 5.2.2 this crate holds no more than it holds")], seed=1, most=1_000)
    assert len(found) == 1 + VARIANTS
    assert found[0].weight == 4.0
    assert {other.weight for other in found[1:]} == {1.0}
    assert all(other.label == "mailbox_full" for other in found)


def test_many_rows_get_fewer_variants_and_too_many_are_sampled():
    rows = [row(f"552 crate {i} holds no more than it holds") for i in range(100)]
    assert len(spread(rows, seed=1, most=250)) == 200
    assert len(spread(rows, seed=1, most=40)) == 40
    assert spread([], seed=1, most=40) == []


def test_equal_seeds_give_equal_variants():
    rows = [row("552 this crate holds no more than it holds")]
    assert spread(rows, seed=3, most=99) == spread(rows, seed=3, most=99) != spread(rows, seed=4, most=99)
