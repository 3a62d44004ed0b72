"""Step 3: what the model believes about a template.

templates -> predictions
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from classifier.domain import Prediction, Source


class Predictor(Protocol):
    """Anything that turns templates into predictions: the model, the fallback, or a cache around either.

    Implementations are safe to call from several threads at once.
    """

    @property
    def label(self) -> str:
        """Name and version of what answers, such as "minilm-l4/1"."""
        ...

    @property
    def source(self) -> Source:
        """Who answers: a model or the fallback."""
        ...

    def predict(self, templates: Sequence[str]) -> list[Prediction]:
        """Return one prediction for each template, in order; an empty sequence gives an empty list."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """All that one inference gives for a template: the standard answer, and what heads of user categories read.

    Attributes:
        prediction: Over the standard categories.
        embedding: The encoder's pooled vector, in half precision; None where no model answered.
        ids: The template's token ids, without the marks at either end; None where no model answered.
    """

    prediction: Prediction
    embedding: npt.NDArray[np.float16] | None = None
    ids: npt.NDArray[np.uint16] | None = None


@runtime_checkable
class Encoder(Protocol):
    """A predictor that also gives what heads read. Safe to call from several threads at once."""

    def encoded(self, templates: Sequence[str]) -> list[Encoded]:
        """Return everything for each template, in order; the model runs once."""
        ...
