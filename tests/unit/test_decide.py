import pytest

from classifier.decide import decide, no_failure, permanence_of
from classifier.domain import Action, Failure, Kind, Permanence, Prediction, Source
from classifier.taxonomy import standard_taxonomy

TAXONOMY = standard_taxonomy()


def failure(text="550 5.1.1 no such user", kind=Kind.FAILURE, smtp=None, enhanced=None, action=None):
    return Failure(kind=kind, diagnostic=text, smtp_code=smtp, enhanced_code=enhanced, action=action)


def prediction(category, confidence, source=Source.MODEL, rest="mailbox_disabled"):
    """A prediction whose remaining probability lies on one other category."""
    probabilities = dict.fromkeys((c.id for c in TAXONOMY.categories), 0.0)
    return Prediction(
        probabilities=probabilities | {rest: 1 - confidence, category: confidence}, source=source, model="m/1"
    )


@pytest.mark.parametrize(
    ("smtp", "enhanced", "action", "kind", "expected"),
    [
        pytest.param(550, "5.1.1", "failed", Kind.FAILURE, Permanence.PERMANENT, id="final and 5xx"),
        pytest.param(451, "4.4.1", "failed", Kind.FAILURE, Permanence.TEMPORARY, id="final after expiry of a 4xx"),
        pytest.param(
            452, "5.2.2", "failed", Kind.FAILURE, Permanence.TEMPORARY, id="the reply counts before the status"
        ),
        pytest.param(550, "5.1.1", "delayed", Kind.DELAYED, Permanence.TEMPORARY, id="delayed whatever the codes say"),
        pytest.param(None, "4.2.2", None, Kind.FAILURE, Permanence.TEMPORARY, id="status alone"),
        pytest.param(None, None, "failed", Kind.FAILURE, Permanence.PERMANENT, id="action alone"),
        pytest.param(None, None, None, Kind.FAILURE, Permanence.UNDETERMINED, id="nothing"),
    ],
)
def test_permanence(smtp, enhanced, action, kind, expected):
    assert permanence_of(failure(smtp=smtp, enhanced=enhanced, action=action, kind=kind)) is expected


@pytest.mark.parametrize(
    ("category", "confidence", "smtp", "expected"),
    [
        pytest.param("user_unknown", 0.99, 550, Action.SUPPRESS, id="certain and permanent: suppress"),
        pytest.param("user_unknown", 0.80, 550, Action.SUPPRESS, id="at the threshold it acts"),
        pytest.param("user_unknown", 0.79, 550, Action.REVIEW, id="just below it asks a person"),
        pytest.param("user_unknown", 0.99, 450, Action.RETRY, id="certain but temporary: retry"),
        pytest.param("ip_reputation", 0.99, 550, Action.FIX_CONFIGURATION, id="a fault of ours never suppresses"),
        pytest.param("mailbox_full", 0.99, 552, Action.RETRY, id="a full mailbox may empty"),
        pytest.param("mailbox_full", 0.39, 552, Action.REVIEW, id="doubtful"),
    ],
)
def test_action(category, confidence, smtp, expected):
    assert decide(failure(smtp=smtp), prediction(category, confidence), TAXONOMY).action is expected


@pytest.mark.parametrize(
    ("smtp", "enhanced"),
    [
        pytest.param(550, "4.1.1", id="reply and status contradict"),
        pytest.param(250, "2.0.0", id="both report success"),
        pytest.param(None, "2.1.5", id="status reports success"),
    ],
)
def test_codes_that_speak_against_a_final_failure_never_suppress(smtp, enhanced):
    verdict = decide(failure(smtp=smtp, enhanced=enhanced), prediction("user_unknown", 0.99), TAXONOMY)
    assert verdict.action is Action.REVIEW


@pytest.mark.parametrize("confidence", [float("nan"), -1.0])
def test_a_confidence_that_is_no_number_never_acts(confidence):
    broken = Prediction(probabilities={"user_unknown": confidence}, source=Source.MODEL, model="m/1")
    assert decide(failure(smtp=550), broken, TAXONOMY).action is Action.REVIEW


def test_a_threshold_that_is_no_number_never_acts():
    taxonomy = TAXONOMY.with_thresholds({"user_unknown": float("nan")})
    assert decide(failure(smtp=550), prediction("user_unknown", 0.99), taxonomy).action is Action.REVIEW


@pytest.mark.parametrize(
    ("rest", "action"),
    [
        pytest.param("mailbox_full", Action.SUPPRESS, id="the recipient is at fault either way"),
        pytest.param("ip_reputation", Action.REVIEW, id="it may be the sender who was refused"),
    ],
)
def test_what_else_it_may_be_decides_with_it(rest, action):
    assert decide(failure(smtp=550), prediction("user_unknown", 0.93, rest=rest), TAXONOMY).action is action


def test_fallback_never_suppresses():
    verdict = decide(failure(smtp=550), prediction("user_unknown", 0.999, Source.FALLBACK), TAXONOMY)
    assert verdict.action is Action.REVIEW


def test_a_category_nobody_defined_is_reviewed():
    made_up = Prediction(probabilities={"made_up": 1.0}, source=Source.MODEL, model="m/1")
    verdict = decide(failure(smtp=550), made_up, TAXONOMY)
    assert (verdict.category, verdict.action) == ("made_up", Action.REVIEW)


def test_no_sender_fault_category_suppresses_in_the_standard_taxonomy():
    suppressing = [c for c in TAXONOMY.categories if c.action is Action.SUPPRESS]
    assert suppressing
    assert {c.fault.value for c in suppressing} == {"recipient"}
    assert all(c.threshold >= 0.8 for c in suppressing)


def test_alternatives_are_the_three_next_best_in_order():
    verdict = decide(failure(), prediction("user_unknown", 0.7), TAXONOMY)
    assert len(verdict.alternatives) == 3
    assert verdict.alternatives[0][1] >= verdict.alternatives[2][1]


@pytest.mark.parametrize("kind", [Kind.AUTO_REPLY, Kind.NOT_A_BOUNCE, Kind.DELIVERED, Kind.RELAYED, Kind.EXPANDED])
def test_what_is_no_failure_is_ignored(kind):
    assert no_failure(failure(kind=kind), source=Source.MODEL, model="m/1", taxonomy=TAXONOMY).action is Action.IGNORE


def test_a_complaint_asks_for_a_person():
    assert (
        no_failure(failure(kind=Kind.FEEDBACK_REPORT), source=Source.MODEL, model="m/1", taxonomy=TAXONOMY).action
        is Action.REVIEW
    )
