"""Which taxonomies there are right now, ready to answer: what is published takes effect within a second, without restart.

Every process looks at the pointer file of a taxonomy in use at most once a second, and loads a changed version beside the
old one, which answers until the new one is ready: no request waits for a file that is being written, none is dropped.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
import structlog

from classifier.custom.draft import Draft, read_toml, resolve, to_document
from classifier.custom.fit import Fitted, Fitter
from classifier.custom.head import Head, Space, arrays_of
from classifier.custom.store import Meta, Stamp, TaxonomyStore, now
from classifier.custom.toml_text import toml_of
from classifier.errors import BundleRefused, ReboundError, TaxonomyNotFound
from classifier.taxonomy import Taxonomy

log = structlog.get_logger()
CHECK_SECONDS = 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Tailored:
    """A user's taxonomy, ready to answer."""

    taxonomy: Taxonomy
    head: Head


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    tailored: Tailored
    stamp: Stamp
    checked: float


class Catalogue:
    """Users' taxonomies: looked up by name, published, kept up to date. Safe to share between threads.

    Args:
        store: Where published versions lie.
        standard: What `within` and `from` refer to.
        fitter: Learns; None while no model can be loaded: then only roll-ups answer, and nothing can be published.
        model: Name and version of the model, for the record.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        store: TaxonomyStore,
        standard: Taxonomy,
        fitter: Fitter | None,
        *,
        model: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.standard = standard
        self._fitter = fitter
        self._model = model
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._lock = Lock()

    def get(self, name: str) -> Tailored:
        """Return the version of a taxonomy that is in use.

        Raises:
            TaxonomyNotFound: There is none of that name.
            BundleRefused, FitFailed: Its head is of another bundle and could not be fitted anew.
        """
        seen, time_now = self._seen.get(name), self._clock()
        if seen and time_now - seen.checked < CHECK_SECONDS:
            return seen.tailored
        stamp = self.store.stamp(name)
        if stamp is None:
            self._seen.pop(name, None)
            raise TaxonomyNotFound(f"there is no taxonomy {name[:48]!r}")
        if seen and seen.stamp == stamp:
            self._seen[name] = _Seen(seen.tailored, stamp, time_now)
            return seen.tailored
        return self._loaded(name, stamp, seen)

    def _loaded(self, name: str, stamp: Stamp, before: _Seen | None) -> Tailored:
        # Whoever comes while another thread loads is answered by the version before, if there is one.
        if not self._lock.acquire(blocking=before is None):
            return before.tailored if before else self.get(name)
        try:
            known = self._seen.get(name)
            if known and known.stamp == stamp:
                return known.tailored
            tailored = self.load(name, self.store.current(name))
            self._seen[name] = _Seen(tailored, stamp, self._clock())
            return tailored
        except (OSError, ValueError, KeyError, ReboundError) as error:
            if before is None:
                raise
            log.error("taxonomy_not_loaded", name=name, reason=str(error), consequence="the version before answers")
            self._seen[name] = _Seen(before.tailored, before.stamp, self._clock())
            return before.tailored
        finally:
            self._lock.release()

    def load(self, name: str, version: int) -> Tailored:
        """Return one version, fitted anew if its head is of another bundle (errors: see `get`)."""
        draft = read_toml(self.store.text(name, version), self.standard, name=name)
        return Tailored(taxonomy=resolve(draft, str(version), self.standard), head=self._head(draft, version))

    def _head(self, draft: Draft, version: int) -> Head:
        if self._fitter is None:
            return _head_of({}, draft, self.store.meta(draft.name, version).bundle, None)
        if (kept := self._kept(draft, version, self._fitter)) is not None:
            return kept
        # Several processes follow a new model at once: one fits, the others wait and read what it wrote.
        with self.store.fitting(draft.name):
            if (kept := self._kept(draft, version, self._fitter)) is not None:
                return kept
            fitted = self._fitter.fit(draft, gently=True)
            self.store.refit(
                draft.name, version, arrays_of(fitted.head),
                bundle=fitted.head.bundle, model=self._model, seconds=round(fitted.seconds, 3),
            )  # fmt: skip
        log.info("head_refitted", name=draft.name, version=version, model=self._model, seconds=fitted.seconds)
        return fitted.head

    def _kept(self, draft: Draft, version: int, fitter: Fitter) -> Head | None:
        """Return the head that was stored, if it is whole and of this model."""
        meta = self.store.meta(draft.name, version)
        if meta.bundle != fitter.digest:
            return None
        try:
            space = fitter.space if draft.learned else None
            return _head_of(self.store.arrays(draft.name, version), draft, meta.bundle, space)
        except (OSError, ValueError, KeyError) as error:
            log.warning("head_damaged", name=draft.name, version=version, reason=str(error))
            return None

    def fit(self, draft: Draft) -> Fitted:
        """Learn a draft without publishing it.

        Raises:
            BundleRefused: No model is loaded, or it brings nothing to learn against.
            FitFailed: The solver ended without an answer.
        """
        if self._fitter is None:
            raise BundleRefused("no model is loaded: nothing can be learned")
        return self._fitter.fit(draft)

    def tailored(self, draft: Draft, fitted: Fitted) -> Tailored:
        """Return a draft that was fitted, ready to answer under the version "draft"."""
        return Tailored(taxonomy=resolve(draft, "draft", self.standard), head=fitted.head)

    def publish(self, draft: Draft, fitted: Fitted, text: str | None = None) -> Meta:
        """Keep a draft as the next version and use it; `text` is its TOML as written, made from the draft if absent."""
        meta = Meta(
            version=0,
            published_at=now(),
            bundle=fitted.head.bundle,
            model=self._model,
            categories=len(draft.categories),
            examples=sum(len(category.examples) for category in draft.categories),
            fit_seconds=round(fitted.seconds, 3),
        )
        written = text if text is not None else toml_of(to_document(draft))
        version = self.store.publish(draft.name, written, arrays_of(fitted.head), meta)
        return self.store.meta(draft.name, version)

    def warm(self) -> dict[str, str]:
        """Load every published taxonomy, so that the first request of each waits for nothing.

        Returns:
            Why, for each name that could not be loaded; it is logged, too.
        """
        failed = {}
        for name in self.store.names():
            try:
                self.get(name)
            except (OSError, ValueError, KeyError, ReboundError) as error:
                if self.store.stamp(name) is None:
                    continue  # deleted a moment ago
                log.error("taxonomy_not_loaded", name=name, model=self._model, reason=str(error))
                failed[name] = str(error)
        return failed

    def serves(self, name: str) -> bool:
        """Whether a version of a taxonomy is loaded."""
        return name in self._seen


def _head_of(arrays: Mapping[str, npt.NDArray[np.generic]], draft: Draft, bundle: str, space: Space | None) -> Head:
    learned = tuple(category.id for category in draft.learned)
    if not arrays:
        nothing = np.zeros(0, dtype=np.float32)
        floors = np.zeros(len(learned), dtype=np.float32)
        return Head(
            draft=draft, bundle=bundle, classes=learned, weights=nothing[:, None], bias=nothing, floors=floors, space=None
        )  # fmt: skip
    weights, bias, floors = (arrays[key].astype(np.float32) for key in ("weights", "bias", "floors"))
    # Another process may have replaced the file by a head for another model since its meta.json was read.
    if "bundle" in arrays and str(arrays["bundle"]) != bundle:
        raise ValueError("the head is of another model")
    classes = tuple(str(name) for name in arrays["classes"])
    if classes != learned or (learned and weights.shape[1] != len(learned) + 1) or len(floors) != len(learned):
        raise ValueError("the head is not of these categories")
    return Head(draft=draft, bundle=bundle, classes=classes, weights=weights, bias=bias, floors=floors, space=space)
