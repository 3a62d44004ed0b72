"""The story, told once: a bounce in, a verdict out.

raw email -> parse -> failures ─┐
record    ----------> failure ──┴> normalise -> predict -> decide -> answers
"""

from collections.abc import Sequence
from dataclasses import dataclass

from classifier.decide import decide, no_failure
from classifier.domain import Failure, Kind, ParseLimits, Verdict
from classifier.memo import Memo
from classifier.normalise import template_id, template_of
from classifier.parse import parse_email
from classifier.predict import Predictor
from classifier.predict.evidence import Evidence, Explainer
from classifier.taxonomy import Taxonomy

_CLASSIFIED = (Kind.FAILURE, Kind.DELAYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One failure with its template and its verdict."""

    failure: Failure
    template: str
    template_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAnswer:
    """One email's answers, one per recipient, and what could not be read of it."""

    answers: tuple[Answer, ...]
    defects: tuple[str, ...]


class Pipeline:
    """Classifies failures with one predictor and one taxonomy. Safe to share between threads.

    Args:
        predictor: What turns templates into predictions.
        taxonomy: What the categories mean.
        limits: Bounds on one email.
        explainer: Gives evidence on request; None where no model is loaded.
        remembered: Answers kept in memory for failures that come again word for word.
    """

    def __init__(
        self,
        predictor: Predictor,
        taxonomy: Taxonomy,
        *,
        limits: ParseLimits,
        explainer: Explainer | None = None,
        remembered: int = 1,
    ) -> None:
        self.predictor = predictor
        self.taxonomy = taxonomy
        self.limits = limits
        self._explainer = explainer
        self._answers: Memo[Failure, Answer] = Memo(remembered)

    def classify_email(self, raw: bytes) -> EmailAnswer:
        """Classify every recipient's failure that one email reports.

        Raises:
            MessageTooLarge: The email exceeds a limit; nothing else about its form raises.
        """
        report = parse_email(raw, self.limits)
        return EmailAnswer(answers=tuple(self.classify(report.failures)), defects=report.defects)

    def classify(self, failures: Sequence[Failure]) -> list[Answer]:
        """Classify failures in one batch: an equal failure is answered from memory, a new one by its template."""
        return self._answers.many(failures, self._classify)

    def _classify(self, failures: Sequence[Failure]) -> list[Answer]:
        templates = [_template(failure) for failure in failures]
        asked = [i for i, failure in enumerate(failures) if failure.kind in _CLASSIFIED]
        predictions = dict(zip(asked, self.predictor.predict([templates[i] for i in asked]), strict=True))
        return [
            Answer(
                failure=failure,
                template=template,
                template_id=template_id(template),
                verdict=decide(failure, predictions[i], self.taxonomy)
                if i in predictions
                else no_failure(failure, model=self.predictor.label, taxonomy=self.taxonomy),
            )
            for i, (failure, template) in enumerate(zip(failures, templates, strict=True))
        ]

    def explain(self, answer: Answer) -> Evidence | None:
        """Return the evidence for an answer; None if no model gave it."""
        if self._explainer is None or answer.failure.kind not in _CLASSIFIED:
            return None
        return self._explainer.explain(answer.template, answer.verdict.category)


def _template(failure: Failure) -> str:
    known = [address for address in (failure.recipient, failure.original_recipient) if address]
    return template_of(
        failure.diagnostic, smtp_code=failure.smtp_code, enhanced_code=failure.enhanced_code, addresses=known
    )
