"""What a fit says beyond the lint, and the one gate that a draft passes on its way to being published."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from classifier.custom.fit import Fitted
from classifier.custom.lint import ERROR, WARNING, Finding
from classifier.errors import InvalidTaxonomy

MANY = 0.2
"""Share of a category's examples that may not lie nearer to one other category."""


def of_fit(fitted: Fitted) -> list[Finding]:
    """Return categories of which many examples lie nearer to another category than to their own, as warnings."""
    pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for category, number, other in fitted.confusions:
        pairs[category, other].append(number)
    sizes = {category.id: len(category.examples) for category in fitted.head.draft.learned}
    return [
        Finding(
            level=WARNING, code="hard_to_tell_apart", place=f"category {category}: examples {', '.join(map(str, numbers))}",
            message=f"lie nearer to the examples of {other} than to the others of their own",
        )
        for (category, other), numbers in pairs.items()
        if len(numbers) >= max(2, MANY * sizes[category])
    ]  # fmt: skip


def refuse_errors(findings: Sequence[Finding]) -> None:
    """Let a draft pass that has no errors.

    Raises:
        InvalidTaxonomy: The message lists every error with its place.
    """
    if errors := [f"{finding.place}: {finding.message}" for finding in findings if finding.level == ERROR]:
        raise InvalidTaxonomy("; ".join(errors))


def to_documents(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as JSON-ready fields."""
    return [asdict(finding) for finding in findings]
