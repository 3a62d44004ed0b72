"""Step 4: turn a probability into an action that an operator can defend.

    Failure + Prediction + Taxonomy -> Verdict

The model says what it believes, the taxonomy says what each category means to this user, and this module says what to
do. Policy lives here and nowhere else: no I/O, no clock, no settings, so that replaying last month under other
thresholds is one loop. A wrong `suppress` loses a customer, a wrong `retry` costs a connection: whatever is doubtful
becomes `review`.
"""

from dataclasses import replace

from classifier.domain import Action, Failure, Fault, Kind, Permanence, Prediction, Scope, Source, Verdict
from classifier.hints import blocklist, provider, retry_after_s
from classifier.taxonomy import Category, Taxonomy

_NO_FAILURE = frozenset(Kind) - {Kind.FAILURE, Kind.DELAYED}
ALTERNATIVES = 3
RECIPIENT_AT_FAULT = 0.98
"""Least probability that the recipient is at fault at all, for a suppression: a wrong one costs 50 times a needless retry,
so acting pays from 1 - 1/50 on (docs/adr/0004-two-conditions-for-suppressing.md)."""


def permanence_of(failure: Failure) -> Permanence:
    """Read permanence from the DSN's action and the codes, never from the category.

    A delayed message is temporary whatever its codes say. A final report of a 4xx reply stays temporary: the sender's
    queue gave up, the recipient is not to blame (Postfix reports `Action: failed` with Status 4.x.x, Haraka and Exim
    rewrite the status to 5.x.x, so the quoted reply counts before the status).
    """
    if failure.kind is Kind.DELAYED or failure.action == "delayed":
        return Permanence.TEMPORARY
    for code in (failure.smtp_code, failure.enhanced_code):
        match _class(code):
            case "4":
                return Permanence.TEMPORARY
            case "5":
                return Permanence.PERMANENT
    return Permanence.PERMANENT if failure.action == "failed" else Permanence.UNDETERMINED


def _class(code: int | str | None) -> str:
    return str(code)[0] if code else ""


def _codes_deny(failure: Failure) -> bool:
    """Whether a code speaks against a final failure: "550 4.1.1" contradicts itself, and 2xx reports success."""
    return not {_class(failure.smtp_code), _class(failure.enhanced_code)} <= {"", "5"}


def decide(failure: Failure, prediction: Prediction, taxonomy: Taxonomy) -> Verdict:
    """Return the verdict on one failure.

    A category that the taxonomy does not know (a model trained for another one) is answered with `review`.
    """
    name, confidence = prediction.ranked[0]
    category = taxonomy.by_id.get(name)
    action = _action(category, confidence, failure, prediction.source)
    if action is Action.SUPPRESS and recipient_at_fault(prediction, taxonomy) < RECIPIENT_AT_FAULT:
        action = Action.REVIEW
    return _verdict(failure, prediction, taxonomy, action)


def recipient_at_fault(prediction: Prediction, taxonomy: Taxonomy) -> float:
    """Return the probability, 0 to 1, of all categories together whose fault is the recipient's.

    It, not the confidence of one category, tells what a suppression risks: whether a mailbox is closed or was never there
    matters to nobody, whether the sender was refused instead matters much.
    """
    faults = {c.id for c in taxonomy.categories if c.fault is Fault.RECIPIENT}
    return sum(p for name, p in prediction.probabilities.items() if name in faults)


def _verdict(failure: Failure, prediction: Prediction, taxonomy: Taxonomy, action: Action) -> Verdict:
    ranked = prediction.ranked
    name, confidence = ranked[0]
    category = taxonomy.by_id.get(name)
    return Verdict(
        category=name,
        confidence=round(confidence, 4),
        alternatives=tuple((other, round(p, 4)) for other, p in ranked[1 : 1 + ALTERNATIVES]),
        permanence=permanence_of(failure),
        fault=category.fault if category else Fault.UNDETERMINED,
        action=action,
        scope=category.scope if category else Scope.MESSAGE,
        retry_after_s=retry_after_s(failure.diagnostic),
        blocklist=blocklist(failure.diagnostic),
        provider=provider(failure.diagnostic, failure.remote_mta),
        source=prediction.source,
        model=prediction.model,
        taxonomy=taxonomy.label,
    )


def decide_tailored(
    failure: Failure, prediction: Prediction, taxonomy: Taxonomy, *, standard: Verdict, standard_taxonomy: Taxonomy
) -> Verdict:
    """Return the verdict on one failure under a user's taxonomy, which carries the standard category as well.

    What fits none of the user's categories is `other` and keeps the standard policy: to invent one category must not
    lose the care for all the rest. It is tempered: both "none of the user's" and the standard category must be sure
    enough for the standard action. No category of a user's suppresses a recipient for what the standard taxonomy holds
    to be another's fault.
    """
    name, confidence = prediction.ranked[0]
    category = taxonomy.by_id.get(name)
    if category:
        action = _action(category, confidence, failure, prediction.source)
        if action is Action.SUPPRESS and standard.fault is not Fault.RECIPIENT:
            action = Action.REVIEW
        return replace(_verdict(failure, prediction, taxonomy, action), standard=standard.category)
    known = standard_taxonomy.by_id.get(standard.category)
    sure = known is not None and min(confidence, standard.confidence) >= known.threshold
    action = standard.action if sure else Action.REVIEW
    verdict = _verdict(failure, prediction, taxonomy, action)
    return replace(verdict, fault=standard.fault, scope=standard.scope, standard=standard.category)


def no_failure(failure: Failure, *, source: Source, model: str, taxonomy: Taxonomy) -> Verdict:
    """Return the verdict on a report of no failure (auto-reply, relay or delivery notice, complaint): nothing to do.

    A complaint asks for a person's look: whoever complained is a live recipient who wants no more mail.
    """
    complaint = failure.kind is Kind.FEEDBACK_REPORT
    return Verdict(
        category="undetermined",
        confidence=1.0,
        alternatives=(),
        permanence=Permanence.UNDETERMINED,
        fault=Fault.UNDETERMINED,
        action=Action.REVIEW if complaint else Action.IGNORE,
        scope=Scope.RECIPIENT if complaint else Scope.MESSAGE,
        retry_after_s=None,
        blocklist=None,
        provider=provider("", failure.remote_mta),
        source=source,
        model=model,
        taxonomy=taxonomy.label,
    )


def _action(category: Category | None, confidence: float, failure: Failure, source: Source) -> Action:
    # "Not at least" rather than "below": a confidence or a threshold that is no number must not act.
    if category is None or not confidence >= category.threshold:
        return Action.REVIEW
    if category.action is not Action.SUPPRESS:
        return category.action
    if category.fault is not Fault.RECIPIENT or source is Source.FALLBACK or failure.kind in _NO_FAILURE:
        return Action.REVIEW
    if permanence_of(failure) is Permanence.TEMPORARY:
        return Action.RETRY
    return Action.REVIEW if _codes_deny(failure) else Action.SUPPRESS
