"""A taxonomy as its user writes it, checked against the schema of docs/taxonomy.md.

TOML text or JSON document -> Draft
Draft + the standard taxonomy -> Taxonomy (each category with its policy)
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from classifier.domain import Action, Fault, Scope
from classifier.errors import InvalidTaxonomy
from classifier.taxonomy import Category, Taxonomy

OTHER = "other"
"""What a text is that fits none of the user's categories."""
STANDARD = "standard"
MIN_EXAMPLES, MAX_EXAMPLES = 4, 50
MAX_CATEGORIES = 200
MAX_EXAMPLE_CHARACTERS = 4_000
MAX_COUNTER_EXAMPLES = 1_000
DEFAULT_THRESHOLD = 0.5

NAME = re.compile(r"[a-z][a-z0-9_-]{1,47}")
_ID = re.compile(r"[a-z][a-z0-9_]{1,47}")
_TOP = frozenset({"name", "version", "title", "description", "counter_examples", "category"})
_KEYS = frozenset(
    "id title description examples counter_examples within from fault action scope threshold".split()
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftCategory:
    """One category as written.

    Attributes:
        id: lower_snake_case, 2 to 48 characters.
        title, description: For people; the description also counts as an example.
        examples: Texts that belong to it, as servers wrote them; empty where `takes` is given.
        counter_examples: Texts that look like it and are not.
        within: Standard categories that it refines; empty for one that stands alone.
        takes: Standard categories that it rolls up (`from` in the file).
        fault, action, scope, threshold: What the user states; None for the default.
    """

    id: str
    title: str
    description: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    fault: Fault | None = None
    action: Action | None = None
    scope: Scope | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A taxonomy as written: no version yet, nothing learned."""

    name: str
    categories: tuple[DraftCategory, ...]
    counter_examples: tuple[str, ...] = ()

    @property
    def learned(self) -> tuple[DraftCategory, ...]:
        """Categories that are learned from examples."""
        return tuple(category for category in self.categories if not category.takes)


def read_toml(text: str, standard: Taxonomy, *, name: str | None = None) -> Draft:
    """Read a draft from TOML (errors: see `read_document`)."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidTaxonomy(f"not TOML: {error}") from error
    return read_document(document, standard, name=name)


def read_document(document: Any, standard: Taxonomy, *, name: str | None = None) -> Draft:
    """Check a decoded document and return the draft in it.

    Args:
        document: What the TOML or JSON held.
        standard: The taxonomy that `within` and `from` name categories of.
        name: The name it is to be published under; the document may leave its own out, or must agree.

    Raises:
        InvalidTaxonomy: The message lists every fault with its place.
    """
    faults: list[str] = []
    if not isinstance(document, Mapping):
        raise InvalidTaxonomy("the document must be a table (an object)")
    faults += [f"{key}: unknown; known are {', '.join(sorted(_TOP))}" for key in document if key not in _TOP]
    named = document.get("name", name)
    if not isinstance(named, str) or not NAME.fullmatch(named):
        faults.append("name: must be lower case letters, digits, _ and -, 2 to 48 characters")
    elif named == STANDARD:
        faults.append('name: "standard" is the taxonomy that ships with Rebound')
    elif name is not None and named != name:
        faults.append(f"name: the document says {named}, the address says {name}")
    counter = _texts(document, "counter_examples", "counter_examples", faults, most=MAX_COUNTER_EXAMPLES)
    entries = document.get("category")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_CATEGORIES:
        faults.append(f"category: 1 to {MAX_CATEGORIES} [[category]] tables are needed")
        entries = []
    known = frozenset(standard.by_id)
    read = [_category(entry, f"category {number}", known, faults) for number, entry in enumerate(entries, 1)]
    categories = tuple(category for category in read if category)
    faults += _clashes(categories)
    if faults:
        raise InvalidTaxonomy("; ".join(faults))
    return Draft(name=str(named), categories=categories, counter_examples=counter)


def _clashes(categories: tuple[DraftCategory, ...]) -> Iterable[str]:
    ids: set[str] = set()
    taken: dict[str, str] = {}
    for category in categories:
        if category.id in ids:
            yield f"category {category.id}: the id stands twice"
        ids.add(category.id)
        for standard in category.takes:
            if standard in taken:
                yield f"category {category.id}: from: {taken[standard]} takes {standard} already"
            taken.setdefault(standard, category.id)


def _category(entry: Any, place: str, known: frozenset[str], faults: list[str]) -> DraftCategory | None:
    if not isinstance(entry, Mapping):
        faults.append(f"{place}: must be a table")
        return None
    before = len(faults)
    identity = entry.get("id")
    if not isinstance(identity, str) or not _ID.fullmatch(identity) or identity == OTHER:
        faults.append(f'{place}: id must be lower_snake_case, 2 to 48 characters, and not "{OTHER}"')
        identity = OTHER
    else:
        place = f"category {identity}"
    faults += [f"{place}: {key}: unknown; known are {', '.join(sorted(_KEYS))}" for key in entry if key not in _KEYS]
    title = _text(entry, "title", place, faults) or identity.replace("_", " ").capitalize()
    description = _text(entry, "description", place, faults)
    within = _standard(entry, "within", place, known, faults)
    takes = _standard(entry, "from", place, known, faults)
    examples = _texts(entry, "examples", f"{place}: examples", faults, most=MAX_EXAMPLES)
    counter = _texts(entry, "counter_examples", f"{place}: counter_examples", faults, most=MAX_EXAMPLES)
    if takes and (within or examples or counter):
        faults.append(f"{place}: from: takes whole standard categories; no examples and no within beside it")
    if not takes and len(examples) < MIN_EXAMPLES and len(faults) == before:
        faults.append(f"{place}: examples: {len(examples)} given, {MIN_EXAMPLES} to {MAX_EXAMPLES} are needed")
    threshold = entry.get("threshold")
    if threshold is not None and (
        isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1
    ):
        faults.append(f"{place}: threshold must be a number from 0 to 1")
        threshold = None
    fault, action, scope = (_choice(entry, key, place, faults) for key in ("fault", "action", "scope"))
    if len(faults) > before:
        return None
    return DraftCategory(
        id=identity,
        title=title,
        description=description,
        examples=examples,
        counter_examples=counter,
        within=within,
        takes=takes,
        fault=Fault(fault) if fault else None,
        action=Action(action) if action else None,
        scope=Scope(scope) if scope else None,
        threshold=None if threshold is None else float(threshold),
    )


_CHOICES: Mapping[str, type[StrEnum]] = {"fault": Fault, "action": Action, "scope": Scope}


def _choice(entry: Mapping[str, Any], key: str, place: str, faults: list[str]) -> str | None:
    value = entry.get(key)
    allowed = [choice.value for choice in _CHOICES[key]]
    if value is not None and value not in allowed:
        faults.append(f"{place}: {key} must be one of {', '.join(allowed)}")
        return None
    return value


def _text(entry: Mapping[str, Any], key: str, place: str, faults: list[str]) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str) or len(value) > MAX_EXAMPLE_CHARACTERS:
        faults.append(f"{place}: {key} must be a string of at most {MAX_EXAMPLE_CHARACTERS} characters")
        return ""
    return value.strip()


def _texts(entry: Mapping[str, Any], key: str, place: str, faults: list[str], *, most: int) -> tuple[str, ...]:
    values = entry.get(key, [])
    if not isinstance(values, list) or len(values) > most:
        faults.append(f"{place}: must be a list of at most {most} texts")
        return ()
    for number, value in enumerate(values, 1):
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_EXAMPLE_CHARACTERS:
            faults.append(f"{place} {number}: must be a text of 1 to {MAX_EXAMPLE_CHARACTERS} characters")
    return tuple(value for value in values if isinstance(value, str))


def _standard(
    entry: Mapping[str, Any], key: str, place: str, known: frozenset[str], faults: list[str]
) -> tuple[str, ...]:
    value = entry.get(key, [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        faults.append(f"{place}: {key} must be a standard category or a list of them")
        return ()
    faults += [f"{place}: {key}: {name} is no standard category" for name in names if name not in known]
    if len(set(names)) < len(names):
        faults.append(f"{place}: {key} names a category twice")
    return tuple(names)


def resolve(draft: Draft, version: str, standard: Taxonomy) -> Taxonomy:
    """Return the taxonomy with every policy filled in.

    What a category leaves out comes from the standard categories that it names where these agree (the highest of their
    thresholds), else from the careful default: undetermined, review, message, 0.5.
    """
    categories = tuple(_resolved(category, standard) for category in draft.categories)
    return Taxonomy(name=draft.name, version=version, categories=categories)


def _resolved(category: DraftCategory, standard: Taxonomy) -> Category:
    named = [standard.by_id[name] for name in (*category.within, *category.takes)]
    faults, actions, scopes = {c.fault for c in named}, {c.action for c in named}, {c.scope for c in named}
    threshold = category.threshold
    if threshold is None:
        threshold = max((c.threshold for c in named), default=DEFAULT_THRESHOLD)
    return Category(
        id=category.id,
        title=category.title,
        description=category.description or category.title,
        fault=category.fault or (faults.pop() if len(faults) == 1 else Fault.UNDETERMINED),
        action=category.action or (actions.pop() if len(actions) == 1 else Action.REVIEW),
        scope=category.scope or (scopes.pop() if len(scopes) == 1 else Scope.MESSAGE),
        threshold=threshold,
    )


def to_document(draft: Draft) -> dict[str, Any]:
    """Return a draft as the document it would be read from."""
    return {
        "name": draft.name,
        **({"counter_examples": list(draft.counter_examples)} if draft.counter_examples else {}),
        "category": [_entry(category) for category in draft.categories],
    }


def _entry(category: DraftCategory) -> dict[str, Any]:
    whole = {
        "id": category.id,
        "title": category.title,
        "description": category.description,
        "within": list(category.within),
        "from": list(category.takes),
        "fault": category.fault and category.fault.value,
        "action": category.action and category.action.value,
        "scope": category.scope and category.scope.value,
        "threshold": category.threshold,
        "examples": list(category.examples),
        "counter_examples": list(category.counter_examples),
    }
    return {key: value for key, value in whole.items() if value or value == 0.0}
