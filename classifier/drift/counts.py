"""Rows of traffic to columns of numbers, and these to counts by day: five weeks of a large sender are a million rows.

Traffic rows -> Columns -> tables of days and sorts, the most frequent templates
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from classifier.drift.alarm import Wording
from classifier.drift.chance import Counts
from classifier.store.traffic import Traffic

Whole = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Span:
    """The days looked at (UTC): `month` days, then the `recent` ones, the last of which is `today`."""

    today: date
    recent: int
    month: int

    @property
    def days(self) -> int:
        """How many there are."""
        return self.month + self.recent

    @cached_property
    def first(self) -> date:
        """The oldest day; days are counted from it."""
        return self.today - timedelta(days=self.days - 1)

    def day(self, number: int) -> date:
        """Return a day by its number."""
        return self.first + timedelta(days=number)


@dataclass(frozen=True, eq=False, kw_only=True)
class Columns:
    """Rows of traffic, column by column.

    Attributes:
        span: The days they are of.
        day: Day of each row, counted from `span.first`.
        n: Failures of each.
        born: Day on which its template was first seen anywhere, counted likewise; may be negative.
        template, provider, category: Numbers in place of names.
        confidence: Of each row's answer.
        ids, texts: Of the templates, by number.
        providers, categories: Names by number.
    """

    span: Span
    day: Whole
    n: Whole
    born: Whole
    template: Whole
    provider: Whole
    category: Whole
    confidence: Counts
    ids: Sequence[str]
    texts: Sequence[str]
    providers: Sequence[str]
    categories: Sequence[str]

    def only(self, mask: Mask) -> "Columns":
        """Return some of the rows."""
        names = ("day", "n", "born", "template", "provider", "category", "confidence")
        return replace(self, **{name: getattr(self, name)[mask] for name in names})

    @property
    def recent(self) -> Mask:
        """Which rows are of the recent days."""
        return self.day >= self.span.month

    @property
    def new(self) -> Mask:
        """Which rows have a template that was first seen in the recent days."""
        return self.born >= self.span.month

    @property
    def templates(self) -> int:
        """How many templates there are."""
        return len(np.unique(self.template))

    @property
    def failures(self) -> int:
        """How many failures there are."""
        return int(self.n.sum())


def columns(rows: Iterable[Traffic], span: Span) -> Columns:
    """Return rows column by column, those of other days left out. They are read once and not kept."""
    whole = {name: array("q") for name in ("day", "n", "born", "template", "provider", "category")}
    confidence = array("d")
    ids: dict[str, int] = {}
    providers: dict[str, int] = {}
    categories: dict[str, int] = {}
    texts: list[str] = []
    first, last = span.first.toordinal(), span.today.toordinal()
    for row in rows:
        if not first <= row.day.toordinal() <= last or row.n <= 0:
            continue
        if row.template_id not in ids:
            texts.append(row.text)
        whole["template"].append(ids.setdefault(row.template_id, len(ids)))
        whole["provider"].append(providers.setdefault(row.provider, len(providers)))
        whole["category"].append(categories.setdefault(row.category, len(categories)))
        whole["day"].append(row.day.toordinal() - first)
        whole["n"].append(row.n)
        whole["born"].append(row.first_seen.toordinal() - first)
        confidence.append(row.confidence)
    return Columns(
        span=span,
        **{name: np.array(values, dtype=np.int64) for name, values in whole.items()},
        confidence=np.array(confidence, dtype=np.float64),
        ids=list(ids),
        texts=texts,
        providers=list(providers),
        categories=list(categories),
    )


def table(columns: Columns, sort: Whole, sorts: int) -> Counts:
    """Return failures by day and sort, where `sort` gives each row's."""
    cells = np.bincount(columns.day * sorts + sort, weights=columns.n, minlength=columns.span.days * sorts)
    return cells.astype(np.float64).reshape(columns.span.days, sorts)


def new_templates(columns: Columns) -> tuple[Counts, Counts]:
    """Return failures of other (column 0) and of new templates (column 1), counted for past days and for recent days.

    In the past, a template was new on the days on which it was younger than `span.recent` days, so that a past day and a
    recent one are told apart by nothing but their traffic. While a store, or a provider's traffic, was that young itself,
    all was new: those days say nothing and count nothing.
    """
    age = columns.span.recent
    past = table(columns, (columns.born > columns.day - age).astype(np.int64), 2)
    past[: max(0, int(columns.born.min(initial=columns.span.days)) + age)] = 0
    return past, table(columns, columns.new.astype(np.int64), 2)


def most_frequent(columns: Columns, most: int, least: int = 1) -> tuple[Wording, ...]:
    """Return the templates, one entry a provider, that at least `least` failures had, the most frequent first."""
    pairs, first, of = np.unique(
        columns.template * len(columns.providers) + columns.provider, return_index=True, return_inverse=True
    )
    failures = np.bincount(of, weights=columns.n, minlength=len(pairs)).astype(np.int64)
    ranked = [i for i in np.argsort(-failures, kind="stable")[:most] if failures[i] >= least]
    return tuple(_wording(columns, int(first[i]), int(failures[i])) for i in ranked)


def _wording(columns: Columns, row: int, failures: int) -> Wording:
    template = int(columns.template[row])
    return Wording(
        template_id=columns.ids[template],
        text=columns.texts[template],
        provider=columns.providers[columns.provider[row]],
        category=columns.categories[columns.category[row]],
        confidence=float(columns.confidence[row]),
        failures=failures,
        first_seen=columns.span.day(int(columns.born[row])),
    )
