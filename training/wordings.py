"""Other wordings of what people labelled, so that the wordings nobody labelled yet are learnt with them.

A provider that changes its words changes them everywhere: some new notices are labelled, their siblings are not. What the
siblings share with the labelled ones is words, seldom sentences. So most variants are a small random part of a template's
words: each word comes to speak for the category by itself.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from training.augment import augment
from training.dataset import Row

VARIANTS = 24
_LEAST_WORDS = 4
_PART = (0.1, 0.5)


def variants(row: Row, chance: random.Random, n: int = VARIANTS) -> list[str]:
    """Return a template and `n` variants of it: three of four a part of its words, the others as `augment` has them."""
    varied = [
        augment(row.template, chance, lang=row.lang) if i % 4 == 3 else part_of(row.template, chance) for i in range(n)
    ]
    return [row.template, *varied]


def part_of(template: str, chance: random.Random) -> str:
    """Return a tenth to a half of a template's words, in their order; a text without blanks loses characters."""
    words = template.split(" ")
    units, glue = (words, " ") if len(words) >= _LEAST_WORDS else (list(template), "")
    if len(units) < _LEAST_WORDS:
        return template
    keep = max(_LEAST_WORDS - 1, int(len(units) * chance.uniform(*_PART)))
    if glue:
        return glue.join(units[i] for i in sorted(chance.sample(range(len(units)), keep)))
    start = chance.randrange(len(units) - keep + 1)
    return "".join(units[start : start + keep])


def spread(rows: Sequence[Row], *, seed: int, most: int) -> list[Row]:
    """Return each row with its variants, each of which weighs a quarter of the row.

    Args:
        rows: What people labelled.
        seed: Of the variants, and of which rows are left out where there are more than `most`.
        most: Most rows returned: the more labels there are, the fewer variants each gets.
    """
    chance = random.Random(seed)
    chosen = list(rows) if len(rows) <= most else chance.sample(list(rows), most)
    n = min(VARIANTS, most // len(chosen) - 1) if chosen else 0
    out = []
    for row in chosen:
        first, *others = variants(row, chance, n)
        out += [replace(row, template=first)]
        out += [replace(row, template=other, weight=row.weight / 4) for other in others]
    return out
