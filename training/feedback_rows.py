"""What people agreed on, as rows to learn from, and a part of it kept out to see whether it was understood.

    labels of accepted batches -> Feedback(learnt, held_out)

Which label is kept out is decided by its words, not by lot: a template and its near-duplicates stay on their side of the
line from run to run, so that the part that is judged was not learnt by the model before either. Whoever gave such a label
loses nothing: its pin goes on holding.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from classifier.normalise import template_id
from classifier.store import AgreedLabel
from training.dataset import Row, group_templates, key_of

SOURCE = "feedback"
HELD_OUT_FROM = 10
"""From so many labels on, a part is kept out; fewer are too dear, and one text would decide."""
HELD_OUT_ONE_IN = 5


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """Labels to learn from and labels to judge by.

    Attributes:
        learnt: Rows that are trained on.
        held_out: Rows that are only judged.
        labels_until: Highest label id that was read; 0 where there is none.
        sha256: Names the labels: equal where the same templates have the same categories.
        set_aside: How many labels teach nothing, for their template is of a test set or their category unknown.
    """

    learnt: list[Row]
    held_out: list[Row]
    labels_until: int
    sha256: str
    set_aside: int = 0

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [*self.learnt, *self.held_out]

    @property
    def category_of(self) -> dict[str, str]:
        """What people say of each template, by its id."""
        return {template_id(row.template): row.label for row in self.rows}


def feedback_of(
    labels: Sequence[AgreedLabel], *, categories: Collection[str], barred: Collection[str] = (), weight: float = 4.0
) -> Feedback:
    """Return the rows of what people agreed on.

    Args:
        labels: From `LabelRepository.agreed`.
        categories: Ids that the model can answer; a label of any other teaches nothing.
        barred: Keys (`key_of`) of templates that must not be trained on: those of the test sets.
        weight: Of a row beside an authored one's 1.
    """
    taught = [label for label in labels if label.category in categories and key_of(label.text) not in barred]
    held = _held_out([label.text for label in taught]) if len(taught) >= HELD_OUT_FROM else frozenset()
    rows = [_row(label, weight) for label in taught]
    return Feedback(
        learnt=[row for row in rows if row.template not in held],
        held_out=[row for row in rows if row.template in held],
        labels_until=max((label.label_id for label in labels), default=0),
        sha256=_digest(f"{label.template_id} {label.category}" for label in labels),
        set_aside=len(labels) - len(taught),
    )


def without(rows: Iterable[Row], feedback: Feedback) -> list[Row]:
    """Return the rows of a corpus that people have not judged otherwise, nor just now taught."""
    judged = {key_of(row.template) for row in feedback.rows}
    return [row for row in rows if key_of(row.template) not in judged]


def _row(label: AgreedLabel, weight: float) -> Row:
    # Nobody says in which language a label is; what is not ASCII is varied as foreign texts are.
    lang = "en" if label.text.isascii() else "und"
    return Row(template=label.text, target={label.category: 1.0}, lang=lang, source=SOURCE, weight=weight)


def _held_out(templates: Sequence[str]) -> frozenset[str]:
    """Return the templates that are kept out: whole groups, in the order of their digests, up to one in five."""
    groups = defaultdict(list)
    for template, group in zip(templates, group_templates(templates), strict=True):
        groups[group].append(template)
    chosen: list[str] = []
    ranked = sorted(groups.values(), key=_place)
    for members in (members for members in ranked if _place(members) % HELD_OUT_ONE_IN == 0):
        if (len(chosen) + len(members)) * HELD_OUT_ONE_IN <= len(templates):
            chosen += members
    return frozenset(chosen)


def _place(members: Sequence[str]) -> int:
    return min(int(template_id(member), 16) for member in members)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
