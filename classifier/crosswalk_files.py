"""What a crosswalk file holds, and what it must keep to.

    TOML file -> Crosswalk

The schema is docs/crosswalks.md. A file is checked whole, and all that is wrong with it is reported at once. Two rules
matter more than form: `lossy` must be honest, and no category that may not suppress a recipient becomes a label on
which another system would.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from classifier.domain import Action, Kind, Permanence
from classifier.errors import InvalidCrosswalk
from classifier.taxonomy import UNDETERMINED, Taxonomy, standard_taxonomy

_NAME = re.compile(r"[a-z][a-z0-9_]{1,47}")
_WORDS = ("name", "title", "version", "source")
_BESIDE = "beside"
_KEYS = {*_WORDS, "permanence", "classes", "suppressing", "labels", "unverified", "aliases", "to", "kind", "from"}
_NO_CLASS = "the class is not known, and 4 removes nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a standard category is called elsewhere.

    Attributes:
        label: The other system's label; None where it has none.
        lossy: False if reading the label back gives the category.
        note: Why it is not a plain translation; None if it is one.
    """

    label: str | None
    lossy: bool
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What another system's label says in our words.

    Attributes:
        category: Standard category; `undetermined` where the label names no cause, or no failure.
        kind: What is reported, where the label is of no failure, such as an automatic reply; else None.
        lossy: False if the label means the category and nothing else, and translating back gives the label.
        also: Other standard categories that the label may stand for.
        note: What the table cannot say; None if nothing.
    """

    category: str
    kind: Kind | None
    lossy: bool
    also: tuple[str, ...]
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Crosswalk:
    """One system's labels against the standard categories.

    Attributes:
        name: What `vocabulary` asks for.
        title: A few words for lists.
        version: Version of the label set, or the month it was read, then "+" and the revision of our mapping.
        source: What the facts rest on.
        labels: Every label, in the source's order.
        unverified: Labels that nobody has checked against a first-hand source.
        suppressing: Labels on which the other system's users remove the recipient.
        aliases: Other spellings of labels, such as names beside numbers.
        to: Standard category to what it is called, by permanence.
        kinds: Reports of no failure to their label.
        meanings: Label to what it says.
    """

    name: str
    title: str
    version: str
    source: str
    labels: tuple[str, ...]
    unverified: frozenset[str]
    suppressing: frozenset[str]
    aliases: Mapping[str, str]
    to: Mapping[str, Mapping[Permanence, Target]]
    kinds: Mapping[Kind, str]
    meanings: Mapping[str, Meaning]

    def target(self, category: str, permanence: Permanence) -> Target:
        """Return what a standard category is called; one of no standard taxonomy is called what `undetermined` is."""
        if known := self.to.get(category):
            return known[permanence]
        unknown = self.to[UNDETERMINED][permanence]
        return Target(label=unknown.label, lossy=True, note="no standard category")

    def meaning(self, label: str) -> Meaning | None:
        """Return what a label or alias says, whatever its case; None if the label set does not hold it."""
        known = self._by_spelling.get(label.strip().casefold())
        return self.meanings[known] if known else None

    @cached_property
    def _by_spelling(self) -> dict[str, str]:
        return {alias.casefold(): label for alias, label in self.aliases.items()} | {
            label.casefold(): label for label in self.labels
        }


def load_crosswalk(path: Path) -> Crosswalk:
    """Read a crosswalk file.

    Raises:
        InvalidCrosswalk: The file cannot be read or breaks the schema; the message lists every fault with its place.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidCrosswalk(f"{path.name}: cannot be read: {error}") from error
    return parse_crosswalk(document, origin=path.name)


def parse_crosswalk(document: Mapping[str, Any], *, origin: str) -> Crosswalk:
    """Check a parsed TOML document and return the crosswalk in it (errors: see `load_crosswalk`)."""
    taxonomy = standard_taxonomy()
    faults = _form(document, taxonomy)
    if not faults:
        crosswalk = _build(document)
        faults = [*_labels(crosswalk), *_honesty(crosswalk), *_safety(crosswalk, taxonomy, document["permanence"])]
        if not faults:
            return crosswalk
    raise InvalidCrosswalk(f"{origin}: " + "; ".join(faults))


def _form(document: Mapping[str, Any], taxonomy: Taxonomy) -> list[str]:
    """Return what is wrong with the document's types: after that, building from it cannot fail."""
    faults = [f"{key}: no such key" for key in sorted(set(document) - _KEYS)]
    faults += [f"{k}: must be words" for k in _WORDS if not isinstance(document.get(k), str) or not document[k].strip()]
    if not _NAME.fullmatch(str(document.get("name"))):
        faults.append("name: must be lower_snake_case, 2 to 48 characters")
    if document.get("permanence") not in ("label", _BESIDE):
        faults.append('permanence: must be "label" or "beside"')
    for key in ("labels", "unverified", "suppressing"):
        if not _strings(document.get(key, [])):
            faults.append(f"{key}: must be a list of strings")
    for key in ("classes", "aliases", "kind"):
        if not isinstance(table := document.get(key, {}), dict) or not _strings(list(table.values())):
            faults.append(f"{key}: must be a table of strings")
    classes = document.get("classes", {})
    if classes and isinstance(classes, dict) and set(classes) != set(Permanence):
        faults.append(f"classes: must name {', '.join(Permanence)}")
    faults += [f"kind.{k}: no such kind" for k in dict.fromkeys(document.get("kind", {})) if k not in list(Kind)]
    for key in ("to", "from"):
        if not isinstance(document.get(key), dict):
            faults.append(f"{key}: must be a table")
    if faults:
        return faults
    to = document["to"]
    faults += [f"to.{category}: is missing" for category in taxonomy.by_id if category not in to]
    faults += [f"to.{category}: no standard category" for category in to if category not in taxonomy.by_id]
    for category, entry in to.items():
        faults += _target_form(f"to.{category}", entry, variants=True)
    for label, entry in document["from"].items():
        faults += _meaning_form(f"from.{label}", entry, taxonomy)
    return faults


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _target_form(place: str, entry: Any, *, variants: bool) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{place}: must be a table"]
    known = {"label", "lossy", "note"} | ({Permanence.PERMANENT, Permanence.TEMPORARY} if variants else set())
    faults = [f"{place}.{key}: no such key" for key in sorted(set(entry) - known)]
    if not isinstance(entry.get("label"), str):
        faults.append(f"{place}: label must be a string")
    for variant in (Permanence.PERMANENT, Permanence.TEMPORARY):
        if variants and variant in entry:
            faults += _target_form(f"{place}.{variant}", entry[variant], variants=False)
    return faults + _common_form(place, entry)


def _meaning_form(place: str, entry: Any, taxonomy: Taxonomy) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{place}: must be a table"]
    faults = [
        f"{place}.{key}: no such key" for key in sorted(set(entry) - {"category", "kind", "lossy", "also", "note"})
    ]
    if ("category" in entry) == ("kind" in entry):
        faults.append(f"{place}: needs either category or kind")
    if "category" in entry and entry["category"] not in taxonomy.by_id:
        faults.append(f"{place}: {entry['category']} is no standard category")
    if "kind" in entry and entry["kind"] not in list(Kind):
        faults.append(f"{place}: {entry['kind']} is no kind")
    also = entry.get("also", [])
    if (
        not _strings(also)
        or not set(also) <= set(taxonomy.by_id) - {entry.get("category")}
        or len(set(also)) < len(also)
    ):
        faults.append(f"{place}: also must list other standard categories, each once")
    return faults + _common_form(place, entry)


def _common_form(place: str, entry: Mapping[str, Any]) -> list[str]:
    faults = [] if isinstance(entry.get("lossy"), bool) else [f"{place}: lossy must be true or false"]
    if "note" in entry and not (isinstance(entry["note"], str) and entry["note"].strip()):
        faults.append(f"{place}: note must be words")
    return faults


def _build(document: Mapping[str, Any]) -> Crosswalk:
    classes: dict[str, str] = document.get("classes", {})
    meanings = {
        spelled: Meaning(
            category=entry.get("category", UNDETERMINED),
            kind=Kind(entry["kind"]) if "kind" in entry else None,
            lossy=entry["lossy"],
            also=tuple(entry.get("also", ())),
            note=entry.get("note"),
        )
        for label, entry in document["from"].items()
        for spelled in _spelled(label, classes)
    }
    return Crosswalk(
        name=document["name"],
        title=document["title"],
        version=document["version"],
        source=document["source"],
        labels=tuple(s for label in document["labels"] for s in _spelled(label, classes)),
        unverified=frozenset(s for label in document.get("unverified", ()) for s in _spelled(label, classes)),
        suppressing=frozenset(document.get("suppressing", ())),
        aliases=document.get("aliases", {}),
        to={
            category: {p: _target(entry, p, classes) for p in Permanence} for category, entry in document["to"].items()
        },
        kinds={Kind(kind): label for kind, label in document.get("kind", {}).items()},
        meanings=meanings,
    )


def _spelled(label: str, classes: Mapping[str, str]) -> Iterable[str]:
    """Write a label out once for each class, where labels carry one ("X.1.1")."""
    if not classes:
        return (label,)
    return (label.replace("X", digit, 1) for digit in dict.fromkeys(classes.values()))


def _target(entry: Mapping[str, Any], permanence: Permanence, classes: Mapping[str, str]) -> Target:
    chosen = entry.get(permanence, entry)
    label, lossy, note = chosen["label"], chosen["lossy"], chosen.get("note")
    if classes:
        label = label.replace("X", classes[permanence], 1)
        if permanence is Permanence.UNDETERMINED and not lossy:
            lossy, note = True, _NO_CLASS
    return Target(label=label, lossy=lossy, note=note)


def _labels(crosswalk: Crosswalk) -> list[str]:
    """Return where labels are named that the label set does not hold, or held and not explained."""
    labels = set(crosswalk.labels)
    named = {
        "from": crosswalk.meanings,
        "unverified": crosswalk.unverified,
        "suppressing": crosswalk.suppressing,
        "aliases": crosswalk.aliases.values(),
        "kind": crosswalk.kinds.values(),
        "to": [str(target.label) for targets in crosswalk.to.values() for target in targets.values()],
    }
    faults = [f"{key}: {label} is no label" for key, used in named.items() for label in sorted(set(used) - labels)]
    faults += [f"from.{label}: is missing" for label in crosswalk.labels if label not in crosswalk.meanings]
    spellings = [spelling.casefold() for spelling in (*crosswalk.labels, *crosswalk.aliases)]
    if len(set(spellings)) < len(spellings):
        faults.append("labels: two are spelled alike")
    return faults


def _honesty(crosswalk: Crosswalk) -> list[str]:
    """Return every `lossy` that does not say what crossing and coming back does."""
    faults = []
    arriving: dict[str, dict[str, None]] = {}
    for category, targets in crosswalk.to.items():
        for permanence, target in targets.items():
            place = f"to.{category} ({permanence})"
            arriving.setdefault(str(target.label), {})[category] = None
            back = crosswalk.meanings.get(str(target.label))
            returns = back is not None and back.kind is None and back.category == category
            if not returns and not target.lossy:
                faults.append(f"{place}: {target.label} does not come back, and is not marked lossy")
            if returns and target.lossy and not target.note:
                faults.append(f"{place}: {target.label} comes back: lossy needs a note")
    for label, meaning in crosswalk.meanings.items():
        place = f"from.{label}"
        returns = meaning.kind is None and label in {t.label for t in crosswalk.to[meaning.category].values()}
        if not meaning.lossy and (meaning.also or not returns):
            faults.append(f"{place}: means more than {meaning.category} or is not what that is called: must be lossy")
        if meaning.lossy and returns and not meaning.also and not meaning.note:
            faults.append(f"{place}: lossy needs a note or other categories in also")
        if missing := set(arriving.get(label, ())) - {meaning.category, *meaning.also}:
            faults.append(f"{place}: also lacks {', '.join(sorted(missing))}")
    return faults


def _safety(crosswalk: Crosswalk, taxonomy: Taxonomy, permanence_is: str) -> list[str]:
    """Return where a label would remove a recipient whom the standard taxonomy keeps."""
    faults = []
    for category, targets in crosswalk.to.items():
        for permanence, target in targets.items():
            kept = taxonomy.by_id[category].action is not Action.SUPPRESS
            for_now = permanence is Permanence.TEMPORARY and permanence_is != _BESIDE
            if target.label in crosswalk.suppressing and (kept or for_now):
                faults.append(f"to.{category} ({permanence}): {target.label} removes the recipient")
    return faults
