"""What an alarm is, and how it reads at 3 a.m."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_SHOWN = 100
"""Characters of a template in a sentence."""


class Code(StrEnum):
    """What has changed; stable."""

    NEW_WORDING = "new_wording"
    LOW_CONFIDENCE = "low_confidence"
    CATEGORY_MIX = "category_mix"


class Severity(StrEnum):
    """How much of all failures is concerned; see `Rules`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One template as one provider sends it.

    Attributes:
        provider: As in `Alarm`.
        category, confidence: What is answered for it now.
        failures: How many came in the days in question.
        first_seen: The day (UTC) on which it was first seen anywhere.
    """

    template_id: str
    text: str
    provider: str
    category: str
    confidence: float
    failures: int
    first_seen: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One change that is more than chance and large enough to look at.

    Attributes:
        code: What changed.
        severity: By the share of all failures that are concerned.
        provider: Where: "google"; "" for systems that are no known provider's; None for all providers together
            that have no alarm of their own.
        since: The day (UTC) on which it began.
        category: Under `category_mix`, the category that rose most; else None.
        failures: Failures concerned since then: of new templates, of low confidence, of `category`.
        share: Their share of what came from there since then, 0 to 1.
        before: The same share in the month before.
        templates: How many templates they have.
        most_frequent: The most frequent of these.
    """

    code: Code
    severity: Severity
    provider: str | None
    since: date
    category: str | None
    failures: int
    share: float
    before: float
    templates: int
    most_frequent: tuple[Wording, ...]

    @property
    def sentence(self) -> str:
        """The alarm in one line of plain words; what a bounce said is in it only as printable characters."""
        if not self.most_frequent:
            return self.summary
        return f"{self.summary}; the most frequent: {shown(self.most_frequent[0].text)}"

    @property
    def summary(self) -> str:
        """The sentence without the words of any bounce: for logs."""
        new = "new " if self.code is Code.NEW_WORDING else ""
        return (
            f"{self._what()} {place(self.provider)} since {day(self.since)}: {_count(self.templates, f'{new}template')}, "
            f"{_count(self.failures, 'failure')}, {_percent(self.share)} of what {_who_sends(self.provider)} "
            f"({_percent(self.before)} before)"
        )

    def _what(self) -> str:
        match self.code:
            case Code.NEW_WORDING:
                return "wording changed"
            case Code.LOW_CONFIDENCE:
                return "more answers are unsure"
            case Code.CATEGORY_MIX:
                return f"more {self.category}"


def place(provider: str | None) -> str:
    """Return where something happens, in words."""
    match provider:
        case None:
            return "over all providers together"
        case "":
            return "at systems of no known provider"
        case _:
            return f"at {provider}"


def _who_sends(provider: str | None) -> str:
    return "they send" if not provider else "it sends"


def day(when: date) -> str:
    """Return a day as people say it, such as "Tuesday 24 November"."""
    return f"{when:%A} {when.day} {when:%B}"


def shown(text: str) -> str:
    """Return a template for a terminal: cut, and without characters that could steer it."""
    plain = "".join(character if character.isprintable() else " " for character in text[: _SHOWN + 1])
    return plain if len(text) <= _SHOWN else f"{plain[:_SHOWN]} ..."


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
