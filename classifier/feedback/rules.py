"""Whom to believe: pure rules over labels.

Poisoning and honest mistakes look alike from here: many labels in a short time against what the model is sure of. Such
labels are neither refused nor believed, a second person looks at them first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

CONFIDENT = 0.9
"""From this confidence on, an answer of the model's counts as one that it is sure of."""
WHOLESALE = 20
"""Templates that the model is sure of and one person labels within an hour, before the rule looks at all: a person who
corrects a new wording of one provider stays below it."""
CONTRADICTING_SHARE = 0.5
"""Share of these templates above which the person is taken to contradict wholesale. Templates that the model is unsure of
have no part in it: whoever poisons could make up as many of them as they like."""
MOST = 60
"""Contradictions within an hour from which on no share matters, for to confirm is as easily made up: more than a provider's
largest honest change of wording brings."""
WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What somebody says of a template, beside what the model said of it then.

    Attributes:
        template_id, taxonomy: What is judged.
        category: The person's answer.
        model_category, model_confidence: The model's own; None where no model was asked.
    """

    template_id: str
    taxonomy: str
    category: str
    model_category: str | None
    model_confidence: float | None

    @property
    def confident(self) -> bool:
        """Whether the model was sure of its answer."""
        return self.model_confidence is not None and self.model_confidence >= CONFIDENT

    @property
    def contradicts(self) -> bool:
        """Whether it speaks against an answer that the model was sure of."""
        return self.confident and self.model_category != self.category


def is_wholesale(labels: Iterable[Judged]) -> bool:
    """Whether one person's labels of the last hour contradict the model's confident answers wholesale.

    Each template counts once, by its last label: to repeat oneself proves nothing.
    """
    against, sure = contradictions(labels)
    return sure >= WHOLESALE and (against > CONTRADICTING_SHARE * sure or against >= MOST)


def contradictions(labels: Iterable[Judged]) -> tuple[int, int]:
    """Return how many templates are contradicted, and how many of those labelled the model was sure of."""
    newest = {(label.template_id, label.taxonomy): label for label in labels}.values()
    return sum(label.contradicts for label in newest), sum(label.confident for label in newest)
