"""Rows of traffic to columns of numbers, and these to counts by day: five weeks of a large sender are a million rows.

Traffic rows -> Columns -> tables of days and sorts, the most frequent templates
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from classifier.drift.alarm import Wording
from classifier.drift.chance import Counts
from classifier.store.traffic import Traffic

Rows = Sequence[Traffic]
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
        rows: The rows.
        day: Day of each, counted from `span.first`.
        n: Failures of each.
        born: Day on which its template was first seen anywhere, counted likewise; may be negative.
        template, provider, category: Numbers in place of names.
        providers, categories: The names.
        confidence: Of each row's answer.
    """

    span: Span
    rows: Rows
    day: Whole
    n: Whole
    born: Whole
    template: Whole
    provider: Whole
    category: Whole
    confidence: Counts
    providers: tuple[str, ...]
    categories: tuple[str, ...]

    def only(self, mask: Mask) -> "Columns":
        """Return some of the rows."""
        names = ("day", "n", "born", "template", "provider", "category", "confidence")
        picked = {name: getattr(self, name)[mask] for name in names}
        return replace(self, rows=[self.rows[i] for i in np.flatnonzero(mask).tolist()], **picked)

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


def columns(rows: Rows, span: Span) -> Columns:
    """Return rows column by column, those of other days left out."""
    rows = [row for row in rows if span.first <= row.day <= span.today and row.n > 0]
    first = span.first.toordinal()
    template, _ = _numbered([row.template_id for row in rows])
    provider, providers = _numbered([row.provider for row in rows])
    category, categories = _numbered([row.category for row in rows])
    return Columns(
        span=span,
        rows=rows,
        day=np.array([row.day.toordinal() - first for row in rows], dtype=np.int64),
        n=np.array([row.n for row in rows], dtype=np.int64),
        born=np.array([row.first_seen.toordinal() - first for row in rows], dtype=np.int64),
        template=template,
        provider=provider,
        category=category,
        confidence=np.array([row.confidence for row in rows], dtype=np.float64),
        providers=providers,
        categories=categories,
    )


def _numbered(names: list[str]) -> tuple[Whole, tuple[str, ...]]:
    number: dict[str, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], dtype=np.int64), tuple(number)


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
    past[: max(0, int(columns.born.min(initial=0)) + age)] = 0
    return past, table(columns, columns.new.astype(np.int64), 2)


def most_frequent(columns: Columns, most: int, least: int = 1) -> tuple[Wording, ...]:
    """Return the templates, one entry a provider, that at least `least` failures had, the most frequent first."""
    pairs, last, of = np.unique(
        columns.template * len(columns.providers) + columns.provider, return_index=True, return_inverse=True
    )
    failures = np.bincount(of, weights=columns.n, minlength=len(pairs)).astype(np.int64)
    ranked = [i for i in np.argsort(-failures, kind="stable")[:most] if failures[i] >= least]
    return tuple(_wording(columns.rows[last[i]], int(failures[i])) for i in ranked)


def _wording(row: Traffic, failures: int) -> Wording:
    return Wording(
        template_id=row.template_id,
        text=row.text,
        provider=row.provider,
        category=row.category,
        confidence=row.confidence,
        failures=failures,
        first_seen=row.first_seen.date(),
    )
