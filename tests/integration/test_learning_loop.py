"""The whole loop through the front door: labels over HTTP, pins, retraining, gate, promotion, hot reload; and poison."""

import httpx2 as httpx
import numpy as np
import pytest

from benchmarks.learning_loop import classified, play, retrained
from benchmarks.served import served
from classifier.bundle import load_bundle
from classifier.custom.causes import load_causes
from classifier.registry import ModelShelf
from classifier.resources import resource
from classifier.taxonomy import standard_taxonomy
from training.authored import read_authored

pytestmark = pytest.mark.slow


@pytest.fixture
def poison():
    """Five hundred wordings of users who are not there."""
    texts = [e.text for e in read_authored(resource("authored"), frozenset(standard_taxonomy().by_id)) if e.label == "user_unknown"]  # fmt: skip
    assert len(texts) >= 500
    return list(dict.fromkeys(texts))[:500]


# Of ten siblings 10, 9 and 8 when this was written: floors against losing it. Weaker providers are in `make bench`, and in
# docs/adr/0006-learning-on-behind-a-gate.md.
@pytest.mark.parametrize(("provider", "least"), [("tarn", 8), ("ostrava", 8), ("bellwether", 7)])
def test_new_wordings_are_right_at_once_where_labelled_and_their_model_answers_within_a_minute(
    tmp_path, provider, least
):
    loop = play("heads", tmp_path, provider=provider)
    assert (loop.labelled, loop.siblings, loop.pinned) == (20, 10, 20)
    assert loop.run["state"] == "promoted"
    assert loop.run["objections"] == []
    before, after = loop.frozen
    assert before - after <= 0.005
    assert loop.learnt >= least
    assert loop.seconds < 60


def test_the_full_way_learns_the_wordings_that_nobody_labelled(tmp_path):
    loop = play("full", tmp_path)
    assert (loop.labelled, loop.siblings, loop.pinned) == (20, 10, 20)
    assert loop.run["state"] == "promoted"
    before, after = loop.frozen
    assert before - after <= 0.005
    assert loop.learnt >= 7  # of ten; 8 when this was written
    assert loop.seconds < 15 * 60
    # Fine causes are learnt anew behind the network that has moved: users' categories live on them.
    bundle = ModelShelf(tmp_path / "models").bundle(loop.run["model"])
    known, before_it = load_causes(bundle), load_causes(load_bundle(resource("models/standard")))
    assert known is not None
    assert list(known.names) == list(before_it.names)
    assert not np.array_equal(known.weights, before_it.weights)


def test_five_hundred_labels_that_call_missing_users_full_mailboxes_teach_nothing(tmp_path, poison):
    labels = [{"text": text, "category": "mailbox_full", "by": "mallory"} for text in poison]
    with served(tmp_path) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        champion = classified(client, poison[:1])[0]["model"]
        states = {result["state"] for result in client.post("/v1/feedback", json=labels).json()}
        assert states == {"quarantined"}
        assert client.get("/v1/pins").json() == []
        assert retrained("heads", tmp_path)["state"] == "nothing new"

        # A second person is careless, and approves it all: the gate stands behind.
        waiting = [batch["batch_id"] for batch in client.get("/v1/quarantine").json()]
        decision = {"batch_ids": waiting, "decision": "approve", "by": "careless"}
        assert {batch["state"] for batch in client.post("/v1/quarantine", json=decision).json()} == {"accepted"}
        run = retrained("heads", tmp_path)
        assert run["state"] == "registered"
        assert any("mailbox_full" in reason or "user_unknown" in reason for reason in run["objections"])
        assert classified(client, ["550 5.1.1 who answers?"])[0]["model"] == champion
        again = retrained("heads", tmp_path)
        assert (again["state"], again["reason"]) == (
            "nothing new",
            f"{run['model']} was made of the same labels, from {champion}",
        )
