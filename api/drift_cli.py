"""`rebound drift`: what has changed in the traffic, from a shell."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime

from api.logs import configure_logs
from classifier.drift import RULES, Drift, Figure, Figures, drift_of, to_document
from classifier.drift.alarm import place
from classifier.errors import ReboundError
from classifier.settings import Settings
from classifier.store import open_store


def report(settings: Settings, *, taxonomy: str, days: int, as_json: bool) -> int:
    """Print the report of a store's traffic, and return the exit status: 0 no alarm, 1 alarms, 2 no store."""
    configure_logs(settings.log_level)
    try:
        store = open_store(settings.store_url)
        found = drift_of(store, today=datetime.now(UTC).date(), taxonomy=taxonomy, rules=replace(RULES, recent=days))
        store.close()
    except ReboundError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 2
    if as_json:
        sys.stdout.write(json.dumps({"taxonomy": taxonomy} | to_document(found), ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found, taxonomy))
    return 1 if found.alarms else 0


def _lines(found: Drift, taxonomy: str) -> list[str]:
    together, *by_provider = found.figures
    head = f"{together.failures:,} failures in {found.recent} days under {taxonomy}"
    if not found.alarms:
        return [f"no alarm: {head}"]
    alarms = [f"{alarm.severity.value}: {alarm.sentence}" for alarm in found.alarms]
    return [*alarms, head, *(_figures(figures) for figures in (together, *by_provider))]


def _figures(figures: Figures) -> str:
    where = place(figures.provider) if figures.provider is not None else "in all"
    return (
        f"  {where}: {figures.failures:,} failures, {figures.new_templates:,} new templates, "
        f"unseen {_share(figures.unseen)}, unsure {_share(figures.low_confidence)}"
    )


def _share(figure: Figure) -> str:
    if figure.now is None or figure.before is None:
        return "unknown"
    return f"{figure.now:.1%} ({figure.before:.1%} before)"
