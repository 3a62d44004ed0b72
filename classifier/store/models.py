"""Models that were registered, and what became of each."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from classifier.errors import ModelNotFound
from classifier.store.tables import ModelVersionRow

CHALLENGER, CHAMPION, RETIRED, REFUSED = "challenger", "champion", "retired", "refused"
_ALONE = (CHAMPION, CHALLENGER)


class ModelRepository:
    """Registered models: at most one champion and one challenger. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        *,
        label: str,
        bundle_sha256: str,
        state: str,
        labels_until: int,
        at: datetime,
        registry_version: str | None = None,
        objections: Sequence[str] = (),
        figures: Mapping[str, Any] | None = None,
    ) -> ModelVersionRow:
        """Register a model; champion and challenger take the place of the one before, which retires."""
        self._retire(state, at)
        model = ModelVersionRow(
            label=label,
            bundle_sha256=bundle_sha256,
            registry_version=registry_version,
            state=state,
            objections=list(objections),
            figures=_finite(dict(figures or {})),
            labels_until=labels_until,
            created_at=at,
            changed_at=at,
        )
        self._session.add(model)
        self._session.flush()
        return model

    def set_state(self, label: str, state: str, at: datetime) -> ModelVersionRow:
        """Change a model's state; champion and challenger take the place of the one before, which retires.

        Raises:
            ModelNotFound: No such model is registered.
        """
        model = self.get(label)
        if model is None:
            raise ModelNotFound(f"no model {label[:80]!r} is registered")
        if model.state != state:
            self._retire(state, at)
            model.state, model.changed_at = state, at
            self._session.flush()
        return model

    def get(self, label: str) -> ModelVersionRow | None:
        """Return a model by its name and version; None if it is not registered."""
        return self._session.get(ModelVersionRow, label)

    def list(self, limit: int = 50) -> list[ModelVersionRow]:
        """Return models, the newest first."""
        query = select(ModelVersionRow).order_by(ModelVersionRow.created_at.desc(), ModelVersionRow.label.desc())
        return [*self._session.scalars(query.limit(limit))]

    def champion(self) -> ModelVersionRow | None:
        """Return the model that serves; None where no registered one does."""
        return self._in_state(CHAMPION)

    def challenger(self) -> ModelVersionRow | None:
        """Return the model that waits to be promoted; None if there is none."""
        return self._in_state(CHALLENGER)

    def _in_state(self, state: str) -> ModelVersionRow | None:
        query = select(ModelVersionRow).where(ModelVersionRow.state == state)
        return self._session.scalars(query.order_by(ModelVersionRow.changed_at.desc()).limit(1)).first()

    def _retire(self, state: str, at: datetime) -> None:
        if state in _ALONE:
            before = update(ModelVersionRow).where(ModelVersionRow.state == state)
            self._session.execute(before.values(state=RETIRED, changed_at=at))


def _finite(figure: Any) -> Any:
    """Return null for what is no number: PostgreSQL's JSON knows none such, SQLite's would keep it."""
    if isinstance(figure, Mapping):
        return {str(name): _finite(value) for name, value in figure.items()}
    if isinstance(figure, list | tuple):
        return [_finite(value) for value in figure]
    return None if isinstance(figure, float) and not math.isfinite(figure) else figure
