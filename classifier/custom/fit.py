"""From a draft to a head in seconds: a process of its own learns (`learn.py`), this one waits and puts the head together.

    Draft -> Head

No gradient ever reaches the encoder, so the standard answers stay what they were.
"""

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from classifier.bundle import Bundle
from classifier.custom.background import load_space, model_digest
from classifier.custom.draft import Draft, to_document
from classifier.custom.head import Head, Space
from classifier.custom.learn import GENTLY, REFUSED
from classifier.errors import BundleRefused, ReboundError

MOST_SECONDS = 300


class FitFailed(ReboundError):
    """The process that learns a head ended without an answer."""

    code = "internal_error"
    retryable = True


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A head, how long it took, and which examples lie nearer to another category than to their own.

    Attributes:
        confusions: (category, number of the example, the category that it lies nearer to).
    """

    head: Head
    seconds: float
    confusions: tuple[tuple[str, int, str], ...]


class Fitter:
    """Fits heads for one bundle; one at a time, so that serving keeps its cores.

    Args:
        bundle: What encodes.
        folder: Where the encoded background is kept.
    """

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self._bundle = bundle
        self._folder = folder
        self._lock = Lock()
        self._known: Space | None = None

    @property
    def digest(self) -> str:
        """Digest of the model and the causes that heads are for."""
        return model_digest(self._bundle)

    @property
    def space(self) -> Space:
        """Where heads work (errors: see `fit`)."""
        if self._known is None:
            try:
                self._known = load_space(self._bundle, self._folder)
            except (OSError, ValueError, KeyError):
                self._run(b"")
                self._known = load_space(self._bundle, self._folder)
        return self._known

    def fit(self, draft: Draft, *, gently: bool = False) -> Fitted:
        """Learn a draft's categories.

        Args:
            draft: What to learn.
            gently: Whether to take only the time that others leave: nobody waits for it.

        Raises:
            BundleRefused: The bundle brings nothing to learn against.
            FitFailed: The learning process ended without an answer.
        """
        started = time.perf_counter()
        classes = tuple(category.id for category in draft.learned)
        if not classes:
            nothing = np.zeros((0, 1), dtype=np.float32)
            head = Head(
                draft=draft, bundle=self.digest, classes=(), weights=nothing, bias=nothing[:, 0], floors=nothing[:, 0],
                space=None,
            )  # fmt: skip
            return Fitted(head=head, seconds=time.perf_counter() - started, confusions=())
        with self._lock:
            out = self._run(json.dumps(to_document(draft)).encode(), gently=gently)
        with np.load(io.BytesIO(out), allow_pickle=False) as learned:
            head = Head(
                draft=draft,
                bundle=self.digest,
                classes=classes,
                weights=learned["weights"],
                bias=learned["bias"],
                floors=learned["floors"],
                space=self.space,
            )
            confusions = [(classes[mine], number, classes[other]) for mine, number, other in learned["confusions"]]
        return Fitted(head=head, seconds=time.perf_counter() - started, confusions=tuple(confusions))

    def _run(self, given: bytes, *, gently: bool = False) -> bytes:
        # The matrices are small: threads that wait for each other cost twenty times what they save.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        # -P keeps the folder that a server happens to run in out of the child's import path.
        program = [sys.executable, "-P", "-m", "classifier.custom"]
        manner = [GENTLY] if gently else []
        try:
            done = subprocess.run(
                [*program, str(self._bundle.folder.resolve()), str(self._folder.resolve()), *manner],
                input=given, capture_output=True, timeout=MOST_SECONDS, check=False, env=environment,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FitFailed(f"learning did not end: {type(error).__name__}") from error
        if done.returncode == REFUSED:
            raise BundleRefused(done.stderr.decode(errors="replace").strip()[-500:])
        if done.returncode != 0:
            raise FitFailed(
                f"learning ended with status {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}"
            )
        return done.stdout
