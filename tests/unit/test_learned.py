"""Pins that a new champion has learned, and people who go on correcting it while it is asked."""

from datetime import UTC, datetime

import pytest

from classifier.domain import Prediction, Source
from classifier.feedback.learned import Settled, restore_released, settle_learned
from classifier.normalise import template_id
from classifier.store import LabelRepository, PinRepository, TrafficRepository, open_store
from classifier.taxonomy import standard_taxonomy

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
TEXT = "550 5.1.1 no such user here"
KEY = template_id(TEXT)


class Model:
    """Gives one answer to everything; something may happen while it is asked."""

    label = "test/1"

    def __init__(self, category, meanwhile=lambda: None):
        self.category, self.meanwhile = category, meanwhile

    def predict(self, templates):
        self.meanwhile()
        return [
            Prediction(probabilities={self.category: 1.0}, source=Source.MODEL, model=self.label) for _ in templates
        ]


class Place:
    def __init__(self, folder):
        self.store = open_store(f"sqlite:///{folder}/rebound.db")
        with self.store.session() as session:
            TrafficRepository(session).remember(KEY, TEXT, NOON)

    def say(self, category, *, why="label"):
        with self.store.session() as session:
            labels = LabelRepository(session)
            batch = labels.open_batch(who="by:ann", at=NOON)
            labels.add(
                template_id=KEY, taxonomy="standard", taxonomy_version="1", category=category,
                who="by:ann", source="http", batch_id=batch.id, at=NOON,
            )  # fmt: skip
            PinRepository(session).set(
                template_id=KEY, taxonomy="standard", category=category, who="by:ann", why=why, at=NOON
            )

    def settle(self, model):
        return settle_learned(self.store, model, standard_taxonomy(), NOON)

    def trail(self):
        with self.store.reading() as session:
            return [(event.category, event.why) for event in PinRepository(session).history(KEY)]


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.store.close()


def test_what_is_learned_is_released_and_comes_back_when_it_is_forgotten_or_the_model_goes(place):
    place.say("user_unknown")
    assert place.settle(Model("user_unknown")) == Settled(released=1, renewed=0)
    assert place.settle(Model("mailbox_full")) == Settled(released=0, renewed=1)
    assert place.settle(Model("user_unknown")) == Settled(released=1, renewed=0)
    with place.store.session() as session:
        assert restore_released(session, "another/1", NOON) == 0
        assert restore_released(session, "test/1", NOON) == 1
    assert [why for _, why in place.trail()] == ["label", "learned", "forgotten", "learned", "rolled back"]


@pytest.mark.parametrize(("category", "why"), [("mailbox_full", "label"), ("user_unknown", "the customer wants it")])
def test_a_correction_given_while_the_model_is_asked_stays(place, category, why):
    place.say("user_unknown")
    model = Model("user_unknown", meanwhile=lambda: place.say(category, why=why))
    assert place.settle(model) == Settled(released=0, renewed=0)
    assert place.trail() == [("user_unknown", "label"), (category, why)]


def test_a_correction_given_while_a_forgetful_model_is_asked_is_not_replaced(place):
    place.say("user_unknown")
    place.settle(Model("user_unknown"))
    model = Model("greylisted", meanwhile=lambda: place.say("mailbox_full"))
    assert place.settle(model) == Settled(released=0, renewed=0)
    assert place.trail()[-1] == ("mailbox_full", "label")
