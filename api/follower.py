"""Promotion on a tracking server becomes promotion here: its aliases are asked for, their bundles fetched and pointed to.

    tracking server -> bundle, checked -> shelf -> pointer, which every process of this machine follows (api/live.py)

One process of those that share a data folder asks; when it ends, another takes over. What the server cannot answer, or
answers wrongly, leaves everything as it is.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from api.housekeeping import Step
from api.leader import Leader
from api.tracking import Registered, TrackingServer, tracking_server
from classifier.bootstrap import shelf_of
from classifier.bundle import MANIFEST, manifest_of, sha256_of
from classifier.errors import BundleRefused, ModelConflict, ModelNotFound
from classifier.registry import ALIASES, CHALLENGER, ModelShelf
from classifier.settings import Settings

log = structlog.get_logger()
LABEL_TAG, DIGEST_TAG = "label", "bundle_sha256"
_LEADER, _FETCHED = ".follower", ".fetched"
_AGAIN_SECONDS = 600.0
"""Until a version that was refused is fetched again: it may have been cut short on its way."""


def follower_of(settings: Settings) -> "Follower | None":
    """Return what follows the tracking server of the settings; None if they name none, or a fixed bundle."""
    server = tracking_server(settings)
    if settings.bundle_dir is not None or server is None:
        return None
    return Follower(server, shelf_of(settings), settings.registered_model, seconds=settings.registry_seconds)


class Follower:
    """Follows one registered model's aliases. One thread uses it.

    Args:
        server: Whom to ask.
        shelf: Where bundles are put and pointed to.
        model: Name of the registered model.
        seconds: Between two looks.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        server: TrackingServer,
        shelf: ModelShelf,
        model: str,
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._shelf = shelf
        self._model = model
        self._seconds = seconds
        self._clock = clock
        self._leader = Leader(shelf.folder / _LEADER)
        self._known: dict[str, str] = {}
        self._refused: dict[str, tuple[str, float]] = {}

    def steps(self) -> list[Step]:
        """Return what housekeeping has to do; it waits for the network, and so should have a thread of its own."""
        return [Step(name="registry", seconds=self._seconds, run=self.look)]

    def look(self) -> None:
        """Ask for the aliases, and follow those that were moved.

        Raises:
            RegistryUnavailable: The server cannot be reached or answers wrongly; nothing was changed.
        """
        if not self._leader.leads():
            return
        for alias in ALIASES:
            version = self._server.aliased(self._model, alias)
            if version is not None:
                self._follow(alias, version)
            elif alias == CHALLENGER:
                self._shelf.clear(alias, why=f"{self._model} has no {alias} in MLflow")
                self._shelf.refuse(alias, None)
            # No champion over there is no reason to stop serving the one here.

    def _follow(self, alias: str, version: Registered) -> None:
        refused, again = self._refused.get(alias, ("", 0.0))
        if refused == version.number and again > self._clock():
            return
        try:
            label = self._on_shelf(version) or self._fetched(version)
            if self._shelf.label_or_none(alias) != label:
                self._shelf.point(alias, label, why=f"{self._model} version {version.number} in MLflow")
        except (BundleRefused, ModelConflict, ModelNotFound) as error:
            if refused != version.number:
                log.error("version_refused", alias=alias, version=version.number, reason=str(error))
            self._refused[alias] = (version.number, self._clock() + _AGAIN_SECONDS)
            self._shelf.refuse(alias, f"{self._model} version {version.number} in MLflow: {error}")
        else:
            self._refused.pop(alias, None)
            self._shelf.refuse(alias, None)

    def _on_shelf(self, version: Registered) -> str | None:
        """Return the version's label if its bundle lies on the shelf, whole; None if it has to be fetched."""
        label = version.tags.get(LABEL_TAG) or self._known.get(version.number)
        if label is None:
            return None
        try:
            folder = self._shelf.bundle(label).folder
        except (BundleRefused, ModelNotFound):
            return None
        digest = version.tags.get(DIGEST_TAG)
        return label if digest in (None, sha256_of(folder / MANIFEST)) else None

    def _fetched(self, version: Registered) -> str:
        """Fetch a version's bundle onto the shelf, and return its label."""
        folder = self._shelf.folder / _FETCHED
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            self._server.fetch(version.source, MANIFEST, folder)
            for name in manifest_of(folder).files:
                if Path(name).name != name:
                    raise BundleRefused(f"the manifest names {name[:80]!r}, which is no plain name")
                self._server.fetch(version.source, name, folder)
            digest = version.tags.get(DIGEST_TAG)
            if digest not in (None, sha256_of(folder / MANIFEST)):
                raise BundleRefused(f"the manifest is not the one that was registered: its SHA-256 is not {digest}")
            label = self._shelf.put(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._known[version.number] = label
        log.info("version_fetched", version=version.number, model=label)
        return label

    def close(self) -> None:
        """Let another process lead."""
        self._leader.close()
