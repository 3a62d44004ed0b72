"""Which model answers: champion and challenger in the registry, on the shelf and in the store, moved together.

    registry alias -> shelf pointer (serving follows within two seconds) -> states and pins in the store

In this order, so that whatever interrupts it leaves a model that answers, and the same command again makes it whole.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from classifier.bundle import Bundle
from classifier.errors import ModelFixed, ModelNotFound, PromotionRefused
from classifier.feedback.learned import Settled, restore_released, settle_learned
from classifier.predict.onnx import OnnxPredictor
from classifier.registry import CHALLENGER, CHAMPION
from classifier.settings import Settings
from classifier.store import ModelRepository
from classifier.store.models import RETIRED
from classifier.store.tables import ModelVersionRow
from training.books import Books, adopt, answering, catch_up, fetch, serving

log = logging.getLogger("rebound.train")


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A model took another's place.

    Attributes:
        champion, before: Labels.
        pins: What became of the pins.
    """

    champion: str
    before: str
    pins: Settled


def movable(settings: Settings) -> None:
    """Make sure that moving the champion would change what is served.

    Raises:
        ModelFixed: REBOUND_BUNDLE_DIR names the model that answers.
    """
    if settings.bundle_dir is not None:
        raise ModelFixed("REBOUND_BUNDLE_DIR names the model that answers; unset it first")


def promote(
    settings: Settings, books: Books, label: str | None = None, *, by: str, why: str = "", despite_objections: bool = False, keep_pins: bool = False
) -> Promotion:  # fmt: skip
    """Make a registered model the champion; None takes the challenger.

    Args:
        settings: Which model is served now.
        books: Where it is noted.
        label: Of the model.
        by: Who wants it.
        why: For what reason.
        despite_objections: Whether the gate's objections were read and are overruled; asks for a reason.
        keep_pins: Whether pins that the new model has learned stay.

    Raises:
        ModelNotFound: There is no such model, or no challenger.
        PromotionRefused: The gate objects or knows another champion, or it is overruled without a reason.
        BundleRefused: Its bundle is damaged; nothing was moved.
        ModelFixed: See `movable`.
    """
    movable(settings)
    catch_up(settings, books)
    before = answering(books)
    row = _candidate(books, label)
    against = _against(row, before)
    _allowed(row.label, against, why=why, despite_objections=despite_objections)
    bundle = _on_shelf(books, row)
    books.registry.point(CHAMPION, row.registry_version or "")
    books.shelf.point(CHAMPION, row.label, why=f"promoted by {by}" + (f": {why}" if why else ""))
    if books.shelf.label_or_none(CHALLENGER) == row.label:
        books.shelf.clear(CHALLENGER, why="promoted")
    noted = {"by": by, "why": why, "at": _now().isoformat(timespec="seconds"), "before": before, "despite": despite_objections and against}  # fmt: skip
    with books.store.session() as session:
        _retire_all_but(ModelRepository(session), row.label)
        now = ModelRepository(session).set_state(row.label, CHAMPION, _now())
        now.figures = {**now.figures, "promotions": [*now.figures.get("promotions", []), noted]}
    pins = Settled(released=0, renewed=0)
    if not keep_pins:
        leaving = row.figures.get("leaving", {})
        pins = settle_learned(
            books.store, OnnxPredictor(bundle), bundle.taxonomy, _now(),
            without_sources=leaving.get("sources", ()), without_who=leaving.get("who", ()),
        )  # fmt: skip
    return Promotion(champion=row.label, before=before, pins=pins)


def roll_back(settings: Settings, books: Books, *, by: str, why: str = "") -> Promotion:
    """Make the champion before the champion again, and set the pins again that were released for the one that goes.

    Raises:
        ModelNotFound: There was none before, or it is gone from shelf and registry, or another machine knows which.
        BundleRefused: Its bundle is damaged; nothing was moved.
        RegistryUnavailable, StoreUnavailable: Nothing was moved, unless it fell silent this very moment.
        ModelFixed: See `movable`.
    """
    movable(settings)
    before = answering(books)
    if books.followed:
        version = books.registry.aliases().get(CHAMPION)
        if version is not None and books.registry.label_of(version) != before:
            raise ModelNotFound("another machine promoted the champion: roll back there, or move the alias in MLflow")
    # The same command again would go one model further back: all three books must answer before the first is moved.
    books.registry.check()
    with books.store.reading() as session:
        ModelRepository(session).champion()
    _fetch_the_one_before(books)
    books.shelf.rollback(CHAMPION, why=f"rolled back by {by}" + (f": {why}" if why else ""))
    bundle = serving(settings)
    adopt(books, bundle)
    with books.store.session() as session:
        renewed = restore_released(session, before, _now())
    return Promotion(champion=bundle.manifest.label, before=before, pins=Settled(released=0, renewed=renewed))


def _fetch_the_one_before(books: Books) -> None:
    """Put the model that a roll-back leads to on the shelf again, if room was made of it."""
    label = books.shelf.before(CHAMPION)
    if label is None or books.shelf.path(label).is_dir():
        return
    with books.store.reading() as session:
        row = ModelRepository(session).get(label)
    if row is not None and row.registry_version is not None:
        fetch(books, label, row.registry_version)


def _candidate(books: Books, label: str | None) -> ModelVersionRow:
    with books.store.reading() as session:
        models = ModelRepository(session)
        row = models.challenger() if label is None else models.get(label)
    if row is None:
        raise ModelNotFound(f"no model {label[:80]!r} is registered" if label else "there is no challenger")
    return row


def _against(row: ModelVersionRow, now: str) -> list[str]:
    """Return the gate's objections; what it has not compared with the model that answers now is one more."""
    beside = row.figures.get("champion", now)
    return [*row.objections, *([f"it was compared with {beside}, and {now} answers now"] if now not in (beside, row.label) else [])]  # fmt: skip


def _allowed(label: str, against: Sequence[str], *, why: str, despite_objections: bool) -> None:
    if against and not despite_objections:
        raise PromotionRefused(f"the gate objects to {label}: {'; '.join(against)}")
    if against and not why.strip():
        raise PromotionRefused("whoever overrules the gate says why")


def _on_shelf(books: Books, row: ModelVersionRow) -> Bundle:
    """Return a model's bundle, which another machine may have trained."""
    if row.registry_version is not None:
        fetch(books, row.label, row.registry_version)
    return books.shelf.bundle(row.label)


def _retire_all_but(models: ModelRepository, label: str) -> None:
    """Retire whatever else was champion, so that one is, even after a move that nobody noted."""
    now = models.champion()
    if now is not None and now.label != label:
        models.set_state(now.label, RETIRED, _now())


def listed(rows: Sequence[ModelVersionRow]) -> list[dict[str, Any]]:
    """Return models as `rebound-train models` prints them."""
    return [
        {
            "model": row.label, "state": row.state, "version": row.registry_version, "objections": row.objections,
            "labels_until": row.labels_until, "created_at": row.created_at.isoformat(timespec="seconds"),
            "changed_at": row.changed_at.isoformat(timespec="seconds"), "figures": row.figures,
        }
        for row in rows
    ]  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)
