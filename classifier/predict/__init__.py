"""Step 3: what the model believes about a template.

templates -> predictions
"""

from collections.abc import Sequence
from typing import Protocol

from classifier.domain import Prediction


class Predictor(Protocol):
    """Anything that turns templates into predictions: the model, the fallback, or a cache around either.

    Implementations are safe to call from several threads at once.
    """

    @property
    def label(self) -> str:
        """Name and version of what answers, such as "minilm-l4/1"."""
        ...

    def predict(self, templates: Sequence[str]) -> list[Prediction]:
        """Return one prediction for each template, in order; an empty sequence gives an empty list."""
        ...
