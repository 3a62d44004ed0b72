import pytest

from classifier.feedback.rules import Judged, is_wholesale


def labels(count, *, start=0, says="mailbox_full", model="user_unknown", confidence=0.99):
    return [
        Judged(
            template_id=f"{number:016x}",
            taxonomy="standard",
            category=says,
            model_category=model,
            model_confidence=confidence,
        )
        for number in range(start, start + count)
    ]


@pytest.mark.parametrize(
    ("given", "wholesale"),
    [
        pytest.param(labels(19), False, id="too few to tell"),
        pytest.param(labels(20), True, id="as many as it takes"),
        pytest.param(labels(500, confidence=0.89), False, id="the model was not sure"),
        pytest.param(labels(500, confidence=None, model=None), False, id="no model was asked"),
        pytest.param(labels(500, says="user_unknown"), False, id="they confirm"),
        pytest.param(labels(20) + labels(20, start=20, says="user_unknown"), False, id="half of them contradict"),
        pytest.param(labels(21) + labels(20, start=21, says="user_unknown"), True, id="more than half contradict"),
        pytest.param(labels(30) + labels(40, start=30, confidence=0.5), True, id="padded with what nobody is sure of"),
        pytest.param(labels(19) + labels(40, start=19, confidence=0.5), False, id="unsure answers do not add up to it"),
        pytest.param(labels(59) + labels(99, start=59, says="user_unknown"), False, id="many among more that confirm"),
        pytest.param(labels(60) + labels(99, start=60, says="user_unknown"), True, id="padded with what is true"),
        pytest.param(labels(1) * 40, False, id="one template forty times"),
        pytest.param(labels(30) + labels(30, says="user_unknown"), False, id="taken back before anybody looked"),
    ],
)
def test_wholesale_contradiction(given, wholesale):
    assert is_wholesale(given) is wholesale
