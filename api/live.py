"""Which model answers right now: a new champion is loaded beside the old one, warmed, and put in its place in one step.

Requests that have begun end on the parts they began with, so none fails, and none is answered by half of each; the parts
that they used are forgotten afterwards, bit by bit. All of it happens in a thread of its own that leaves the interpreter
to the requests: what must hold it (reading another tokenizer) is done once and takes some tens of milliseconds at most.
"""

import time
from dataclasses import replace
from threading import Event, Thread

import structlog

from classifier.bootstrap import Parts, assemble, build, champion, load_model, shelf_of
from classifier.bundle import Bundle
from classifier.errors import BundleRefused
from classifier.pins import Pins
from classifier.pipeline import Recorder
from classifier.registry import CHAMPION, ModelShelf
from classifier.settings import Settings

log = structlog.get_logger()

LOOK_SECONDS = 0.5
"""Between two looks at the pointer; a look costs some microseconds."""
WARM_SECONDS = 1.0
"""What warming may take: a template that stays cold costs its next request some milliseconds, once."""
_WARM_TEMPLATES = 1_000
_CHUNK = 8
_LINGER_SECONDS = 1.0
"""How long the old parts stay as they are after the swap, for the requests that still use them."""
_FORGET = 100


class Live:
    """The parts that answer, and what replaces them. Safe to share between threads.

    Args:
        settings: What to build.
        pins: What people have said; outlives the parts, as the recorder does. None without a store.
        recorder: Remembers what was answered; None without a store.
    """

    def __init__(self, settings: Settings, *, pins: Pins | None = None, recorder: Recorder | None = None) -> None:
        self._settings = settings
        self._pins, self._recorder = pins, recorder
        self._shelf = shelf_of(settings)
        # Read first: what changes while the parts are built is found by the first look.
        self._tried = self._shelf.stamp(CHAMPION)
        self._parts = build(settings, pins=pins, recorder=recorder)
        self._loading: Thread | None = None
        self._stopping = Event()

    @property
    def parts(self) -> Parts:
        """What answers now. Whoever works on a request takes it once, and stays with it."""
        return self._parts

    @property
    def shelf(self) -> ModelShelf:
        """Where models are promoted."""
        return self._shelf

    @property
    def fixed(self) -> bool:
        """Whether the settings name the bundle, and no pointer is followed."""
        return self._settings.bundle_dir is not None

    def look(self) -> None:
        """Begin to load another champion if the pointer was moved since the last look; never waits for it."""
        if self.fixed or self.loading or self._stopping.is_set():
            return
        stamp = self._shelf.stamp(CHAMPION)
        if stamp != self._tried:
            self._tried = stamp
            self._loading = Thread(target=self._reload, name="reload", daemon=True)
            self._loading.start()

    @property
    def loading(self) -> bool:
        """Whether another champion is being loaded, or the one before is being forgotten."""
        return self._loading is not None and self._loading.is_alive()

    def close(self, *, patience: float = 5.0) -> None:
        """Stop loading; give up waiting after this many seconds."""
        self._stopping.set()
        if self._loading:
            self._loading.join(patience)

    def _reload(self) -> None:
        started = time.monotonic()
        try:
            bundle = champion(self._settings)
            if self._serves(bundle):
                self._parts = replace(self._parts, refused=None)
                return
            fresh = self._prepared(bundle)
        except Exception as error:  # whatever is wrong with the new one, the old one goes on
            reason = str(error) if isinstance(error, BundleRefused) else f"cannot be loaded: {type(error).__name__}"
            log.error("model_refused", reason=reason, consequence=f"{self._parts.predictor.label} goes on")
            self._parts = replace(self._parts, refused=reason)
            return
        if self._stopping.is_set():
            return
        old, self._parts = self._parts, fresh
        seconds = round(time.monotonic() - started, 3)
        log.info("model_loaded", model=fresh.predictor.label, before=old.predictor.label, seconds=seconds)
        self._forget(old)

    def _serves(self, bundle: Bundle) -> bool:
        model = self._parts.model
        return model is not None and model.bundle.manifest == bundle.manifest

    def _prepared(self, bundle: Bundle) -> Parts:
        """Return parts around another model, ready to answer as quickly as the ones that answer now.

        Raises:
            BundleRefused: It cannot be loaded, or a user's taxonomy that is answered now could not be with it.
        """
        before = self._parts
        model = load_model(self._settings, bundle, like=before.model)
        fresh = assemble(self._settings, model, pins=self._pins, recorder=self._recorder)
        for name, reason in fresh.catalogue.warm().items():
            if before.catalogue.serves(name):
                raise BundleRefused(f"{bundle.folder}: taxonomy {name} cannot be answered with it: {reason}")
        self._warm(fresh, before.pipeline.recent(_WARM_TEMPLATES))
        fresh.catalogue.warm()  # what was published meanwhile
        return fresh

    def _warm(self, parts: Parts, templates: list[str]) -> None:
        """Let a model answer what came last, in small pieces with a rest after each that leaves the core to requests."""
        until = time.monotonic() + WARM_SECONDS
        for start in range(0, len(templates), _CHUNK):
            began = time.monotonic()
            parts.predictor.predict(templates[start : start + _CHUNK])
            now = time.monotonic()
            if now > until or self._stopping.wait(now - began):
                return

    def _forget(self, old: Parts) -> None:
        """Give the old memory back bit by bit: to free it all at once would hold up every other thread."""
        self._stopping.wait(_LINGER_SECONDS)
        while old.pipeline.forget(_FORGET) and not self._stopping.wait(0.002):
            pass
        while old.predictor.forget(_FORGET) and not self._stopping.wait(0.002):
            pass
