"""Which model answers: champion and challenger in the registry, on the shelf and in the store, moved together.

    registry alias -> shelf pointer (serving follows within two seconds) -> states and pins in the store

In this order, so that whatever interrupts it leaves a model that answers, and the same command again makes it whole.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classifier.bootstrap import champion as pointed_bundle
from classifier.bootstrap import shelf_of
from classifier.bundle import Bundle, load_bundle, manifest_of
from classifier.errors import BundleRefused, ModelFixed, ModelNotFound, PromotionRefused
from classifier.feedback.learned import Settled, restore_released, settle_learned
from classifier.normalise import NORMALISER_VERSION
from classifier.predict.onnx import OnnxPredictor
from classifier.registry import CHALLENGER, CHAMPION, ModelShelf
from classifier.resources import resource
from classifier.settings import Settings
from classifier.store import ModelRepository, Store
from classifier.store.models import RETIRED
from classifier.store.tables import ModelVersionRow
from training.registry import Registry, RunRecord, bundle_digest, registry_of

log = logging.getLogger("rebound.train")

NO_LABELS = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The digest of no labels at all, see `training.feedback_rows`."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """The three places that know which model is what."""

    store: Store
    shelf: ModelShelf
    registry: Registry


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


def books_of(settings: Settings, store: Store) -> Books:
    """Return the books that the settings name."""
    return Books(store=store, shelf=shelf_of(settings), registry=registry_of(settings))


def serving(settings: Settings) -> Bundle:
    """Return the bundle that answers: the champion, or the shipped one where the champion is of an older program.

    Raises:
        BundleRefused: The champion is damaged or gone; what should answer has to be put right by a person.
    """
    if settings.bundle_dir is not None:
        return load_bundle(settings.bundle_dir)
    try:
        return pointed_bundle(settings)
    except BundleRefused as error:
        folder = shelf_of(settings).pointed(CHAMPION)
        if folder is None or not _outdated(folder):
            raise
        log.warning("the champion is of an older program, the shipped model answers: %s", error)
        return load_bundle(resource("models/standard"))


def answering(books: Books) -> str:
    """Return the label of what `serving` returns, also where that is damaged or gone: it is the one to be replaced."""
    label = books.shelf.label_or_none(CHAMPION)
    if label is None or _outdated(books.shelf.path(label)):
        return load_bundle(resource("models/standard")).manifest.label
    return label


def _outdated(folder: Path) -> bool:
    try:
        return manifest_of(folder).normaliser_version != NORMALISER_VERSION
    except BundleRefused:
        return False


def movable(settings: Settings) -> None:
    """Make sure that moving the champion would change what is served.

    Raises:
        ModelFixed: REBOUND_BUNDLE_DIR names the model that answers.
    """
    if settings.bundle_dir is not None:
        raise ModelFixed("REBOUND_BUNDLE_DIR names the model that answers; unset it first")


def register(
    books: Books, bundle: Bundle, run: RunRecord, *, state: str, labels_until: int, figures: Mapping[str, Any]
) -> str:
    """Put a bundle on the shelf and into registry and store, and return its label.

    Raises:
        RegistryUnavailable, StoreUnavailable: It is not registered; the same may succeed later.
        ModelConflict: Another bundle has that label.
    """
    label = books.shelf.put(bundle.folder)
    version = books.registry.version_of(label) or books.registry.record(bundle, run)
    books.registry.point(state, version)
    with books.store.session() as session:
        models = ModelRepository(session)
        if models.get(label) is None:
            models.add(
                label=label, bundle_sha256=bundle_digest(bundle), state=state, labels_until=labels_until, at=_now(),
                registry_version=version, objections=list(run.objections), figures=figures,
            )  # fmt: skip
        else:
            models.set_state(label, state, _now())
    return label


def adopt(books: Books, bundle: Bundle) -> ModelVersionRow:
    """Return the books' entry of the model that serves, after making it theirs where somebody else put it there.

    At the first run that is the shipped model; later, one that a person pointed to, or that a newer program ships.
    """
    label = bundle.manifest.label
    with books.store.session() as session:
        found = ModelRepository(session).get(label)
    if found is None or found.state != CHAMPION:
        training = bundle.manifest.training
        run = RunRecord(name=label, parameters={"profile": "adopted"}, figures={}, data=training.get("data_sha256", {}))
        register(
            books, bundle, run, state=CHAMPION, labels_until=training.get("labels_until", 0),
            figures={"labels_sha256": training.get("labels_sha256", NO_LABELS)},
        )  # fmt: skip
        with books.store.session() as session:
            found = ModelRepository(session).get(label)
    if found is None:
        raise ModelNotFound(f"{label} was registered a moment ago and is gone")
    return found


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
        ModelNotFound: There was none before.
        BundleRefused: Its bundle is damaged; nothing was moved.
        RegistryUnavailable, StoreUnavailable: Nothing was moved, unless it fell silent this very moment.
        ModelFixed: See `movable`.
    """
    movable(settings)
    before = answering(books)
    # The same command again would go one model further back: all three books must answer before the first is moved.
    books.registry.check()
    with books.store.reading() as session:
        ModelRepository(session).champion()
    books.shelf.rollback(CHAMPION, why=f"rolled back by {by}" + (f": {why}" if why else ""))
    bundle = serving(settings)
    adopt(books, bundle)
    with books.store.session() as session:
        renewed = restore_released(session, before, _now())
    return Promotion(champion=bundle.manifest.label, before=before, pins=Settled(released=0, renewed=renewed))


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
    if books.shelf.path(row.label).is_dir() or row.registry_version is None:
        return books.shelf.bundle(row.label)
    shipped = load_bundle(resource("models/standard"))
    if shipped.manifest.label == row.label:
        books.shelf.put(shipped.folder)
    else:
        with books.registry.fetched(row.registry_version) as folder:
            books.shelf.put(folder)
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
