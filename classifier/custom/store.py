"""Published taxonomies on disk: whole versions that never change, and one pointer that is replaced in one step.

    REBOUND_DATA_DIR/taxonomies/NAME/VERSION/taxonomy.toml   as published
                                    VERSION/head.npz         what was learned, for the bundle that meta.json names
                                    VERSION/meta.json        when, for which model, how long it took
                                    current                  the version in use
                                    last                     the highest version ever given: numbers are never used twice

Several processes may publish and read at once: a version's folder appears by one rename, the pointer by another.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.custom.draft import NAME
from classifier.errors import TaxonomyNotFound

_TOML, _HEAD, _META, _CURRENT, _LAST = "taxonomy.toml", "head.npz", "meta.json", "current", "last"
_FITTING = ".fitting"
Arrays = Mapping[str, npt.NDArray[np.generic]]
Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is known of one published version.

    Attributes:
        version: 1, 2, 3...
        published_at: RFC 3339, UTC.
        bundle: Digest of the model and the causes that its head was fitted for (`classifier.custom.background.model_digest`).
        model: That model's name and version.
        categories, examples: How many.
        fit_seconds: What fitting took.
    """

    version: int
    published_at: str
    bundle: str
    model: str
    categories: int
    examples: int
    fit_seconds: float


class TaxonomyStore:
    """Reads and writes published taxonomies under one folder; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self._folder

    def names(self) -> list[str]:
        """Return the names of all published taxonomies."""
        if not self._folder.is_dir():
            return []
        return sorted(p.name for p in self._folder.iterdir() if NAME.fullmatch(p.name) and (p / _CURRENT).is_file())

    def stamp(self, name: str) -> Stamp | None:
        """Return what changes whenever the version in use does; None if there is no such taxonomy."""
        try:
            status = (self._of(name) / _CURRENT).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def current(self, name: str) -> int:
        """Return the version in use.

        Raises:
            TaxonomyNotFound: There is no such taxonomy.
        """
        try:
            return int((self._of(name) / _CURRENT).read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise TaxonomyNotFound(f"there is no taxonomy {name[:48]!r}; publish it first") from error

    def versions(self, name: str) -> list[Meta]:
        """Return all versions, the oldest first (errors: see `current`)."""
        self.current(name)
        numbers = sorted(int(path.name) for path in self._of(name).iterdir() if path.name.isdigit())
        return [self.meta(name, number) for number in numbers]

    def meta(self, name: str, version: int) -> Meta:
        """Return what is known of a version (errors: see `text`)."""
        return Meta(**json.loads(self._read(name, version, _META)))

    def text(self, name: str, version: int) -> str:
        """Return a version's TOML.

        Raises:
            TaxonomyNotFound: There is no such taxonomy or version.
        """
        return self._read(name, version, _TOML)

    def arrays(self, name: str, version: int) -> dict[str, npt.NDArray[np.generic]]:
        """Return a version's head as stored (errors: see `text`; OSError and ValueError for a damaged file)."""
        with np.load(self._of(name) / str(version) / _HEAD, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def publish(self, name: str, text: str, arrays: Arrays, meta: Meta) -> int:
        """Keep a new version, make it the one in use, and return its number; `meta.version` is given here."""
        home = self._of(name)
        home.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
        scratch.chmod(0o755)
        try:
            (scratch / _TOML).write_text(text, encoding="utf-8")
            np.savez_compressed(scratch / _HEAD, allow_pickle=False, **arrays)
            version = self._last(home)
            while True:
                version += 1
                numbered = {**asdict(meta), "version": version}
                (scratch / _META).write_text(json.dumps(numbered, indent=1) + "\n", encoding="utf-8")
                try:
                    # Fails where another process took the number a moment ago.
                    scratch.rename(home / str(version))
                    break
                except OSError:
                    if not (home / str(version)).exists():
                        raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _replace(home / _LAST, str(version))
        _replace(home / _CURRENT, str(version))
        return version

    def refit(self, name: str, version: int, arrays: Arrays, *, bundle: str, model: str, seconds: float) -> None:
        """Replace a version's head by one for another bundle; what was published stays as it is."""
        home = self._of(name) / str(version)
        with tempfile.NamedTemporaryFile(dir=home, suffix=".npz", delete=False) as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        Path(file.name).replace(home / _HEAD)
        changed = {**asdict(self.meta(name, version)), "bundle": bundle, "model": model, "fit_seconds": seconds}
        _replace(home / _META, json.dumps(changed, indent=1) + "\n")

    @contextmanager
    def fitting(self, name: str) -> Iterator[None]:
        """Wait until no other process fits a head of this taxonomy anew, and keep the others waiting meanwhile."""
        with (self._of(name) / _FITTING).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def rollback(self, name: str, version: int | None = None) -> int:
        """Use an earlier version again, the one before the current if none is named; return its number.

        Raises:
            TaxonomyNotFound: There is no such taxonomy, no such version, or none before the current.
        """
        current = self.current(name)
        if version is None:
            earlier = [meta.version for meta in self.versions(name) if meta.version < current]
            if not earlier:
                raise TaxonomyNotFound(f"{name} has no version before {current}")
            version = earlier[-1]
        self.meta(name, version)
        _replace(self._of(name) / _CURRENT, str(version))
        return version

    def delete(self, name: str) -> None:
        """Forget a taxonomy with all its versions; their numbers stay used up (errors: see `current`)."""
        self.current(name)
        home = self._of(name)
        (home / _CURRENT).unlink(missing_ok=True)
        for path in home.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def _of(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise TaxonomyNotFound("a taxonomy's name is lower case letters, digits, _ and -")
        return self._folder / name

    def _read(self, name: str, version: int, file: str) -> str:
        try:
            return (self._of(name) / str(version) / file).read_text(encoding="utf-8")
        except OSError as error:
            raise TaxonomyNotFound(f"{name} has no version {version}") from error

    def _last(self, home: Path) -> int:
        numbers = [int(path.name) for path in home.iterdir() if path.name.isdigit()]
        with suppress(OSError, ValueError):
            numbers.append(int((home / _LAST).read_text(encoding="ascii")))
        return max(numbers, default=0)


def now() -> str:
    """Return the time as Meta keeps it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
