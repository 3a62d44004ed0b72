"""What a new model would change in service: last week's templates that would get another category or action.

what both models say of the same templates -> changes, the destructive ones first, then the most frequent
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """A template that came in lately, and how many failures of it."""

    template_id: str
    template: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a model says of one template.

    Attributes:
        template: Normalised text.
        n: How many failures of it came in.
        category, action: Of the verdict.
        confidence: Of the category, 0 to 1.
        labelled: Category that people agreed on; None where nobody labelled it.
    """

    template: str
    n: int
    category: str
    confidence: float
    action: str
    labelled: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One template that would be answered otherwise."""

    template_id: str
    before: Seen
    after: Seen

    @property
    def template(self) -> str:
        """Its text."""
        return self.before.template

    @property
    def n(self) -> int:
        """How many failures it stands for."""
        return self.before.n

    @property
    def destructive(self) -> bool:
        """Whether recipients would be suppressed that are not suppressed today."""
        return self.after.action == "suppress" != self.before.action

    @property
    def as_labelled(self) -> bool:
        """Whether the new category is what people said."""
        return self.before.labelled == self.after.category

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "template_id": self.template_id,
            "template": self.template,
            "n": self.n,
            "category": [self.before.category, self.after.category],
            "confidence": [round(self.before.confidence, 3), round(self.after.confidence, 3)],
            "action": [self.before.action, self.after.action],
            "destructive": self.destructive,
            "as_labelled": self.as_labelled,
        }


def changes(before: Mapping[str, Seen], after: Mapping[str, Seen]) -> list[Change]:
    """Return the templates whose category or action changes: those to be suppressed first, then by count."""
    found = [
        Change(template_id=key, before=seen, after=after[key])
        for key, seen in before.items()
        if (seen.category, seen.action) != (after[key].category, after[key].action)
    ]
    return sorted(found, key=lambda change: (not change.destructive, -change.n, change.template_id))
