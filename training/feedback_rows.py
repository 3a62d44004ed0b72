"""What people agreed on, as rows to learn from, and a part of it kept out to see whether it was understood.

    labels of accepted batches -> Feedback(learnt, held_out)

Which label is kept out is decided by when it was given and by its words, never by what comes later: a template stays on its
side of the line from run to run, and its near-duplicates follow it, so that what is judged was not learnt by the model
before either. (A template may change sides where it is labelled anew, where later words tie it to an older one, or where labels
with earlier ids come to count later, out of quarantine.) Whoever gave such a label loses nothing: its pin goes on holding.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from classifier.normalise import template_id
from classifier.store import AgreedLabel
from training.dataset import Row, group_templates, key_of

SOURCE = "feedback"
ALL_LEARNT = 9
"""So many labels, the first ones, are all learnt from: they are too dear, and one text would decide."""
HELD_OUT_ONE_IN = 5
"""Of the later ones, one in so many is kept out, and never more."""


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
    held = _held_out(sorted(taught, key=lambda label: label.first_id))
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


def _held_out(labels: Sequence[AgreedLabel]) -> frozenset[str]:
    """Return the templates that are kept out, of labels in the order in which they were given."""
    templates = [label.text for label in labels]
    kept_out: dict[int, bool] = {}  # by group: where its first template went, the others follow
    out: list[str] = []
    for place, (template, group) in enumerate(zip(templates, group_templates(templates), strict=True)):
        lot = int(template_id(template), 16) % HELD_OUT_ONE_IN == 0
        # A provider's new wording may be one large group: whatever it is, most of it is learnt.
        if kept_out.setdefault(group, place >= ALL_LEARNT and lot) and len(out) < (place + 1) // HELD_OUT_ONE_IN:
            out.append(template)
    return frozenset(out)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
