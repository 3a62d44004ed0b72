"""Where the texts lie that a run learns from and is judged by: shipped ones, and real bounces beside a checkout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from classifier.resources import resource
from training.dataset import Dataset, Row, build, held_back, read_labelled

CORPUS = Path("../shared/corpus")
"""Where labelled real bounces lie beside a checkout, if at all."""
REAL_WEIGHT = 3.0
"""Weight of a real text beside an authored one's 1."""


def default_labelled() -> list[Path]:
    """Return the labelled files that are learnt from."""
    return [path for path in (CORPUS / "train.jsonl",) if path.is_file()]


def default_lab() -> Path | None:
    """Return the folder of bounces from a laboratory of mail servers; None where there is none."""
    return lab if (lab := CORPUS / "mta-lab").is_dir() else None


def default_tests() -> dict[str, Path]:
    """Return the frozen test set, name to file of each of its sets: they are scored and never learnt from."""
    found = {"valid": CORPUS / "valid.jsonl"} if (CORPUS / "valid.jsonl").is_file() else {}
    return found | {f"challenge_{path.stem}": path for path in sorted(resource("challenges").glob("*.jsonl"))}


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Files of one run.

    Attributes:
        authored: Folder of the authored corpus.
        labelled: Labelled files.
        lab: Folder of bounces from a laboratory of mail servers; None without.
        tests: Name to file of each set of the frozen test set.
        base: Base model of the profile "scratch", see `training.base.load_base`.
        start: A bundle to learn on from, in place of what the profile would start from.
    """

    authored: Path = field(default_factory=lambda: resource("authored"))
    labelled: tuple[Path, ...] = field(default_factory=lambda: tuple(default_labelled()))
    lab: Path | None = field(default_factory=default_lab)
    tests: Mapping[str, Path] = field(default_factory=default_tests)
    base: str | None = None
    start: Path | None = None

    def frozen(self) -> dict[str, list[Row]]:
        """Return the rows of each set of the frozen test set."""
        return {name: read_labelled(path) for name, path in self.tests.items()}

    def corpus(self, categories: frozenset[str], *, seed: int) -> Dataset:
        """Return the corpus: rows to learn from, and rows to calibrate on."""
        return build(
            self.authored, self.labelled, lab=self.lab, held_out=tuple(self.tests.values()), categories=categories,
            held_back=held_back(), labelled_weight=REAL_WEIGHT, seed=seed,
        )  # fmt: skip
