"""Drift, told once: the recent days of every provider beside its month before.

traffic -> Drift(alarms, figures by provider, new templates in volume)
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from classifier.drift.alarm import Alarm, Wording
from classifier.drift.chance import Shift
from classifier.drift.counts import Columns, Span, columns, most_frequent
from classifier.drift.rules import RULES, Rules
from classifier.drift.signals import compare, judge, signals
from classifier.store import Store
from classifier.store.traffic import Traffic, TrafficRepository

MOST_TEMPLATES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A share in the recent days and in the month before; None where there is too little to compare."""

    now: float | None
    before: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one place's recent days look like; shares and distances 0 to 1.

    Attributes:
        provider: As in `Alarm`, with None for all providers together.
        failures: In the recent days.
        new_templates: Templates that were first seen in the recent days.
        unseen: Share of failures that had them.
        low_confidence: Share of unsure answers.
        category_distance: Share of failures whose category is another than in the month before; None: too little to
            compare.
    """

    provider: str | None
    failures: int
    new_templates: int
    unseen: Figure
    low_confidence: Figure
    category_distance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What has changed, the largest alarm first; figures of all together and then by provider, the busiest first.

    Attributes:
        today, recent: The last day (UTC) and how many days up to it are the recent ones.
        new_templates: New templates in volume, the most frequent first.
    """

    today: date
    recent: int
    alarms: tuple[Alarm, ...]
    figures: tuple[Figures, ...]
    new_templates: tuple[Wording, ...]


def drift(rows: Iterable[Traffic], *, today: date, rules: Rules = RULES) -> Drift:
    """Compare the days up to `today` with the month before them; rows of other days are left out."""
    return _compared(columns(rows, _span(today, rules)), rules)


def _span(today: date, rules: Rules) -> Span:
    return Span(today=today, recent=rules.recent, month=rules.month)


def _compared(everywhere: Columns, rules: Rules) -> Drift:
    places = {name: everywhere.only(everywhere.provider == i) for i, name in enumerate(everywhere.providers)}
    found = {name: judge(place, everywhere, rules, name) for name, place in places.items()}
    # What has an alarm of its own is left out of the sum, or else the sum would say it again.
    quiet = [i for i, name in enumerate(everywhere.providers) if found[name] is None]
    rest = judge(everywhere.only(np.isin(everywhere.provider, quiet)), everywhere, rules, None)
    figures = [_figures(place, rules, name) for name, place in places.items()]
    new = everywhere.only(everywhere.new)
    return Drift(
        today=everywhere.span.today,
        recent=everywhere.span.recent,
        alarms=tuple(sorted(filter(None, [*found.values(), rest]), key=lambda alarm: -alarm.failures)),
        figures=(_figures(everywhere, rules, None), *sorted(figures, key=lambda f: -f.failures)),
        new_templates=most_frequent(new, MOST_TEMPLATES, rules.least),
    )


def _figures(place: Columns, rules: Rules, provider: str | None) -> Figures:
    wording, unsure, mix = (compare(signal, rules, rules.recent) for signal in signals(place, rules))
    return Figures(
        provider=provider,
        failures=int(place.n[place.recent].sum()),
        new_templates=len(np.unique(place.template[place.new])),
        unseen=_figure(wording),
        low_confidence=_figure(unsure),
        category_distance=mix.distance if mix else None,
    )


def _figure(found: Shift | None) -> Figure:
    return Figure(now=float(found.now[1]), before=float(found.before[1])) if found else Figure(now=None, before=None)


def alarms(rows: Iterable[Traffic], *, today: date, rules: Rules = RULES) -> list[Alarm]:
    """Return the alarms of `drift`, the largest first."""
    return list(drift(rows, today=today, rules=rules).alarms)


def drift_of(store: Store, *, today: date, taxonomy: str | None = "standard", rules: Rules = RULES) -> Drift:
    """Read a store once and compare.

    Args:
        store: Whose traffic.
        today: The last day, UTC; it may have just begun.
        taxonomy: What was answered under this one; None for all, each failure once.
        rules: Thresholds.

    Raises:
        StoreUnavailable, StoreRefused: See `Store.session`.
    """
    with store.reading() as session:
        read = _read(session, today, taxonomy, rules)
    return _compared(read, rules)


def alarms_of(store: Store, *, today: date, taxonomy: str | None = "standard", rules: Rules = RULES) -> list[Alarm]:
    """Return the alarms of a store's traffic, the largest first (arguments and errors: see `drift_of`)."""
    return list(drift_of(store, today=today, taxonomy=taxonomy, rules=rules).alarms)


def alarms_in(session: Session, *, today: date, taxonomy: str | None = "standard", rules: Rules = RULES) -> list[Alarm]:
    """Return the same in a transaction that is open already."""
    return list(_compared(_read(session, today, taxonomy, rules), rules).alarms)


def _read(session: Session, today: date, taxonomy: str | None, rules: Rules) -> Columns:
    span = _span(today, rules)
    return columns(TrafficRepository(session).stream(span.first, today, taxonomy=taxonomy), span)


def to_document(found: Drift) -> dict[str, Any]:
    """Return a report as JSON-ready fields."""
    return {
        "today": found.today.isoformat(),
        "days": found.recent,
        "alarms": [{"sentence": alarm.sentence} | _plain(asdict(alarm)) for alarm in found.alarms],
        "figures": [_plain(asdict(figures)) for figures in found.figures],
        "new_templates": [_plain(asdict(wording)) for wording in found.new_templates],
    }


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case date():
            return value.isoformat()
        case float():
            return round(value, 4)
        case _:
            return value
