"""The three things that may have changed at one place, asked in the order in which one explains the next.

    columns of one place -> the alarm, or None

New wordings come first: until they are labelled, their confidences and categories say little. So a place has one alarm at
most, the one that explains the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from classifier.drift.alarm import Alarm, Code, Severity
from classifier.drift.chance import Counts, Shift, shift
from classifier.drift.counts import Columns, Whole, most_frequent, new_templates, table
from classifier.drift.rules import Rules


@dataclass(frozen=True, eq=False, kw_only=True)
class Signal:
    """One question: do the last days hold another share of some sort than the month before?

    Attributes:
        past, recent: Failures by day and sort, as they are counted for past and for recent days.
        sort: The sort of each row.
        rise: Least distance that is an alarm.
        rising: The sort that must rise; None where any may.
    """

    code: Code
    past: Counts
    recent: Counts
    sort: Whole
    rise: float
    rising: int | None


def signals(columns: Columns, rules: Rules) -> Iterator[Signal]:
    """Yield the three questions about one place."""
    past, recent = new_templates(columns)
    sort = columns.new.astype(np.int64)
    yield Signal(code=Code.NEW_WORDING, past=past, recent=recent, sort=sort, rise=rules.new_wording, rising=1)
    sort = (columns.confidence < rules.unsure).astype(np.int64)
    counts = table(columns, sort, 2)
    yield Signal(code=Code.LOW_CONFIDENCE, past=counts, recent=counts, sort=sort, rise=rules.low_confidence, rising=1)
    sort = columns.category
    counts = table(columns, sort, len(columns.categories))
    yield Signal(code=Code.CATEGORY_MIX, past=counts, recent=counts, sort=sort, rise=rules.category_mix, rising=None)


def compare(signal: Signal, rules: Rules, window: int) -> Shift | None:
    """Compare the last days with the month before them; None if there is too little of either."""
    past, recent = signal.past[-window - rules.month : -window], signal.recent[-window:]
    if int((past.sum(axis=1) > 0).sum()) < rules.history or recent.sum() == 0:
        return None
    return shift(past, recent)


def judge(columns: Columns, everywhere: Columns, rules: Rules, provider: str | None) -> Alarm | None:
    """Return the alarm of one place, if there is one.

    Args:
        columns: What came from there.
        everywhere: What came in all, for the severity.
        rules: Thresholds.
        provider: The place, see `Alarm.provider`.
    """
    for signal in signals(columns, rules):
        found = _plainest(signal, rules)
        began = _began(signal, found, rules) if found else None
        if found and began is not None:
            return _alarm(signal, found, began, columns, everywhere, rules, provider)
    return None


def _plainest(signal: Signal, rules: Rules) -> Shift | None:
    """Return the largest shift that counts, over the windows; None if none does."""
    compared = [compare(signal, rules, window) for window in rules.windows]
    counting = [found for found in compared if found and _counts(found, signal, rules)]
    return max(counting, key=lambda found: found.distance, default=None)


def _counts(found: Shift, signal: Signal, rules: Rules) -> bool:
    rises = signal.rising is None or found.now[signal.rising] > found.before[signal.rising]
    large = found.distance >= signal.rise and found.distance * found.failures >= rules.least
    return bool(rises and large and found.chance < rules.chance)


def _began(signal: Signal, found: Shift, rules: Rules) -> int | None:
    """Return the day, counted from the oldest, on which a shift began; None if it is over.

    From the last day backwards: a day belongs to the change if its shares are nearer to those of now than to those of
    before; a day of few failures says nothing.
    """
    began, days = None, signal.recent
    for day in range(len(days) - 1, -1, -1):
        if days[day].sum() < rules.telling:
            continue
        shares = days[day] / days[day].sum()
        if np.abs(shares - found.now).sum() >= np.abs(shares - found.before).sum():
            return began
        began = day
    return len(days) - found.window if began is None else began


def _alarm(
    signal: Signal, found: Shift, began: int, columns: Columns, everywhere: Columns, rules: Rules, provider: str | None
) -> Alarm:
    before = _shares(signal.past[max(0, began - rules.month) : began], found.before)
    rises = _shares(signal.recent[began:], found.now) - before
    sort = int(rises.argmax()) if signal.rising is None else signal.rising
    since = columns.day >= began
    concerned = columns.only(since & (signal.sort == sort))
    of_all = concerned.failures / int(everywhere.n[everywhere.day >= began].sum())
    return Alarm(
        code=signal.code,
        severity=_severity(of_all, rules),
        provider=provider,
        since=columns.span.day(began),
        category=columns.categories[sort] if signal.code is Code.CATEGORY_MIX else None,
        failures=concerned.failures,
        share=concerned.failures / int(columns.n[since].sum()),
        before=float(before[sort]),
        templates=concerned.templates,
        most_frequent=most_frequent(concerned, rules.named),
    )


def _shares(days: Counts, otherwise: Counts) -> Counts:
    """Return the share of each sort over some days, or what else to take it for where they are empty."""
    sums = days.sum(axis=0)
    return sums / sums.sum() if sums.sum() else otherwise


def _severity(share: float, rules: Rules) -> Severity:
    if share >= rules.high:
        return Severity.HIGH
    return Severity.MEDIUM if share >= rules.medium else Severity.LOW
