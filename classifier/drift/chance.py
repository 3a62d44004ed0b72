"""Is it more than chance? Shares of recent days beside those of the days before, judged by how much days differ anyway.

    counts (days, sorts) -> Shift

Failures come in bursts: a campaign to an old list fills a day with one cause, a weekend has other senders than a Tuesday.
A test that takes each failure for a throw of dice of its own would alarm every day. So the unit is the day: the
likelihood-ratio statistic is divided by what nine in ten days of the past stay under (a quasi-likelihood with a robust
dispersion), and only what is left speaks for a change. Standard library and numpy: scipy would cost serving 27 MB for two
short formulas.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]
"""Failures by day (row, oldest first) and sort (column)."""
_NINE_IN_TEN = 1.2816
"""The standard normal quantile of 0.9."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shift:
    """How the shares of the last days differ from those of the days before them.

    Attributes:
        window: How many days are the last ones.
        before, now: Share of each sort, summing to 1 each.
        failures: How many came in the last days.
        chance: Probability of such a difference, or a larger one, between days that differ as they always did; 0 to 1.
    """

    window: int
    before: Counts
    now: Counts
    failures: int
    chance: float

    @property
    def distance(self) -> float:
        """Share of failures that went to another sort: the total variation distance, 0 to 1."""
        return float(np.abs(self.now - self.before).sum() / 2)


def shift(past: Counts, recent: Counts) -> Shift:
    """Compare recent days with past days; each must hold a failure at least."""
    before, now = past.sum(axis=0), recent.sum(axis=0)
    df = int(((before + now) > 0).sum()) - 1
    likelihood = _g_statistic(before, now) / _dispersion(past)
    return Shift(
        window=len(recent),
        before=before / before.sum(),
        now=now / now.sum(),
        failures=int(now.sum()),
        chance=chi_square_tail(likelihood, df) if df else 1.0,
    )


def _dispersion(past: Counts) -> float:
    """Return how many times more days differ from each other than chance would have them; at least 1.

    The 0.9 quantile and not the mean: weekends (two days in seven) must count, an outage of a day or two must not hide the
    next one for a month.
    """
    total = past.sum(axis=0)
    days = [day for day in past if 0 < day.sum() < total.sum()]
    if not days:
        return 1.0
    df = int((total > 0).sum()) - 1
    if df == 0:
        return 1.0
    found = np.quantile([_g_statistic(total - day, day) for day in days], 0.9)
    return max(1.0, float(found) / _chi_square_quantile(df))


def _g_statistic(a: Counts, b: Counts) -> float:
    """Return twice the log-likelihood ratio of "two mixes" to "one mix": it bears rare sorts better than Pearson's."""
    table = np.stack([a, b])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    seen = table > 0
    return float(2 * (table[seen] * np.log(table[seen] / expected[seen])).sum())


def chi_square_tail(x: float, df: int) -> float:
    """Return the probability that a chi-square variable exceeds x: the finite sums for whole degrees of freedom.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.4.4 and 26.4.5.
    """
    if x <= 0:
        return 1.0
    half = x / 2
    first = 0.5 if df % 2 else 0.0
    powers = [first + i for i in range(df // 2)]
    terms = [math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers]
    return min(1.0, (math.erfc(math.sqrt(half)) if first else 0.0) + math.fsum(terms))


def _chi_square_quantile(df: int) -> float:
    """Return the 0.9 quantile of a chi-square variable, right to 3 % (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * df)
    return float(df * (1 - spread + _NINE_IN_TEN * math.sqrt(spread)) ** 3)
