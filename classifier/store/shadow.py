"""Where a challenger that runs beside the champion would answer otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from classifier.store.sql import insert_into, write
from classifier.store.tables import ShadowDifferenceRow, TemplateRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A template that two models answer differently.

    Attributes:
        template_id: The template.
        champion, challenger: Labels of the two models.
        champion_category, champion_action, challenger_category, challenger_action: What they answer.
        n: Failures of it since the challenger runs; when adding, since the last time.
        last_seen: When it last came in, UTC.
        text: The template's words, where it is listed; not looked at when adding.
    """

    template_id: str
    champion: str
    challenger: str
    champion_category: str
    champion_action: str
    challenger_category: str
    challenger_action: str
    n: int
    last_seen: datetime
    text: str = ""


_KEYS = ("template_id", "champion", "challenger")
_ANSWERS = ("champion_category", "champion_action", "challenger_category", "challenger_action")


class ShadowRepository:
    """Adds and lists differences. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, differences: Sequence[Difference]) -> None:
        """Add differences to what is counted already; the answers become the newest ones. Each key at most once."""
        insert = insert_into(self._session, ShadowDifferenceRow)
        changed = {name: insert.excluded[name] for name in (*_ANSWERS, "last_seen")}
        counted = {"n": ShadowDifferenceRow.n + insert.excluded.n}
        rows = [
            {name: getattr(one, name) for name in (*_KEYS, *_ANSWERS, "n", "last_seen")}
            for one in sorted(differences, key=lambda one: (one.template_id, one.champion, one.challenger))
        ]
        write(self._session, insert.on_conflict_do_update(index_elements=_KEYS, set_={**changed, **counted}), rows)

    def list(self, champion: str, challenger: str, limit: int = 100) -> list[Difference]:
        """Return the differences of two models, the most frequent first."""
        query = (
            select(ShadowDifferenceRow, TemplateRow.text)
            .outerjoin(TemplateRow, TemplateRow.id == ShadowDifferenceRow.template_id)
            .where(ShadowDifferenceRow.champion == champion, ShadowDifferenceRow.challenger == challenger)
            .order_by(ShadowDifferenceRow.n.desc(), ShadowDifferenceRow.template_id)
            .limit(limit)
        )
        names = (*_KEYS, *_ANSWERS, "n", "last_seen")
        return [
            Difference(**{name: getattr(row, name) for name in names}, text=text or "")
            for row, text in self._session.execute(query)
        ]

    def clear(self, challenger: str) -> None:
        """Forget a challenger's differences."""
        self._session.execute(delete(ShadowDifferenceRow).where(ShadowDifferenceRow.challenger == challenger))
