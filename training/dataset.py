"""Labelled texts to training rows: normalised, de-duplicated, conflicts settled, split by template.

    authored corpus + labelled files + laboratory -> Dataset(train, dev)

The development part (temperature, thresholds, early choices) never shares a template with the training part, nor a
fragment of one: a text that is contained in another goes where the other goes.
"""

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.bundle import sha256_of
from classifier.normalise import template_id, template_of
from classifier.parse import parse_email
from classifier.resources import resource
from training.authored import Example, read_authored

_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One template to learn from.

    Attributes:
        template: Normalised text.
        target: Category id to share; two categories where a text is ambiguous; shares sum to 1.
        lang, source: As in `Example`.
        weight: How much it counts.
        cause: As in `Example`.
    """

    template: str
    target: dict[str, float]
    lang: str
    source: str
    weight: float
    cause: str = ""

    @property
    def label(self) -> str:
        """The category with the largest share."""
        return max(self.target, key=lambda name: self.target[name])


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Rows to train on and rows to calibrate on, with what was found on the way (for the data card)."""

    train: list[Row]
    dev: list[Row]
    conflicts: list[tuple[str, str, str]]
    hashes: dict[str, str]


def read_labelled(path: Path, *, weight: float = 1.0) -> list[Row]:
    """Read a JSON Lines file of labelled texts: `text`, `label`, `lang`?, `also`?, `source`?, codes."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        also = record.get("also") if record.get("ambiguous") else None
        rows.append(
            Row(
                template=template_of(
                    record["text"], smtp_code=record.get("smtp_code"), enhanced_code=record.get("enhanced_code")
                ),
                target={record["label"]: 0.5, also: 0.5} if also else {record["label"]: 1.0},
                lang=record.get("lang", "en"),
                source=record.get("source", path.stem),
                weight=weight,
            )
        )
    return rows


def read_lab(folder: Path) -> list[Row]:
    """Read bounces that real mail servers made for scripted failures, as the parser reads them in service.

    Each `<mta>.jsonl` of the folder lists emails of `<mta>/` with `observable_cause`, the category that the words allow;
    an email whose words name none is left out.
    """
    rows = []
    for manifest in sorted(folder.glob("*.jsonl")):
        for line in manifest.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if not record["observable_cause"]:
                continue
            report = parse_email((folder / manifest.stem / record["file"]).read_bytes())
            rows += [
                Row(
                    template=template_of(
                        f.diagnostic,
                        smtp_code=f.smtp_code,
                        enhanced_code=f.enhanced_code,
                        addresses=[a for a in (f.recipient, f.original_recipient) if a],
                    ),
                    target={record["observable_cause"]: 1.0},
                    lang="en",
                    source=f"lab/{manifest.stem}",
                    weight=1.0,
                )
                for f in report.failures
                if f.diagnostic
            ]
    return rows


def of_authored(examples: Iterable[Example]) -> list[Row]:
    """Normalise authored examples."""
    return [
        Row(
            template=template_of(e.text, smtp_code=None, enhanced_code=None),
            target={e.label: 1.0},
            lang=e.lang,
            source=e.source,
            weight=e.weight,
            cause=e.cause,
        )
        for e in examples
    ]


def build(
    authored: Path,
    labelled: Sequence[Path],
    *,
    lab: Path | None = None,
    held_out: Sequence[Path],
    categories: frozenset[str],
    dev_share: float = 0.0,
    held_back: frozenset[str] = frozenset(),
    labelled_weight: float,
    seed: int,
) -> Dataset:
    """Build the data set of one run.

    Args:
        authored: Folder of the authored corpus.
        labelled: Files of labelled real texts; they win where labels conflict.
        lab: Folder of bounces from a laboratory of mail servers (`read_lab`).
        held_out: Files whose templates must not be trained on, whatever their source.
        categories: Ids that labels may have.
        dev_share: Share of template groups to hold back by lot, 0 to 0.5, where `held_back` is empty.
        held_back: Ids of templates that are held back with their groups: by name, so that they stay held back when texts
            are added, and a model that learns on is never calibrated on what it has learnt.
        labelled_weight: Weight of a real text beside an authored one's 1.
        seed: Of the split.
    """
    real = [row for path in labelled for row in read_labelled(path, weight=labelled_weight)]
    real += read_lab(lab) if lab else []
    written = of_authored(read_authored(authored, categories))
    barred = {key_of(row.template) for path in held_out for row in read_labelled(path)}
    unique, conflicts = _settle([row for row in [*real, *written] if key_of(row.template) not in barred])
    train, dev = _split(unique, dev_share, held_back, seed)
    train.append(Row(template="", target={"undetermined": 1.0}, lang="en", source="empty", weight=1.0))
    files = [*labelled, *(sorted(lab.glob("*.jsonl")) if lab else []), *sorted(authored.rglob("*.txt"))]
    return Dataset(train=train, dev=dev, conflicts=conflicts, hashes=_hashes(files, authored))


def _hashes(files: Iterable[Path], authored: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, those of the authored corpus by their place in it."""
    return {
        str(path.relative_to(authored)) if path.is_relative_to(authored) else path.name: sha256_of(path)
        for path in files
    }


def held_back() -> frozenset[str]:
    """Return the ids of the templates that are never trained on but calibrated on (data/held_back.ids)."""
    return frozenset(resource("held_back.ids").read_text(encoding="utf-8").split())


def key_of(template: str) -> str:
    """Return what two spellings of one template have in common."""
    return " ".join(template.lower().split())


def _settle(rows: list[Row]) -> tuple[list[Row], list[tuple[str, str, str]]]:
    """Keep one row a template: the first (real texts come first); note templates that carry two labels."""
    first: dict[str, Row] = {}
    conflicts = []
    for row in rows:
        key = key_of(row.template)
        if not key:
            continue
        if key in first and not set(row.target) & set(first[key].target):
            conflicts.append((row.template, first[key].label, row.label))
        first.setdefault(key, row)
    return list(first.values()), conflicts


def _split(rows: list[Row], dev_share: float, held_back: frozenset[str], seed: int) -> tuple[list[Row], list[Row]]:
    groups = defaultdict(list)
    for row, group in zip(rows, group_templates([row.template for row in rows]), strict=True):
        groups[group].append(row)
    keys = sorted(groups)
    if held_back:
        held = {key for key in keys if any(template_id(row.template) in held_back for row in groups[key])}
    else:
        held = set(random.Random(seed).sample(keys, int(len(keys) * dev_share)))
    train = [row for key in sorted(groups) if key not in held for row in groups[key]]
    return train, [replace(row, weight=1.0) for key in sorted(held) for row in groups[key]]


def group_templates(templates: Sequence[str]) -> list[int]:
    """Return a group number for each template; near-duplicates share one.

    Two templates are near-duplicates if their words, without codes and placeholders, are the same, or if the words of
    one stand inside the other and make up at least three words of it.
    """
    words = [" ".join(_WORDS.findall(re.sub(r"\[[A-Z]+[^\]]*\]", " ", template.lower()))) for template in templates]
    by_words: dict[str, int] = {}
    group = [by_words.setdefault(text, i) for i, text in enumerate(words)]
    # Containment, by an index on the first three words of each short text.
    starts = defaultdict(list)
    for text, i in by_words.items():
        head = text.split()[:3]
        if len(head) == 3:
            starts[tuple(head)].append((text, i))
    merged = {i: i for i in by_words.values()}
    for text, i in by_words.items():
        parts = text.split()
        for at in range(len(parts) - 2):
            for short, j in starts.get((parts[at], parts[at + 1], parts[at + 2]), ()):
                if j != i and len(short) < len(text) and f" {short} " in f" {text} ":
                    merged[_root(merged, j)] = _root(merged, i)
    return [_root(merged, i) for i in group]


def _root(merged: dict[int, int], i: int) -> int:
    while merged[i] != i:
        i = merged[i]
    return i
