"""The story, told once: a bounce in, a verdict out.

raw email -> parse -> failures ─┐
record    ----------> failure ──┴> normalise -> predict -> decide -> pin -> record -> answers
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from classifier.custom.catalogue import Catalogue, Tailored
from classifier.custom.draft import OTHER, STANDARD
from classifier.decide import decide, decide_tailored, no_failure
from classifier.domain import Failure, Kind, ParseLimits, Prediction, Source, Verdict
from classifier.errors import TaxonomyNotFound
from classifier.memo import Memo
from classifier.normalise import template_id, template_of
from classifier.parse import parse_email
from classifier.pins import Pin, Pins
from classifier.predict import Encoded, Encoder, Predictor
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


class Recorder(Protocol):
    """What remembers answers. Safe to call from several threads at once."""

    def record(self, answers: Sequence[Answer]) -> None:
        """Remember some answers, in microseconds, without waiting for anything and without raising."""
        ...


class Pipeline:
    """Classifies failures with one predictor, under the standard taxonomy or a user's. Safe to share between threads.

    Args:
        predictor: What turns templates into predictions.
        taxonomy: What the standard categories mean.
        limits: Bounds on one email.
        explainer: Gives evidence on request; None where no model is loaded.
        remembered: Answers kept in memory for failures that come again word for word.
        catalogue: Users' taxonomies; None where there are none.
        pins: What people have said, which holds before the model; None where there are none.
        recorder: Remembers what was answered; None where nothing is remembered.
    """

    def __init__(
        self,
        predictor: Predictor,
        taxonomy: Taxonomy,
        *,
        limits: ParseLimits,
        explainer: Explainer | None = None,
        remembered: int = 1,
        catalogue: Catalogue | None = None,
        pins: Pins | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.predictor = predictor
        self.taxonomy = taxonomy
        self.limits = limits
        self._explainer = explainer
        self._catalogue = catalogue
        self._answers: Memo[Failure, Answer] = Memo(remembered)
        self._tailored: Memo[tuple[Failure, Tailored], Answer] = Memo(remembered)
        self._pins = pins
        self._pinned: Memo[_Pinned, Answer] = Memo(remembered)
        self._recorder = recorder

    def under(self, name: str | None) -> Tailored | None:
        """Return the user's taxonomy of a name, as it is now; None for the standard one.

        Raises:
            TaxonomyNotFound: There is none of that name.
            BundleRefused: It cannot be fitted to the model that is loaded.
        """
        if name is None or name == STANDARD:
            return None
        if self._catalogue is None:
            raise TaxonomyNotFound(f"there is no taxonomy {name[:48]!r}")
        return self._catalogue.get(name)

    def classify_email(self, raw: bytes, under: Tailored | None = None) -> EmailAnswer:
        """Classify every recipient's failure that one email reports.

        Raises:
            MessageTooLarge: The email exceeds a limit; nothing else about its form raises.
        """
        report = parse_email(raw, self.limits)
        answers = self.classify(report.failures, [under] * len(report.failures) if under else None)
        return EmailAnswer(answers=tuple(answers), defects=report.defects)

    def classify(
        self, failures: Sequence[Failure], under: Sequence[Tailored | None] | None = None, *, record: bool = True
    ) -> list[Answer]:
        """Classify failures in one batch: an equal failure is answered from memory, a new one by its template.

        Args:
            failures: What to classify.
            under: The taxonomy for each, see `under`; None for the standard one.
            record: Whether the answers are remembered; not those of a trial.
        """
        answers = self.unpinned(failures, under)
        if self._pins:
            answers = self._apply_pins(answers, under or [None] * len(answers))
        if record and self._recorder is not None:
            self._recorder.record(answers)
        return answers

    def unpinned(self, failures: Sequence[Failure], under: Sequence[Tailored | None] | None = None) -> list[Answer]:
        """Return what the model itself says, whatever people have said; nothing is remembered (see `classify`)."""
        if under is None or not any(under):
            return self._answers.many(failures, self._classify)
        asked = [(failure, tailored) for failure, tailored in zip(failures, under, strict=True) if tailored]
        tailored_answers = iter(self._tailored.many(asked, self._tailor))
        standard = [failure for failure, tailored in zip(failures, under, strict=True) if not tailored]
        answers = iter(self._answers.many(standard, self._classify))
        return [next(tailored_answers) if tailored else next(answers) for tailored in under]

    def _tailor(self, asked: Sequence[tuple[Failure, Tailored]]) -> list[Answer]:
        """Answer under users' taxonomies: the standard answer first, then one head each on what the encoder gave."""
        standard = self._answers.many([failure for failure, _ in asked], self._classify)
        encoded = self._encoded([answer.template for answer in standard])
        places: dict[Tailored, list[int]] = {}
        for i, (_, tailored) in enumerate(asked):
            places.setdefault(tailored, []).append(i)
        out = list(standard)
        for tailored, mine in places.items():
            predictions = tailored.head.predict([encoded[i] for i in mine])
            for i, prediction in zip(mine, predictions, strict=True):
                out[i] = self._tailored_answer(standard[i], prediction, tailored)
        return out

    def _tailored_answer(self, answer: Answer, prediction: Prediction, tailored: Tailored) -> Answer:
        verdict, failure = answer.verdict, answer.failure
        if failure.kind in _CLASSIFIED:
            verdict = decide_tailored(
                failure, prediction, tailored.taxonomy, standard=verdict, standard_taxonomy=self.taxonomy
            )
        else:
            verdict = replace(verdict, category=OTHER, standard=verdict.category, taxonomy=tailored.taxonomy.label)
        return replace(answer, verdict=verdict)

    def _encoded(self, templates: Sequence[str]) -> list[Encoded]:
        if isinstance(self.predictor, Encoder):
            return self.predictor.encoded(templates)
        return [Encoded(prediction) for prediction in self.predictor.predict(templates)]

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
                else no_failure(
                    failure, source=self.predictor.source, model=self.predictor.label, taxonomy=self.taxonomy
                ),
            )
            for i, (failure, template) in enumerate(zip(failures, templates, strict=True))
        ]

    def _apply_pins(self, answers: list[Answer], under: Sequence[Tailored | None]) -> list[Answer]:
        """Replace the answers whose template is pinned. It comes after the memory of answers, which so stays valid."""
        out = answers
        for i, (answer, tailored) in enumerate(zip(answers, under, strict=True)):
            own = self._pin(answer, tailored) if tailored else None
            standard = self._pin(answer, None)
            if own or standard:
                out = list(answers) if out is answers else out
                key = (answer.failure, tailored, own, standard)
                out[i] = self._pinned.many([key], lambda keys: [self._pinned_answer(*key) for key in keys])[0]
        return out

    def _pin(self, answer: Answer, tailored: Tailored | None) -> Pin | None:
        """Return the pin that holds; one whose category this version of the taxonomy does not know holds nothing."""
        if self._pins is None or answer.failure.kind not in _CLASSIFIED:
            return None
        taxonomy = tailored.taxonomy if tailored else self.taxonomy
        pin = self._pins.get(answer.template_id, taxonomy.name)
        known = pin and (pin.category in taxonomy.by_id or (tailored and pin.category == OTHER))
        return pin if known else None

    def _pinned_answer(
        self, failure: Failure, tailored: Tailored | None, own: Pin | None, standard: Pin | None
    ) -> Answer:
        answer = self._answers.many([failure], self._classify)[0]
        if standard:
            answer = replace(answer, verdict=decide(failure, self._said(standard), self.taxonomy))
        if tailored is None:
            return answer
        if own:
            return self._tailored_answer(answer, self._said(own), tailored)
        # The head reads the standard answer beside the text: here, the one that a person gave.
        encoded = self._encoded([answer.template])[0]
        given = encoded.prediction
        certain = {name: float(name == answer.verdict.category) for name in given.probabilities}
        encoded = replace(encoded, prediction=replace(given, probabilities=certain))
        return self._tailored_answer(answer, tailored.head.predict([encoded])[0], tailored)

    def _said(self, pin: Pin) -> Prediction:
        return Prediction(probabilities={pin.category: 1.0}, source=Source.PIN, model=self.predictor.label)

    def recent(self, count: int) -> list[str]:
        """Return the templates of the answers that were given last, from memory or not, the newest first."""
        answers = [answer for memo in (self._answers, self._tailored) for _, answer in memo.recent(count)]
        return list(dict.fromkeys(answer.template for answer in answers))[:count]

    def forget(self, count: int) -> bool:
        """Forget up to `count` remembered answers of each kind; return whether any are left."""
        left = [memo.forget(count) for memo in (self._answers, self._tailored, self._pinned)]
        return any(left)

    def explain(self, answer: Answer) -> Evidence | None:
        """Return the evidence for an answer; None if no model gave it."""
        if self._explainer is None or answer.failure.kind not in _CLASSIFIED:
            return None
        return self._explainer.explain(answer.template, answer.verdict.standard or answer.verdict.category)


_Pinned = tuple[Failure, Tailored | None, Pin | None, Pin | None]
"""A failure, the user's taxonomy, its pin, the standard taxonomy's pin."""


def _template(failure: Failure) -> str:
    known = [address for address in (failure.recipient, failure.original_recipient) if address]
    return template_of(
        failure.diagnostic, smtp_code=failure.smtp_code, enhanced_code=failure.enhanced_code, addresses=known
    )
