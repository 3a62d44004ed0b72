"""Which categories there are, and what each means to its user: versioned data, read from TOML.

    TOML file -> Taxonomy

The schema is docs/taxonomy.md. A file is checked whole, and all that is wrong with it is reported at once, each with
its place, for whoever edits taxonomies has no debugger.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from classifier.domain import Action, Fault, Scope
from classifier.errors import InvalidTaxonomy
from classifier.resources import resource

UNDETERMINED = "undetermined"
_ID = re.compile(r"[a-z][a-z0-9_]{1,47}")


@dataclass(frozen=True, kw_only=True)
class Category:
    """One reason for a failure, with its policy.

    Attributes:
        id: lower_snake_case, 2 to 48 characters.
        title: A few words for lists.
        description: One or two sentences that a labeller decides by.
        fault, action, scope: What a certain verdict says.
        threshold: Least confidence, 0 to 1, for `action`; below it the verdict is `review`.
    """

    id: str
    title: str
    description: str
    fault: Fault
    action: Action
    scope: Scope
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Taxonomy:
    """A versioned set of categories. `version` is any short string; equal name and version mean equal content."""

    name: str
    version: str
    categories: tuple[Category, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Category]:
        """Categories by their id."""
        return {category.id: category for category in self.categories}

    @property
    def label(self) -> str:
        """Name and version as answers carry it: "standard/1"."""
        return f"{self.name}/{self.version}"

    def with_thresholds(self, thresholds: Mapping[str, float]) -> "Taxonomy":
        """Return the same taxonomy with thresholds that a trained bundle brings; unnamed ones stay."""
        changed = tuple(replace(c, threshold=thresholds.get(c.id, c.threshold)) for c in self.categories)
        return replace(self, categories=changed)


def load_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy file.

    Raises:
        InvalidTaxonomy: The file cannot be read or breaks the schema; the message lists every fault with its place.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidTaxonomy(f"{path.name}: cannot be read: {error}") from error
    return parse_taxonomy(document, origin=path.name)


def parse_taxonomy(document: Mapping[str, Any], *, origin: str) -> Taxonomy:
    """Check a parsed TOML document and return the taxonomy in it (errors: see `load_taxonomy`)."""
    faults: list[str] = []
    name, version = document.get("name"), document.get("version")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        faults.append("name: must be lower_snake_case, 2 to 48 characters")
    if not isinstance(version, str) or not version:
        faults.append("version: must be a string that is not empty")
    entries = document.get("category")
    if not isinstance(entries, list) or not entries:
        faults.append("category: at least one [[category]] is needed")
        entries = []
    categories = [_category(entry, f"category {number}", faults) for number, entry in enumerate(entries, 1)]
    seen: set[str] = set()
    for category in categories:
        if category and category.id in seen:
            faults.append(f"category {category.id}: the id stands twice")
        seen.add(category.id if category else "")
    if faults:
        raise InvalidTaxonomy(f"{origin}: " + "; ".join(faults))
    return Taxonomy(name=str(name), version=str(version), categories=tuple(filter(None, categories)))


def _category(entry: Any, place: str, faults: list[str]) -> Category | None:
    if not isinstance(entry, dict):
        faults.append(f"{place}: must be a table")
        return None
    before = len(faults)
    identity = entry.get("id")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        faults.append(f"{place}: id must be lower_snake_case, 2 to 48 characters")
    else:
        place = f"category {identity}"
    words = ("title", "description")
    faults += [f"{place}: {k} is missing" for k in words if not isinstance(entry.get(k), str) or not entry[k].strip()]
    axes: tuple[tuple[str, type[StrEnum]], ...] = (("fault", Fault), ("action", Action), ("scope", Scope))
    faults += [f"{place}: {k} must be one of {', '.join(_names(e))}" for k, e in axes if entry.get(k) not in _names(e)]
    threshold = entry.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        faults.append(f"{place}: threshold must be a number from 0 to 1")
    if len(faults) > before:
        return None
    return Category(
        id=entry["id"],
        title=entry["title"],
        description=entry["description"],
        fault=Fault(entry["fault"]),
        action=Action(entry["action"]),
        scope=Scope(entry["scope"]),
        threshold=float(entry["threshold"]),
    )


def _names(choices: type[StrEnum]) -> list[str]:
    return [choice.value for choice in choices]


def standard_taxonomy() -> Taxonomy:
    """Return the taxonomy that ships with Rebound: 29 categories (data/taxonomy/standard.toml)."""
    return load_taxonomy(resource("taxonomy/standard.toml"))
