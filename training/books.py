"""The books that know which model is what: the shelf that serving reads, the registry, the store.

What moves a model moves all three (training/promote.py); here they are read, kept alike, and written one by one.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classifier.bootstrap import champion as pointed_bundle
from classifier.bootstrap import shelf_of
from classifier.bundle import Bundle, load_bundle, manifest_of
from classifier.errors import BundleOutdated, BundleRefused, ModelNotFound
from classifier.normalise import NORMALISER_VERSION
from classifier.registry import CHAMPION, ModelShelf
from classifier.resources import resource
from classifier.settings import Settings
from classifier.store import ModelRepository, Store
from classifier.store.tables import ModelVersionRow
from training.registry import Registry, RunRecord, bundle_digest, registry_of

log = logging.getLogger("rebound.train")

NO_LABELS = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The digest of no labels at all, see `training.feedback_rows`."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """The three places that know which model is what.

    Attributes:
        followed: Whether the registry is a tracking server, whose aliases decide what is served, not this machine's shelf.
    """

    store: Store
    shelf: ModelShelf
    registry: Registry
    followed: bool


def books_of(settings: Settings, store: Store) -> Books:
    """Return the books that the settings name."""
    return Books(
        store=store,
        shelf=shelf_of(settings),
        registry=registry_of(settings),
        followed=settings.tracking_server is not None,
    )


def serving(settings: Settings) -> Bundle:
    """Return the bundle that answers: the champion, or the shipped one where the champion is of an older program.

    Raises:
        BundleRefused: The champion is damaged or gone; what should answer has to be put right by a person.
    """
    if settings.bundle_dir is not None:
        return load_bundle(settings.bundle_dir)
    try:
        return pointed_bundle(settings)
    except BundleOutdated as error:
        log.warning("the champion is of an older program, the shipped model answers: %s", error)
        return load_bundle(resource("models/standard"))


def answering(books: Books) -> str:
    """Return the label of what `serving` returns, also where that is damaged or gone: it is the one to be replaced."""
    label = books.shelf.label_or_none(CHAMPION)
    if label is None or _outdated(books.shelf.path(label)):
        return load_bundle(resource("models/standard")).manifest.label
    return label


def register(
    books: Books, bundle: Bundle, run: RunRecord, *, state: str, labels_until: int, figures: Mapping[str, Any]
) -> str:
    """Put a bundle on the shelf and into registry and store, and return its label.

    Raises:
        RegistryUnavailable, StoreUnavailable: It is not registered; the same may succeed later.
        ModelConflict: Another bundle has that label.
    """
    label = books.shelf.put(bundle.folder)
    version = books.registry.version_of(bundle) or books.registry.record(bundle, run)
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


def catch_up(settings: Settings, books: Books) -> None:
    """Point this machine's shelf to what a tracking server's alias names, as serving does elsewhere (api/follower.py).

    Without it a trainer with a shelf of its own, a new one above all, would take the model that it shipped with for the
    champion, and make it that for all. Where no tracking server is named the shelf itself decides.

    Raises:
        RegistryUnavailable: The server does not answer.
        ModelNotFound: What the alias names is no model of ours.
        ModelConflict: Another bundle with its label lies on the shelf.
        BundleRefused: What the alias names is damaged.
    """
    if settings.bundle_dir is not None or not books.followed:
        return
    version = books.registry.aliases().get(CHAMPION)
    if version is None or (label := books.registry.label_of(version)) == answering(books):
        return
    try:
        fetch(books, label, version)
        books.shelf.point(CHAMPION, label, why=f"version {version} in MLflow")
    except BundleOutdated as error:
        log.warning("what MLflow calls champion is of another program, %s answers here: %s", answering(books), error)


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
    # A roll-back over HTTP moves shelf and store; MLflow, to which serving does not write, hears of it here. A tracking
    # server's alias is never put right: it is the one that decides.
    if not books.followed and (version := books.registry.version_of(bundle)) is not None:
        books.registry.point(CHAMPION, version)
    return found


def fetch(books: Books, label: str, version: str) -> None:
    """Put a registered bundle on the shelf, unless it lies there whole: a damaged copy is replaced.

    Raises:
        BundleOutdated: It is of another program.
        BundleRefused: What the registry has is damaged too.
        ModelConflict: Another bundle with that label lies there.
        RegistryUnavailable: The registry does not answer.
    """
    try:
        found = books.shelf.bundle(label)
    except BundleOutdated:
        raise
    except (ModelNotFound, BundleRefused) as error:
        log.info("%s is fetched: %s", label, error)
    else:
        if books.registry.version_of(found) == version:
            os.utime(found.folder)  # wanted again: no run that makes room removes it before it is pointed to
            return
    shipped = load_bundle(resource("models/standard"))
    if shipped.manifest.label == label:
        books.shelf.put(shipped.folder)
    else:
        with books.registry.fetched(version) as folder:
            books.shelf.put(folder)


def _outdated(folder: Path) -> bool:
    try:
        return manifest_of(folder).normaliser_version != NORMALISER_VERSION
    except BundleRefused:
        return False


def _now() -> datetime:
    return datetime.now(UTC)
