"""Labels given under an older version, carried over to a newer one: renamed, merged, and what was split listed for people.

    labels + mapping + the new taxonomy's categories -> what is carried, what has to be labelled again

A split category's labels are never guessed: whoever split it knows why, the old label does not.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from classifier.errors import InvalidInput

_SECTIONS = frozenset({"rename", "merge", "split"})


@dataclass(frozen=True, kw_only=True)
class CategoryMapping:
    """How an older version's categories became a newer one's.

    Attributes:
        target: Old id to the one new id that it became, by renaming or merging.
        split: Old id to the new ids that it was split into.
    """

    target: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """Labels after a migration, each as it came but for `category`; the order is kept.

    Attributes:
        carried: Labels that hold under the new version; `was` names the old category where it changed.
        relabel: Labels that do not, each with `was`, `reason` ("split" or "gone") and `candidates`; `category` is null.
    """

    carried: tuple[Mapping[str, Any], ...]
    relabel: tuple[Mapping[str, Any], ...]


def read_mapping(document: Any, categories: Set[str]) -> CategoryMapping:
    """Check a mapping: `rename` {old: new}, `merge` {new: [old, ...]}, `split` {old: [new, ...]}.

    Args:
        document: The decoded TOML or JSON.
        categories: Ids of the new version, "other" among them.

    Raises:
        InvalidInput: The message lists every fault with its place.
    """
    if not isinstance(document, Mapping) or set(document) - _SECTIONS:
        raise InvalidInput("a mapping has the tables rename, merge and split, and no others")
    faults: list[str] = []
    target: dict[str, str] = {}
    split: dict[str, tuple[str, ...]] = {}

    def place(old: Any, new: Any, where: str) -> None:
        if not isinstance(old, str) or not isinstance(new, str):
            faults.append(f"{where}: names of categories are strings")
        elif new not in categories:
            faults.append(f"{where}: the new version has no category {new}")
        elif old in target or old in split:
            faults.append(f"{where}: {old} is mapped already")
        else:
            target[old] = new

    for old, new in _table(document, "rename", faults):
        place(old, new, f"rename.{old}")
    for new, olds in _table(document, "merge", faults):
        for each in olds if isinstance(olds, list) else [None]:
            place(each, new, f"merge.{new}")
    for old, news in _table(document, "split", faults):
        if not isinstance(news, list) or len(news) < 2:
            faults.append(f"split.{old}: needs two or more new categories")
        elif gone := [str(new) for new in news if new not in categories]:
            faults.append(f"split.{old}: the new version has no category {', '.join(gone)}")
        elif old in target:
            faults.append(f"split.{old}: {old} is mapped already")
        else:
            split[old] = tuple(news)
    if faults:
        raise InvalidInput("; ".join(faults))
    return CategoryMapping(target=target, split=split)


def _table(document: Mapping[str, Any], key: str, faults: list[str]) -> Iterable[tuple[str, Any]]:
    table = document.get(key, {})
    if not isinstance(table, Mapping):
        faults.append(f"{key}: must be a table")
        return ()
    return table.items()


def migrate(labels: Sequence[Mapping[str, Any]], mapping: CategoryMapping, categories: Set[str]) -> Migrated:
    """Carry labels over; pure.

    Args:
        labels: Each with at least `category`; everything else is passed on untouched.
        mapping: See `read_mapping`.
        categories: Ids of the new version, "other" among them.

    Raises:
        InvalidInput: A label has no category; the message gives its number.
    """
    carried: list[Mapping[str, Any]] = []
    relabel: list[Mapping[str, Any]] = []
    for number, label in enumerate(labels, 1):
        old = label.get("category") if isinstance(label, Mapping) else None
        if not isinstance(old, str):
            raise InvalidInput(f"label {number}: must be an object with a category")
        if old in mapping.split:
            relabel.append(_open(label, old, "split", mapping.split[old]))
        elif old in mapping.target:
            carried.append({**label, "category": mapping.target[old], "was": old})
        elif old in categories:
            carried.append(label)
        else:
            relabel.append(_open(label, old, "gone", ()))
    return Migrated(carried=tuple(carried), relabel=tuple(relabel))


def _open(label: Mapping[str, Any], old: str, reason: str, candidates: Sequence[str]) -> Mapping[str, Any]:
    return {**label, "category": None, "was": old, "reason": reason, "candidates": list(candidates)}
