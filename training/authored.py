"""Reads the authored corpus (format: data/authored/README.md) and fills its slots."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BY_LANGUAGE = frozenset({"core", "core2", "damaged", "lang"})
"""Folders with one file a language, named by its ISO 639 code; all else is English."""
_SECTION = re.compile(r"\[(?P<label>[a-z][a-z0-9_]*)(?: @ (?P<manner>[^\]]+)| / (?P<cause>[a-z][a-z0-9_]*))?\]")
_SLOT = re.compile(r"\{(addr|sender|local|domain|sdomain|host|client|ip6?|id|n|size|date|url)\}")
_NAMES = (
    "anna",
    "j.kovacs",
    "info",
    "sales",
    "m_oduya",
    "petra.lang",
    "b.nowak",
    "yuki",
    "lee.min",
    "r.silva",
    "office",
)
_WORDS = ("harbor", "lumen", "tessera", "alpenmail", "fjordnet", "quanta", "meridian", "oakline", "sunfield", "kestrel")
_ENDS = ("com", "net", "org", "example", "de", "fr", "co.jp", "com.br", "ru", "it", "co.uk", "edu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled text.

    Attributes:
        text: As a server would say it.
        label: Category id.
        lang: ISO 639 code.
        source: Where it comes from: file of the authored corpus, or the name a labelled file gives.
        weight: How much it counts in training, above 0.
        cause: What the text says more closely than its category, across categories; empty where nobody wrote that down.
    """

    text: str
    label: str
    lang: str
    source: str
    weight: float = 1.0
    cause: str = ""


class MalformedCorpus(ValueError):
    """A line of the corpus stands outside any section, or a section names no known category."""


def read_authored(folder: Path, categories: frozenset[str]) -> list[Example]:
    """Return every text of the corpus with its slots filled, the same values at every reading.

    Raises:
        MalformedCorpus: With file and line.
    """
    examples: list[Example] = []
    for path in sorted(folder.rglob("*.txt")):
        lang = path.stem if path.parent.name in _BY_LANGUAGE else "en"
        examples += _read_file(path, str(path.relative_to(folder)), lang, categories)
    return examples


def _read_file(path: Path, source: str, lang: str, categories: frozenset[str]) -> Iterator[Example]:
    label = manner = cause = None
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("# "):
            continue
        if section := _SECTION.fullmatch(line):
            label, manner, cause = section["label"], section["manner"], section["cause"]
            if label not in categories:
                raise MalformedCorpus(f"{source}:{number}: {label} is no category")
            continue
        if label is None:
            raise MalformedCorpus(f"{source}:{number}: a text before the first [category]")
        spoken = manner if lang == "more" and manner else lang
        yield Example(
            text=fill(line, seed=f"{source}:{number}"), label=label, lang=spoken, source=f"authored/{source}",
            cause=cause or "",
        )  # fmt: skip


def fill(line: str, *, seed: str) -> str:
    r"""Fill the slots of a line and turn its `\\n` into line breaks; equal seeds give equal texts."""
    chance = random.Random(seed)
    return _SLOT.sub(lambda match: _value(match[1], chance), line).replace("\\n", "\n")


def _value(slot: str, chance: random.Random) -> str:
    domain = f"{chance.choice(_WORDS)}.{chance.choice(_ENDS)}"
    name = chance.choice(_NAMES)
    match slot:
        case "addr" | "sender":
            return f"{name}@{domain}"
        case "local":
            return name
        case "domain" | "sdomain":
            return domain
        case "host" | "client":
            return f"{chance.choice(('mx1', 'mail', 'smtp', 'in-02'))}.{domain}"
        case "ip":
            return f"192.0.2.{chance.randint(1, 254)}"
        case "ip6":
            return f"2001:db8::{chance.randint(1, 4095):x}"
        case "id":
            return "".join(chance.choices("0123456789ABCDEF", k=10)) + "4A"
        case "n":
            return str(chance.randint(1, 500))
        case "size":
            return str(chance.randint(100_000, 60_000_000))
        case "date":
            return f"Tue, {chance.randint(1, 28)} Mar 2025 10:{chance.randint(10, 59)}:07 +0100"
        case _:
            return f"https://help.{domain}/mail"
