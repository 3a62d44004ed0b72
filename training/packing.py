"""A bundle's paperwork: its manifest, and the hand-over to where it is served from.

No torch: what learns without it packs without it.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from classifier.bundle import (
    CAUSES,
    MANIFEST,
    MODEL,
    NEIGHBOURS,
    SCORECARD,
    TAXONOMY,
    TOKENIZER,
    Manifest,
    load_bundle,
    sha256_of,
)

MIN_AGREEMENT = 0.97
"""Least share of templates on which int8 must choose the category that the unrounded model chooses, where that is at least even."""


class ParityFailure(RuntimeError):
    """The exported model does not answer as the trained one does."""


def write_manifest(
    folder: Path,
    *,
    name: str,
    version: str,
    categories: Sequence[str],
    temperature: float,
    thresholds: Mapping[str, float],
    max_tokens: int,
    normaliser_version: int,
    taxonomy: str,
    training: Mapping[str, Any],
) -> Manifest:
    """Write manifest.json over the files that stand in the folder."""
    names = (MODEL, TOKENIZER, TAXONOMY, SCORECARD, NEIGHBOURS, CAUSES)
    manifest = Manifest(
        name=name,
        version=version,
        categories=tuple(categories),
        temperature=temperature,
        thresholds=dict(thresholds),
        max_tokens=max_tokens,
        normaliser_version=normaliser_version,
        taxonomy=taxonomy,
        files={file: sha256_of(folder / file) for file in names if (folder / file).is_file()},
        training=dict(training),
    )
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def hand_over(bundle: Path, to: Path) -> None:
    """Copy a checked bundle's files over those of another folder, the manifest last.

    A server that reads the folder midway finds checksums that do not fit, refuses the bundle and goes on with its own.

    Raises:
        BundleRefused: The bundle is not whole.
    """
    checked = load_bundle(bundle)
    to.mkdir(parents=True, exist_ok=True)
    for stale in to.iterdir():
        if stale.is_file() and stale.name not in checked.manifest.files:
            stale.unlink()
    for name in [*checked.manifest.files, MANIFEST]:
        shutil.copy(bundle / name, to / name)
    load_bundle(to)


def git_revision() -> str:
    """Return the checkout's revision, "unknown" outside one or where there is no git, as in the image."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run(
        [git, "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
