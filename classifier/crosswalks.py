"""Other systems' words for the same causes.

    Verdict + vocabulary -> Label      what an answer is called elsewhere
    vocabulary + label   -> Meaning    what a label from elsewhere says here

A vocabulary is one file of data/crosswalks. `lossy` is explained in docs/crosswalks.md. A label is a name, no advice:
whether to remove a recipient is the verdict's `action` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from classifier.crosswalk_files import Crosswalk, Meaning, Target, load_crosswalk
from classifier.domain import Kind, Permanence, Verdict
from classifier.errors import UnknownVocabulary
from classifier.resources import resource

_CLASSIFIED = (Kind.FAILURE, Kind.DELAYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What an answer is called in another system's words.

    Attributes:
        vocabulary: Name of the crosswalk.
        version: Version of the crosswalk.
        label: The other system's label; None where it has none, as for a delivery notice.
        lossy: False if reading the label back gives the category.
    """

    vocabulary: str
    version: str
    label: str | None
    lossy: bool


@cache
def vocabularies() -> tuple[str, ...]:
    """Return the names of all vocabularies, in order."""
    return tuple(sorted(path.stem for path in resource("crosswalks").glob("*.toml")))


def crosswalk(vocabulary: str) -> Crosswalk:
    """Return one vocabulary's crosswalk; it is read once.

    Raises:
        UnknownVocabulary: There is none of that name.
        InvalidCrosswalk: Its file is damaged.
    """
    if vocabulary not in vocabularies():
        raise UnknownVocabulary(f"vocabulary: must be one of {', '.join(vocabularies())}")
    return _load(vocabulary)


@cache
def _load(vocabulary: str) -> Crosswalk:
    return load_crosswalk(resource(f"crosswalks/{vocabulary}.toml"))


def translate(verdict: Verdict, vocabulary: str, *, kind: Kind = Kind.FAILURE) -> Label:
    """Return what a verdict is called in a vocabulary (errors: see `crosswalk`).

    Args:
        verdict: The answer; under a user's taxonomy its standard category is what is translated.
        vocabulary: Name of the crosswalk.
        kind: What is reported: an automatic reply has another label than a failure, and often none.
    """
    return label_of(verdict.standard or verdict.category, verdict.permanence, vocabulary, kind=kind)


def label_of(category: str, permanence: Permanence, vocabulary: str, *, kind: Kind = Kind.FAILURE) -> Label:
    """Return what a standard category is called in a vocabulary (see `translate`)."""
    chosen = crosswalk(vocabulary)
    if kind in _CLASSIFIED:
        target = chosen.target(category, permanence)
    else:
        label = chosen.kinds.get(kind)
        returns = label is not None and chosen.meanings[label].kind is kind
        target = Target(label=label, lossy=not returns)
    return Label(vocabulary=chosen.name, version=chosen.version, label=target.label, lossy=target.lossy)


def category_of(vocabulary: str, label: str) -> Meaning | None:
    """Return what another system's label says; None if the vocabulary does not hold it (errors: see `crosswalk`)."""
    return crosswalk(vocabulary).meaning(label)


def summary(chosen: Crosswalk) -> dict[str, Any]:
    """Return a crosswalk's head, JSON-ready."""
    return {"name": chosen.name, "title": chosen.title, "version": chosen.version, "source": chosen.source}


def table(chosen: Crosswalk) -> dict[str, Any]:
    """Return a whole crosswalk, JSON-ready: its head, `to` (a line for each category, or for each permanence) and `from`."""
    return summary(chosen) | {
        "to": [line for category, targets in chosen.to.items() for line in _to_lines(category, targets)],
        "kind": [{"kind": kind.value, "label": label} for kind, label in chosen.kinds.items()],
        "from": [_from_line(chosen, label) for label in chosen.labels],
        "aliases": dict(chosen.aliases),
    }


def _to_lines(category: str, targets: Mapping[Permanence, Target]) -> list[dict[str, Any]]:
    alike = len(set(targets.values())) == 1
    lines = [(None, targets[Permanence.PERMANENT])] if alike else list(targets.items())
    return [
        {"category": category, "permanence": p, "label": t.label, "lossy": t.lossy, "note": t.note} for p, t in lines
    ]


def _from_line(chosen: Crosswalk, label: str) -> dict[str, Any]:
    meaning = chosen.meanings[label]
    return {
        "label": label,
        "category": meaning.category,
        "kind": meaning.kind,
        "lossy": meaning.lossy,
        "also": list(meaning.also),
        "suppresses": label in chosen.suppressing,
        "unverified": label in chosen.unverified,
        "note": meaning.note,
    }
