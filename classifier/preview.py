"""Before publishing: how would these texts be classified under a draft, and which decisions would change?

templates or failures + the taxonomy in use + the draft, fitted -> counts and changes
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from classifier.custom.catalogue import Tailored
from classifier.custom.draft import OTHER
from classifier.domain import Failure, Kind
from classifier.parse.replies import find_enhanced_code, find_smtp_code
from classifier.pipeline import Answer, Pipeline

MOST_CHANGES = 500


@dataclass(frozen=True, kw_only=True)
class Change:
    """One failure that would be decided otherwise."""

    before: Answer
    after: Answer


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a draft would do.

    Attributes:
        total: Failures looked at.
        before, after: How many of each category.
        changes: Those whose category or action changes; a standard answer that becomes "other" with the same action is none.
    """

    total: int
    before: Mapping[str, int]
    after: Mapping[str, int]
    changes: tuple[Change, ...]


def preview(pipeline: Pipeline, failures: Sequence[Failure], *, current: Tailored | None, draft: Tailored) -> Preview:
    """Classify failures under the taxonomy in use (None: the standard one) and under a draft."""
    before = pipeline.classify(failures, [current] * len(failures), record=False)
    after = pipeline.classify(failures, [draft] * len(failures), record=False)
    changes = [Change(before=b, after=a) for b, a in zip(before, after, strict=True) if _differ(b, a)]
    return Preview(
        total=len(failures),
        before=Counter(answer.verdict.category for answer in before),
        after=Counter(answer.verdict.category for answer in after),
        changes=tuple(changes),
    )


def _differ(before: Answer, after: Answer) -> bool:
    old, new = before.verdict, after.verdict
    if old.action is not new.action:
        return True
    unclaimed = new.category == OTHER and old.standard is None
    return old.category != new.category and not unclaimed


def failures_of(texts: Iterable[str]) -> list[Failure]:
    """Return texts or templates as failures, their codes read from them."""
    return [
        Failure(
            kind=Kind.FAILURE, diagnostic=t, smtp_code=find_smtp_code(t), enhanced_code=find_enhanced_code(t)
        )
        for t in texts
    ]  # fmt: skip


def to_document(shown: Preview) -> dict[str, Any]:
    """Return a preview as JSON-ready fields, with at most `MOST_CHANGES` changes spelled out."""
    return {
        "total": shown.total,
        "before": dict(shown.before),
        "after": dict(shown.after),
        "changed": len(shown.changes),
        "changes": [_change(change) for change in shown.changes[:MOST_CHANGES]],
    }


def _change(change: Change) -> dict[str, Any]:
    sides = {"before": change.before.verdict, "after": change.after.verdict}
    return {"template": change.after.template, "template_id": change.after.template_id} | {
        side: {"category": v.category, "confidence": v.confidence, "action": v.action.value, "taxonomy": v.taxonomy}
        for side, v in sides.items()
    }
