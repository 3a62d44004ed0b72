"""Which model answers right now: a new champion is loaded beside the old one, warmed, and put in its place in one step.

Requests that have begun end on the parts they began with, so none fails, and none is answered by half of each; the parts
that they used are forgotten afterwards, bit by bit. All of it happens in a thread that leaves the interpreter to the
requests: what must hold it (reading another tokenizer) is done once and takes some tens of milliseconds at most.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import structlog

from api.heap import give_back
from api.housekeeping import Step
from api.shadow import WORK_SECONDS, Shadow
from api.tracking import tracking_server
from classifier.bootstrap import Parts, assemble, build, champion, load_model, shelf_of
from classifier.bundle import Bundle
from classifier.errors import BundleRefused
from classifier.pins import Pins
from classifier.pipeline import Answer, Recorder
from classifier.registry import CHAMPION, ModelShelf
from classifier.settings import Settings

log = structlog.get_logger()

LOOK_SECONDS = 0.5
"""Between two looks at the pointer; a look costs some microseconds."""
WARM_SECONDS = 1.0
"""What warming may take: a template that stays cold costs its next request some milliseconds, once."""
_WARM_TEMPLATES = 1_000
_CHUNK = 8
_YIELD_SECONDS = 0.5
"""How long loading waits for the challenger to leave the memory."""
_LINGER_SECONDS = 1.0
"""How long the old parts stay as they are after the swap, for the requests that still use them."""
_FORGET = 100
_FORGET_PAUSE = 0.002


class Live:
    """The parts that answer, what replaces them, and the challenger beside them. Safe to share between threads.

    Args:
        settings: What to build.
        pins: What people have said; outlives the parts, as the recorder does. None without a store.
        recorder: Remembers what was answered; None without a store.
    """

    def __init__(self, settings: Settings, *, pins: Pins | None = None, recorder: Recorder | None = None) -> None:
        self._settings = settings
        self._shelf = shelf_of(settings)
        self._pins = pins
        self._stopping = Event()
        self._loading = Event()
        self.shadow = Shadow(settings, lambda: self._parts, stopping=self._stopping, yielding=self._loading)
        self._recorder = _Both(recorder, self.shadow) if recorder is not None else self.shadow
        # Read first: what changes while the parts are built is found by the first look.
        self._tried = self._shelf.stamp(CHAMPION)
        self._parts = build(settings, pins=pins, recorder=self._recorder)

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

    @property
    def follows(self) -> str:
        """Who decides which model answers: "bundle_dir", "mlflow" or "shelf"."""
        if self.fixed:
            return "bundle_dir"
        return "mlflow" if tracking_server(self._settings) else "shelf"

    @property
    def refused(self) -> str | None:
        """Why the model that should answer does not; None if it does."""
        return self._parts.refused or (None if self.fixed else self._shelf.refused(CHAMPION))

    def look(self) -> None:
        """Load another champion and let it answer, if the pointer was moved since the last look. One thread calls this."""
        if self.fixed:
            return
        stamp = self._shelf.stamp(CHAMPION)
        if stamp == self._tried:
            return
        self._tried = stamp
        self._loading.set()
        try:
            self._replace()
        finally:
            self._loading.clear()

    def _replace(self) -> None:
        started = time.monotonic()
        try:
            bundle = champion(self._settings)
            fresh = replace(self._parts, refused=None) if self._serves(bundle) else self._prepared(bundle)
        except Exception as error:  # whatever is wrong with the new one, the old one goes on
            reason = str(error) if isinstance(error, BundleRefused) else f"cannot be loaded: {type(error).__name__}"
            log.error("model_refused", reason=reason, consequence=f"{self._parts.predictor.label} goes on")
            self._parts = replace(self._parts, refused=reason)
            return
        old, self._parts = self._parts, fresh
        if old.predictor is not fresh.predictor:
            seconds = round(time.monotonic() - started, 3)
            log.info("model_loaded", model=fresh.predictor.label, before=old.predictor.label, seconds=seconds)
            self._forget(old)
            del old
            give_back()

    def steps(self) -> list[list[Step]]:
        """Return what housekeeping has to do: each list in a thread of its own, for loading and asking take their time."""
        return [
            [Step(name="champion", seconds=LOOK_SECONDS, run=self.look)],
            [Step(name="challenger", seconds=WORK_SECONDS, run=self.shadow.work)],
        ]

    def close(self) -> None:
        """Make whatever loads, warms or forgets come to its end."""
        self._stopping.set()

    def _serves(self, bundle: Bundle) -> bool:
        model = self._parts.model
        return model is not None and model.bundle.manifest == bundle.manifest

    def _prepared(self, bundle: Bundle) -> Parts:
        """Return parts around another model, ready to answer as quickly as the ones that answer now.

        Raises:
            BundleRefused: It cannot be loaded, or a user's taxonomy that is answered now could not be with it.
        """
        until = time.monotonic() + _YIELD_SECONDS
        while self.shadow.label is not None and time.monotonic() < until:
            self._stopping.wait(0.01)
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
        for memory in (old.pipeline, old.predictor):
            while memory.forget(_FORGET) and not self._stopping.wait(_FORGET_PAUSE):
                pass


class _Both:
    """Two recorders as one."""

    def __init__(self, first: Recorder, second: Recorder) -> None:
        self._first, self._second = first, second

    def record(self, answers: Sequence[Answer]) -> None:
        """Remember some answers in both."""
        self._first.record(answers)
        self._second.record(answers)
