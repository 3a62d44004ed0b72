"""Under a user's taxonomy the policy is the same."""

import pytest

from classifier.decide import decide, decide_tailored
from classifier.domain import Action, Failure, Fault, Kind, Prediction, Scope, Source
from classifier.taxonomy import Category, Taxonomy

FAILURE = Failure(kind=Kind.FAILURE, smtp_code=550)


def category(identity, fault, action, threshold):
    return Category(
        id=identity, title="T", description="D", fault=fault, action=action, scope=Scope.RECIPIENT, threshold=threshold
    )


STANDARD = Taxonomy(
    name="standard", version="1", categories=(category("user_unknown", Fault.RECIPIENT, Action.SUPPRESS, 0.8),)
)
MINE = Taxonomy(
    name="acme",
    version="1",
    categories=(
        category("left", Fault.RECIPIENT, Action.SUPPRESS, 0.7),
        category("ours", Fault.SENDER, Action.SUPPRESS, 0.1),
    ),
)


def prediction(source=Source.MODEL, **probabilities):
    return Prediction(probabilities=probabilities, source=source, model="m/1")


def verdict(mine, *, known=0.99, failure=FAILURE):
    standard = decide(failure, prediction(user_unknown=known, undetermined=1 - known), STANDARD)
    return decide_tailored(failure, mine, MINE, standard=standard, standard_taxonomy=STANDARD)


@pytest.mark.parametrize(
    ("mine", "category", "action"),
    [
        pytest.param(prediction(left=0.7, other=0.3), "left", Action.SUPPRESS, id="at the user's threshold it acts"),
        pytest.param(prediction(left=0.69, other=0.31), "left", Action.REVIEW, id="below it asks a person"),
        pytest.param(prediction(ours=0.9, other=0.1), "ours", Action.REVIEW, id="a sender's fault never suppresses"),
        pytest.param(prediction(other=0.9, left=0.1), "other", Action.SUPPRESS, id="none of mine: the standard action"),
        pytest.param(prediction(other=0.6, left=0.4), "other", Action.REVIEW, id="perhaps one of mine: nobody is lost"),
        pytest.param(
            prediction(source=Source.FALLBACK, left=0.9, other=0.1),
            "left",
            Action.REVIEW,
            id="no model, no suppression",
        ),
    ],
)
def test_action(mine, category, action):
    given = verdict(mine)
    assert (given.category, given.action, given.standard, given.taxonomy) == (
        category,
        action,
        "user_unknown",
        "acme/1",
    )


def test_other_is_no_surer_than_the_standard_answer():
    assert verdict(prediction(other=0.99, left=0.01), known=0.6).action is Action.REVIEW


def test_a_temporary_failure_is_retried():
    temporary = Failure(kind=Kind.FAILURE, smtp_code=450)
    assert verdict(prediction(left=0.9, other=0.1), failure=temporary).action is Action.RETRY
    assert verdict(prediction(other=0.9, left=0.1), failure=temporary).action is Action.RETRY
