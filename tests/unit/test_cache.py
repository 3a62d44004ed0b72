from concurrent.futures import ThreadPoolExecutor

from classifier.domain import Prediction, Source
from classifier.predict.cache import CachedPredictor


class Counting:
    label = "counting/1"
    source = Source.MODEL

    def __init__(self):
        self.asked = []

    def predict(self, templates):
        self.asked += templates
        return [Prediction(probabilities={t: 1.0}, source=Source.MODEL, model=self.label) for t in templates]


def names(predictions):
    return [p.ranked[0][0] for p in predictions]


def test_each_template_is_computed_once():
    inner = Counting()
    cached = CachedPredictor(inner, size=10)
    assert names(cached.predict(["a", "b", "a"])) == ["a", "b", "a"]
    assert names(cached.predict(["b", "c"])) == ["b", "c"]
    assert inner.asked == ["a", "b", "c"]
    assert (cached.hits, cached.misses) == (2, 3)


def test_the_least_recently_used_goes_first():
    inner = Counting()
    cached = CachedPredictor(inner, size=2)
    for template in ("a", "b", "a", "c", "a", "b"):
        cached.predict([template])
    assert inner.asked == ["a", "b", "c", "b"]


def test_a_batch_larger_than_the_cache_is_answered_whole():
    cached = CachedPredictor(Counting(), size=2)
    assert names(cached.predict(list("abcdef"))) == list("abcdef")


def test_nothing_asked_nothing_answered():
    assert CachedPredictor(Counting(), size=2).predict([]) == []


def test_threads_share_it():
    cached = CachedPredictor(Counting(), size=50)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: names(cached.predict([str(i % 70), "x"])), range(2_000)))
    assert answers == [[str(i % 70), "x"] for i in range(2_000)]
