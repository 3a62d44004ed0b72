"""When a change is an alarm: every threshold, with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Thresholds of the alarms.

    Attributes:
        recent: Most days in which something counts as new. A week: a change that nobody acted on for that long is how
            things are.
        month: Days to compare with. Four whole weeks, so that every day of the week counts alike.
        history: Days with traffic that a comparison needs; less is a cold start, and says nothing.
        least: Failures that must have gone elsewhere: fewer are not worth being woken for, whatever their share.
        chance: Largest probability of a difference by chance. Some forty providers, three codes and four windows are
            500 tests a day: one false alarm in five years.
        new_wording: By how much the share of new templates must rise. A twentieth of what a large provider sends is
            thousands of failures; smaller ones are listed as new templates, without alarm.
        low_confidence: By how much the share of unsure answers must rise: at a tenth, reviewers feel it.
        category_mix: Share of failures that must have another cause than before (total variation distance). Campaigns move
            a tenth on any day.
        unsure: Confidence below which an answer is unsure: most categories' own threshold for acting.
        medium, high: Share of all failures from which on an alarm is of that severity.
        telling: Failures from which on a single day's shares say something, when the day is sought on which a change began.
        named: How many of the most frequent templates an alarm names.
    """

    recent: int = 7
    month: int = 28
    history: int = 7
    least: int = 30
    chance: float = 1e-6
    new_wording: float = 0.05
    low_confidence: float = 0.10
    category_mix: float = 0.20
    unsure: float = 0.5
    medium: float = 0.01
    high: float = 0.10
    telling: int = 10
    named: int = 5

    @property
    def windows(self) -> tuple[int, ...]:
        """Lengths of the last days that are compared: short ones see a change at once, long ones a slow or thin one."""
        return (*(2**i for i in range(8) if 2**i < self.recent), self.recent)


RULES = Rules()
