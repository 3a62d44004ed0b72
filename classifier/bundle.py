"""A model with all that serving needs, in one folder: read, checked, refused.

    manifest.json    names, versions, categories in the order of the model's outputs, temperature, thresholds, checksums
    model.onnx       input_ids, attention_mask -> logits, embedding
    tokenizer.json   text to token ids
    taxonomy.toml    the categories that the model was trained for
    scorecard.json   how it did, on what
    neighbours.npz   labelled templates with their embeddings (evidence on request)
    causes.npz       what tells fine causes apart (users' categories; optional)

A bundle is trusted only whole: one wrong checksum, another normaliser's version or another taxonomy refuses it, for a
model that reads templates of other rules answers wrongly without a sign.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from classifier.errors import BundleOutdated, BundleRefused, InvalidTaxonomy
from classifier.normalise import NORMALISER_VERSION
from classifier.taxonomy import Taxonomy, load_taxonomy

FORMAT = 1
MANIFEST = "manifest.json"
MODEL, TOKENIZER, TAXONOMY, SCORECARD, NEIGHBOURS, CAUSES = (
    "model.onnx",
    "tokenizer.json",
    "taxonomy.toml",
    "scorecard.json",
    "neighbours.npz",
    "causes.npz",
)
REQUIRED = (MODEL, TOKENIZER, TAXONOMY, SCORECARD)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        name, version: Of the model, such as "minilm-l4" and "1".
        categories: Ids in the order of the model's outputs.
        temperature: Divisor of the logits, above 0, that makes probabilities honest.
        smoothing: Share of probability, 0 to 0.2, that training spread over all categories; it is taken off again.
        thresholds: Least confidence for each category's action, chosen from costs.
        max_tokens: Longest input; a longer text keeps its head and its tail.
        normaliser_version, taxonomy: What the model was trained for ("standard/1").
        files: SHA-256 of every other file of the bundle.
        training: Base weights' hash, data hashes, seed, git revision, figures of the export's parity check.
    """

    name: str
    version: str
    categories: tuple[str, ...]
    temperature: float
    thresholds: Mapping[str, float]
    max_tokens: int
    normaliser_version: int
    taxonomy: str
    files: Mapping[str, str]
    training: Mapping[str, Any]
    smoothing: float = 0.0
    format: int = FORMAT

    @property
    def label(self) -> str:
        """Name and version as answers carry it."""
        return f"{self.name}/{self.version}"

    def to_json(self) -> str:
        """Return the text of manifest.json."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A checked bundle: its folder, its manifest, its taxonomy with the bundle's own thresholds."""

    folder: Path
    manifest: Manifest
    taxonomy: Taxonomy


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_bundle(folder: Path, *, any_normaliser: bool = False) -> Bundle:
    """Check a bundle and return it.

    Args:
        folder: Where it lies.
        any_normaliser: Whether it may be made for another version of the normaliser: to learn on from, never to serve.

    Raises:
        BundleRefused: A file is missing or damaged, or the bundle fits another format, normaliser or taxonomy.
    """
    manifest = manifest_of(folder)
    _check_files(folder, manifest)
    if manifest.format != FORMAT:
        raise BundleRefused(f"{folder}: bundle format {manifest.format}, this program reads {FORMAT}")
    if manifest.normaliser_version != NORMALISER_VERSION and not any_normaliser:
        raise BundleOutdated(
            f"{folder}: trained for normaliser version {manifest.normaliser_version}, this program has {NORMALISER_VERSION}"
        )
    try:
        taxonomy = load_taxonomy(folder / TAXONOMY)
    except InvalidTaxonomy as error:
        raise BundleRefused(f"{folder}: {error}") from error
    if manifest.taxonomy != taxonomy.label or not set(manifest.categories) <= set(taxonomy.by_id):
        raise BundleRefused(f"{folder}: the model's categories are not those of its taxonomy {taxonomy.label}")
    return Bundle(folder=folder, manifest=manifest, taxonomy=taxonomy.with_thresholds(manifest.thresholds))


def manifest_of(folder: Path) -> Manifest:
    """Return what a bundle says of itself; its files are not looked at.

    Raises:
        BundleRefused: It says nothing that can be read.
    """
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**{**document, "categories": tuple(document["categories"])})
        if not (
            0 < manifest.temperature < 100
            and 0 <= manifest.smoothing <= 0.2
            and manifest.max_tokens > 8
            and manifest.categories
        ):
            raise ValueError("temperature, max_tokens or categories out of range")
        if not all(0 <= threshold <= 1 for threshold in manifest.thresholds.values()):
            raise ValueError("thresholds out of range")
        if not all(isinstance(digest, str) for digest in manifest.files.values()):
            raise ValueError("files are not names with checksums")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleRefused(f"{path}: no readable manifest: {error}") from error
    return manifest


def _check_files(folder: Path, manifest: Manifest) -> None:
    if missing := set(REQUIRED) - set(manifest.files):
        raise BundleRefused(f"{folder}: the manifest names no {', '.join(sorted(missing))}")
    for name, expected in manifest.files.items():
        path = folder / name
        # A name with a separator would lead out of the folder.
        if Path(name).name != name or not path.is_file():
            raise BundleRefused(f"{folder}: {name} is missing")
        try:
            digest = sha256_of(path)
        except OSError as error:
            raise BundleRefused(f"{folder}: {name} cannot be read: {error.strerror}") from error
        if digest != expected:
            raise BundleRefused(f"{folder}: {name} is damaged: its SHA-256 is not the manifest's")
