"""Models on a shelf: whole bundles that never change, and one pointer for each alias that is replaced in one step.

    REBOUND_DATA_DIR/models/NAME-VERSION/   a checked bundle: "minilm-l4/3" lies in minilm-l4-3
                            champion        label of the model that serves; no file: the shipped bundle serves
                            challenger      label of the model that runs beside it; no file: none does
                            history.jsonl   every move of a pointer, append-only

The trainer moves pointers, serving follows them (api/live.py); the shelf is where both meet. Several processes may write
and read at once: a bundle appears by one rename, a pointer changes by another, and moves wait for each other.
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from classifier.bundle import MANIFEST, Bundle, load_bundle, manifest_of, sha256_of
from classifier.errors import BundleRefused, ModelConflict, ModelNotFound
from classifier.moves import Move, add_move, now, read_moves, standing

CHAMPION, CHALLENGER = "champion", "challenger"
ALIASES = (CHAMPION, CHALLENGER)
Stamp = tuple[int, int]

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}/[A-Za-z0-9][A-Za-z0-9._-]{0,30}")
_HISTORY, _LOCK, _REFUSED, _OLD = "history.jsonl", ".lock", ".refused", ".old-"


class ModelShelf:
    """Bundles and pointers under one folder; it need not exist.

    Safe to use from several threads and processes at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self._folder

    def path(self, label: str) -> Path:
        """Return the folder of a model's bundle; it need not exist.

        Raises:
            ModelNotFound: No model can have that label.
        """
        if not _LABEL.fullmatch(label):
            raise ModelNotFound(f"{label[:80]!r} is no label of a model: NAME/VERSION")
        return self._folder / label.replace("/", "-")

    def put(self, bundle_folder: Path) -> str:
        """Copy a bundle onto the shelf and return its label; one that lies there already is left as it is.

        Raises:
            BundleRefused: The bundle, or the copy made of it, is not whole or not for this program.
            ModelConflict: Another bundle of that label lies there.
        """
        bundle = load_bundle(bundle_folder)
        label = bundle.manifest.label
        try:
            target = self.path(label)
        except ModelNotFound as error:
            raise BundleRefused(str(error)) from error
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if target.exists() and self._same(bundle, target):
                return label
            scratch = self._copied(bundle)
            aside = scratch.with_suffix(".damaged")
            try:
                if target.exists():  # the same bundle, but damaged since: the copy takes its place
                    target.rename(aside)
                scratch.rename(target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
                shutil.rmtree(aside, ignore_errors=True)
        return label

    def bundle(self, label: str) -> Bundle:
        """Check a model's bundle and return it.

        Raises:
            ModelNotFound: It is not on the shelf.
            BundleRefused: It is not whole, not for this program, or another model's.
        """
        folder = self.path(label)
        if not folder.is_dir():
            raise ModelNotFound(f"there is no model {label!r} on the shelf {self._folder}")
        bundle = load_bundle(folder)
        if bundle.manifest.label != label:
            raise BundleRefused(f"{folder}: holds {bundle.manifest.label}, not {label}")
        return bundle

    def labels(self) -> list[str]:
        """Return the labels of all bundles on the shelf, in order; their files are not checked."""
        out = []
        for path in self._folder.glob(f"[!.]*/{MANIFEST}"):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                out.append(f"{document['name']}/{document['version']}")
            except (OSError, ValueError, KeyError, TypeError):
                continue  # a damaged bundle is found when it is pointed to
        return sorted(out)

    def prune(self, keep: int, *, spare: Path | None = None) -> list[str]:
        """Remove all but the newest bundles from the shelf, and return the labels of those that went.

        What an alias names stays, and what the last `keep` roll-backs would lead to. A folder that cannot be removed stays,
        and holds up no other.

        Args:
            keep: Bundles that stay because they are new, at least 1.
            spare: A folder that stays whatever names it.
        """
        with self._locked():
            for left in self._folder.glob(f"{_OLD}*"):  # by a process that was killed here
                shutil.rmtree(left, ignore_errors=True)
            kept = {self.label_or_none(alias) for alias in ALIASES}
            for move in standing(self.history(CHAMPION))[-keep:]:
                kept |= {move.before, move.after}
            there = {label for label in self.labels() if _LABEL.fullmatch(label) and self.path(label).is_dir()}
            newest = sorted(there, key=lambda label: self.path(label).stat().st_mtime, reverse=True)
            old = [label for label in newest[keep:] if label not in kept]
            return [label for label in old if not _is(self.path(label), spare) and self._removed(self.path(label))]

    def _removed(self, folder: Path) -> bool:
        aside = Path(tempfile.mkdtemp(prefix=_OLD, dir=self._folder))
        try:
            folder.rename(aside / "bundle")  # first: whoever reads it finds all of it or nothing
        except OSError:
            return False
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return True

    def before(self, alias: str) -> str | None:
        """Return the label that a roll-back leads to; None for no model, or where there is nothing to roll back."""
        moves = standing(self.history(alias))
        return moves[-1].before if moves else None

    def stamp(self, alias: str) -> Stamp | None:
        """Return what changes whenever the alias is moved, even to the model that it names; None for no pointer."""
        try:
            status = self._pointer(alias).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def label(self, alias: str) -> str | None:
        """Return the label that an alias names; None for no pointer.

        Raises:
            BundleRefused: The pointer file cannot be read or holds no label.
        """
        try:
            text = self._pointer(alias).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BundleRefused(f"{self._pointer(alias)}: cannot be read: {type(error).__name__}") from error
        if not _LABEL.fullmatch(text):
            raise BundleRefused(f"{self._pointer(alias)}: holds no label of a model")
        return text

    def label_or_none(self, alias: str) -> str | None:
        """Return the label that an alias names; None for no pointer, or a damaged one."""
        try:
            return self.label(alias)
        except BundleRefused:
            return None

    def refuse(self, alias: str, reason: str | None) -> None:
        """Note why an alias could not be moved to what it should name; None when it could."""
        path = self._pointer(alias).with_suffix(_REFUSED)
        if reason is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_text(path, reason)
        elif path.exists():
            path.unlink(missing_ok=True)

    def refused(self, alias: str) -> str | None:
        """Return why an alias could not be moved to what it should name; None if it could."""
        try:
            return self._pointer(alias).with_suffix(_REFUSED).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None

    def pointed(self, alias: str) -> Path | None:
        """Return the folder of the bundle that an alias names, unchecked; None for no pointer (errors: see `label`)."""
        label = self.label(alias)
        return None if label is None else self.path(label)

    def point(self, alias: str, label: str, why: str = "") -> None:
        """Make an alias name a model, after checking its bundle (errors: see `bundle`)."""
        with self._locked():
            self.bundle(label)
            self._move(alias, label, why)

    def clear(self, alias: str, why: str = "") -> None:
        """Make an alias name no model; nothing happens where it names none."""
        with self._locked():
            if self._pointer(alias).exists():
                self._move(alias, None, why)

    def rollback(self, alias: str, why: str = "") -> str | None:
        """Make an alias name what it named before the last move that was not taken back yet, and return that.

        Rolling back twice goes two models back, never to and fro. None: it named no model before, and now names none
        again (for the champion: the shipped bundle serves).

        Raises:
            ModelNotFound: The alias was never moved, or everything is taken back, or the model before is gone.
            BundleRefused: The bundle of the model before is damaged; the pointer stays.
        """
        with self._locked():
            moves = standing(self.history(alias))
            if not moves:
                raise ModelNotFound(f"no model was {alias} before: there is nothing to roll back to")
            label = moves[-1].before
            if label is not None:
                self.bundle(label)
            self._move(alias, label, why, back=True)
        return label

    def history(self, alias: str | None = None) -> list[Move]:
        """Return the moves of an alias, or of all, the oldest first; a line that cannot be read is left out."""
        return read_moves(self._folder / _HISTORY, alias)

    def _move(self, alias: str, label: str | None, why: str, *, back: bool = False) -> None:
        """Replace the pointer, then tell the history: what was not done is not told."""
        before = self.label_or_none(alias)
        if label is None:
            self._pointer(alias).unlink(missing_ok=True)
        else:
            replace_text(self._pointer(alias), f"{label}\n")
        self.refuse(alias, None)
        if before == label and not back:
            return  # pointed to anew, after its bundle was put right: no other model, so nothing to take back
        move = Move(when=now(), alias=alias, before=before, after=label, why=why, back=back)
        add_move(self._folder / _HISTORY, move)

    def _pointer(self, alias: str) -> Path:
        if alias not in ALIASES:
            raise ValueError(f"no alias {alias!r}: a bug of the caller's")
        return self._folder / alias

    def _same(self, bundle: Bundle, target: Path) -> bool:
        """Whether the bundle lies there whole; False if it must be copied again."""
        try:
            there = sha256_of(target / MANIFEST)
        except OSError:
            return False
        if there != sha256_of(bundle.folder / MANIFEST):
            try:
                manifest_of(target)
            except BundleRefused:
                return False  # it says nothing of itself: damaged, not another
            raise ModelConflict(f"another bundle of the label {bundle.manifest.label} is on the shelf {self._folder}")
        try:
            load_bundle(target)
        except BundleRefused:
            return False
        return True

    def _copied(self, bundle: Bundle) -> Path:
        """Return a scratch folder with a checked copy of the files that the manifest names, and of no others."""
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        try:
            for name in (*bundle.manifest.files, MANIFEST):
                shutil.copyfile(bundle.folder / name, scratch / name)
                with (scratch / name).open("rb") as file:
                    os.fsync(file.fileno())
            scratch.chmod(0o755)
            load_bundle(scratch)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return scratch

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time move bundles and pointers; the system frees the lock of one that dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / _LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is(folder: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and folder.samefile(other)


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of the old text or all of the new."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", delete=False, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
