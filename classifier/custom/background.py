"""What is no category of any user: labelled templates of the bundle, encoded once and kept in the data folder.

bundle -> a stratified sample of its templates -> Space + background rows -> REBOUND_DATA_DIR/taxonomies/.background/

The space is that in which the bundle tells fine causes apart; where it brings no causes, one measured inside its categories.
"""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.bundle import CAUSES, MODEL, NEIGHBOURS, Bundle
from classifier.custom.causes import Causes, load_causes
from classifier.custom.head import Space
from classifier.errors import BundleRefused
from classifier.predict import Encoded
from classifier.predict.onnx import OnnxPredictor
from classifier.predict.words import WordTable, word_table

Floats = npt.NDArray[np.float32]
PER_CATEGORY = 40
FOR_RARITY = 3_000
SHRINKAGE = 0.3
"""Added to the spread in every direction, as a share of the mean spread: keeps quiet directions from being blown up."""
STANDARD_WEIGHT = 0.7
WORD_WEIGHT = 1.0
CAUSE_WEIGHT = 2.0
_SPACE = ("mean", "whiten", "word_mean", "word_whiten", "rarity")
_VERSION = 6
"""Of what is kept in the file, and of stored heads: a change of the lines above or of `Space.features` is a change of this."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Background:
    """The space of one bundle's heads, and rows that are of no user's category."""

    space: Space
    rows: Floats


def model_digest(bundle: Bundle) -> str:
    """Return what names a bundle's model and causes, and how they are read, for heads: equal digests, equal features."""
    files = bundle.manifest.files
    return hashlib.sha256(f"{files[MODEL]} {files.get(CAUSES, '')} {_VERSION}".encode()).hexdigest()


def load_background(bundle: Bundle, model: OnnxPredictor, folder: Path) -> Background:
    """Return the background of a bundle, from the folder where it was kept before, else made and kept there.

    Raises:
        BundleRefused: The bundle brings no labelled templates or no word vectors.
    """
    words, causes = word_table(bundle.folder / MODEL), load_causes(bundle)
    path = _path(bundle, folder)
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Background(space=_space(kept, words, causes), rows=kept["rows"])
    except (OSError, ValueError, KeyError):
        made = _make(bundle, model, words, causes)
    write_atomically(path, made)
    return Background(space=_space(made, words, causes), rows=made["rows"])


def load_space(bundle: Bundle, folder: Path) -> Space:
    """Return the space alone, where it was kept before.

    Raises:
        BundleRefused: The bundle brings no word vectors.
        OSError, ValueError, KeyError: It was not kept, or is damaged.
    """
    with np.load(_path(bundle, folder), allow_pickle=False) as kept:
        return _space(kept, word_table(bundle.folder / MODEL), load_causes(bundle))


def _path(bundle: Bundle, folder: Path) -> Path:
    return folder / f"{model_digest(bundle)[:16]}.npz"


def _space(
    arrays: "dict[str, npt.NDArray[np.float32]] | np.lib.npyio.NpzFile", words: WordTable, causes: Causes | None
) -> Space:
    return Space(
        mean=arrays["mean"],
        whiten=arrays["whiten"],
        word_mean=arrays["word_mean"],
        word_whiten=arrays["word_whiten"],
        rarity=arrays["rarity"],
        word_weight=WORD_WEIGHT,
        standard_weight=STANDARD_WEIGHT,
        words=words,
        causes=causes,
        cause_weight=CAUSE_WEIGHT,
    )


def _make(bundle: Bundle, model: OnnxPredictor, words: WordTable, known: Causes | None) -> dict[str, Floats]:
    if NEIGHBOURS not in bundle.manifest.files:
        raise BundleRefused(f"{bundle.folder}: brings no labelled templates: user categories cannot be learned")
    with np.load(bundle.folder / NEIGHBOURS, allow_pickle=False) as file:
        texts, labels = file["texts"], file["labels"]
    chosen = stratified(labels, PER_CATEGORY)
    encoded = encode_all(model, [str(text) for text in texts[chosen]])
    if known is not None:
        made = {name: getattr(known, name) for name in _SPACE}
        return made | {"rows": _space(made, words, known).features(encoded)}
    rarity = rarity_of(model, [str(text) for text in texts], len(words))
    embeddings, sums = vectors(encoded, words, rarity)
    whiten, word_whiten = whitening(embeddings, labels[chosen]), whitening(sums, labels[chosen])
    made = {"mean": embeddings.mean(axis=0), "word_mean": sums.mean(axis=0), "rarity": rarity}
    made |= {"whiten": whiten, "word_whiten": word_whiten}
    return made | {"rows": _space(made, words, None).features(encoded)}


def vectors(encoded: Sequence[Encoded], words: WordTable, rarity: Floats) -> tuple[Floats, Floats]:
    """Return the pooled vectors and the weighted sums of word vectors (n, width each) of encoded templates."""
    embeddings = np.array([e.embedding for e in encoded], dtype=np.float32)
    return embeddings, np.stack([words.weighted_sum(e.ids, rarity) for e in encoded if e.ids is not None])


def stratified(labels: npt.NDArray[np.str_], most: int) -> npt.NDArray[np.int64]:
    """Return positions of at most `most` rows of each label, evenly spread over the file: the same each time."""
    out = []
    for label in sorted(set(labels.tolist())):
        where = np.flatnonzero(labels == label)
        out.append(where[np.linspace(0, len(where) - 1, min(most, len(where))).astype(int)])
    return np.concatenate(out)


def encode_all(model: OnnxPredictor, templates: Sequence[str]) -> list[Encoded]:
    """Encode many templates on all cores; onnxruntime lets threads run side by side."""
    order = sorted(range(len(templates)), key=lambda i: len(templates[i]))
    size = 64
    pieces = [order[start : start + size] for start in range(0, len(order), size)]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        done = list(pool.map(lambda piece: model.encoded([templates[i] for i in piece]), pieces))
    out: dict[int, Encoded] = {}
    for piece, some in zip(pieces, done, strict=True):
        out.update(zip(piece, some, strict=True))
    return [out[i] for i in range(len(templates))]


def rarity_of(model: OnnxPredictor, texts: Sequence[str], pieces: int) -> Floats:
    """Return a weight for each word piece (pieces,): the rarer it is in some texts, of which a part is read, the greater."""
    texts = [texts[i] for i in np.linspace(0, len(texts) - 1, min(FOR_RARITY, len(texts))).astype(int)]
    seen: Counter[int] = Counter()
    for text in texts:
        seen.update(set(model.tokens(text)))
    counts = np.zeros(pieces, dtype=np.float32)
    for piece, count in seen.items():
        counts[piece] = count
    rarity: Floats = np.log((len(texts) + 1) / (counts + 1)).astype(np.float32)
    return rarity


def whitening(rows: Floats, groups: npt.NDArray[np.str_]) -> Floats:
    """Return the matrix after which rows differ inside their groups equally in all directions.

    What varies where the meaning does not, wrappers and manners, comes to count little, and what is constant there much.
    """
    inside = rows.copy()
    for group in set(groups.tolist()):
        inside[groups == group] -= rows[groups == group].mean(axis=0)
    spread, directions = np.linalg.eigh(inside.T @ inside / len(rows))
    scale = 1 / np.sqrt(spread + SHRINKAGE * spread.mean())
    return np.asarray((directions * scale) @ directions.T, dtype=np.float32)


def write_atomically(path: Path, arrays: "dict[str, npt.NDArray[np.float32]]") -> None:
    """Write arrays so that a reader sees all of the file or none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        np.savez(file, allow_pickle=False, **arrays)
    Path(file.name).replace(path)
