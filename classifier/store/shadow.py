"""What a challenger that runs beside the champion would answer, and where it would answer otherwise."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, delete, func, or_, select
from sqlalchemy.orm import Session

from classifier.store.sql import insert_into, write
from classifier.store.tables import ShadowDifferenceRow, TemplateRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A template that two models were asked about; those that both answer alike are kept too, to tell the share.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How two models compare.

    Attributes:
        templates, failures: That both were asked about; a template counts once, however often it came.
        differing_templates, differing_failures: Of these, those with another category or action.
        suppressing_templates, suppressing_failures: Of these, those that the challenger suppresses and the champion does not.
    """

    templates: int
    failures: int
    differing_templates: int
    differing_failures: int
    suppressing_templates: int
    suppressing_failures: int


_DIFFERS = or_(
    ShadowDifferenceRow.champion_category != ShadowDifferenceRow.challenger_category,
    ShadowDifferenceRow.champion_action != ShadowDifferenceRow.challenger_action,
)
_SUPPRESSES = and_(
    ShadowDifferenceRow.challenger_action == "suppress", ShadowDifferenceRow.champion_action != "suppress"
)
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
        """Return where two models differ: first what only the challenger suppresses, then the most frequent."""
        query = (
            select(ShadowDifferenceRow, TemplateRow.text)
            .outerjoin(TemplateRow, TemplateRow.id == ShadowDifferenceRow.template_id)
            .where(ShadowDifferenceRow.champion == champion, ShadowDifferenceRow.challenger == challenger, _DIFFERS)
            .order_by(case((_SUPPRESSES, 0), else_=1), ShadowDifferenceRow.n.desc(), ShadowDifferenceRow.template_id)
            .limit(limit)
        )
        names = (*_KEYS, *_ANSWERS, "n", "last_seen")
        return [
            Difference(**{name: getattr(row, name) for name in names}, text=text or "")
            for row, text in self._session.execute(query)
        ]

    def compared(self, champion: str, challenger: str) -> Compared:
        """Return how two models compare, over all that both were asked about."""
        counts = [
            count
            for which in (ShadowDifferenceRow.n > 0, _DIFFERS, _SUPPRESSES)
            for count in (
                func.coalesce(func.sum(case((which, 1), else_=0)), 0),
                func.coalesce(func.sum(case((which, ShadowDifferenceRow.n), else_=0)), 0),
            )
        ]
        query = select(*counts).where(
            ShadowDifferenceRow.champion == champion, ShadowDifferenceRow.challenger == challenger
        )
        numbers = [int(number) for number in self._session.execute(query).one()]
        return Compared(**dict(zip(Compared.__annotations__, numbers, strict=True)))

    def keep_only(self, challengers: Collection[str]) -> None:
        """Forget the differences of all challengers but some."""
        self._session.execute(delete(ShadowDifferenceRow).where(ShadowDifferenceRow.challenger.not_in(challengers)))

    def clear(self, challenger: str) -> None:
        """Forget a challenger's differences."""
        self._session.execute(delete(ShadowDifferenceRow).where(ShadowDifferenceRow.challenger == challenger))
