"""What is published takes effect, heads of another model are fitted anew, and nothing that answers is taken away."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from classifier.custom.catalogue import CHECK_SECONDS, Catalogue
from classifier.custom.draft import read_document
from classifier.custom.fit import Fitted
from classifier.custom.head import Head
from classifier.custom.store import TaxonomyStore
from classifier.domain import Failure, Kind, ParseLimits, Source
from classifier.errors import BundleRefused, TaxonomyNotFound
from classifier.pipeline import Pipeline
from classifier.predict.fallback import FallbackPredictor
from classifier.taxonomy import standard_taxonomy

STANDARD = standard_taxonomy()


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class OneFitter:
    """Learns nothing, counts how often it is asked."""

    space = None

    def __init__(self, digest):
        self.digest = digest
        self.asked = 0

    def fit(self, draft, **_):
        self.asked += 1
        learned = tuple(category.id for category in draft.learned)
        head = Head(
            draft=draft,
            bundle=self.digest,
            classes=learned,
            weights=np.zeros((1, len(learned) + 1), dtype=np.float32),
            bias=np.zeros(len(learned) + 1, dtype=np.float32),
            floors=np.zeros(len(learned), dtype=np.float32),
            space=None,
        )
        return Fitted(head=head, seconds=0.0, confusions=())


def draft(identity="mine"):
    entry = {"id": identity, "title": "T", "examples": ["550 a", "550 b", "550 c", "550 d"]}
    rolled = {"id": "full", "title": "F", "from": "mailbox_full"}
    return read_document({"name": "acme", "category": [entry, rolled]}, STANDARD)


def catalogue(folder, fitter=None, clock=None):
    return Catalogue(TaxonomyStore(folder), STANDARD, fitter, model="m/1", clock=clock or Clock())


def publish(to, identity="mine"):
    given = draft(identity)
    return to.publish(given, to.fit(given))


def test_another_process_sees_a_new_version_after_a_second(tmp_path):
    clock = Clock()
    mine, other = catalogue(tmp_path, OneFitter("a")), catalogue(tmp_path, OneFitter("a"), clock)
    assert publish(mine).version == 1
    first = other.get("acme")
    assert first.taxonomy.label == "acme/1"
    publish(mine, "renamed")
    assert other.get("acme") is first
    clock.now += CHECK_SECONDS
    assert other.get("acme").taxonomy.label == "acme/2"
    mine.store.delete("acme")
    clock.now += CHECK_SECONDS
    with pytest.raises(TaxonomyNotFound):
        other.get("acme")


def test_an_unchanged_version_is_not_loaded_again(tmp_path):
    clock = Clock()
    one = catalogue(tmp_path, OneFitter("a"), clock)
    publish(one)
    first = one.get("acme")
    clock.now += 10 * CHECK_SECONDS
    assert one.get("acme") is first


def test_a_head_of_another_model_is_fitted_anew_once_and_kept(tmp_path):
    publish(catalogue(tmp_path, OneFitter("a")))
    fitter = OneFitter("b")
    assert catalogue(tmp_path, fitter).get("acme").head.bundle == "b"
    assert catalogue(tmp_path, fitter).get("acme").taxonomy.label == "acme/1"
    assert fitter.asked == 1


def test_of_many_processes_that_follow_a_new_model_one_fits_and_the_others_read_what_it_wrote(tmp_path):
    publish(catalogue(tmp_path, OneFitter("a")))
    fitters = [OneFitter("b") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        heads = list(pool.map(lambda fitter: catalogue(tmp_path, fitter).get("acme").head, fitters))
    assert {head.bundle for head in heads} == {"b"}
    assert sum(fitter.asked for fitter in fitters) == 1


def test_a_head_that_another_process_has_replaced_by_one_for_another_model_is_not_used(tmp_path):
    publish(catalogue(tmp_path, OneFitter("a")))
    meta = (tmp_path / "acme/1/meta.json").read_text()
    catalogue(tmp_path, OneFitter("b")).get("acme")
    # The head is b's by now, and what was read of meta.json a moment ago says it is a's.
    (tmp_path / "acme/1/meta.json").write_text(meta)
    fitter = OneFitter("a")
    assert catalogue(tmp_path, fitter).get("acme").head.bundle == "a"
    assert fitter.asked == 1


def test_a_damaged_head_is_fitted_anew(tmp_path):
    one = catalogue(tmp_path, OneFitter("a"))
    publish(one)
    (tmp_path / "acme/1/head.npz").write_bytes(b"not a head")
    fitter = OneFitter("a")
    assert catalogue(tmp_path, fitter).get("acme").head.classes == ("mine",)
    assert fitter.asked == 1


def test_a_version_that_cannot_be_loaded_leaves_the_one_before_in_use(tmp_path):
    clock = Clock()
    one = catalogue(tmp_path, OneFitter("a"), clock)
    publish(one)
    first = one.get("acme")
    publish(one)
    (tmp_path / "acme/2/taxonomy.toml").write_text("broken [")
    clock.now += CHECK_SECONDS
    assert one.get("acme") is first


def test_what_was_loaded_at_start_answers_without_a_look_at_the_files(tmp_path):
    publish(catalogue(tmp_path, OneFitter("a")))
    started = catalogue(tmp_path, OneFitter("a"))
    started.warm()
    (tmp_path / "acme/1/taxonomy.toml").unlink()
    assert started.get("acme").taxonomy.label == "acme/1"


def test_without_a_model_roll_ups_answer_and_nothing_is_suppressed_or_learned(tmp_path):
    publish(catalogue(tmp_path, OneFitter("a")))
    bare = catalogue(tmp_path)
    with pytest.raises(BundleRefused):
        bare.fit(draft())
    pipeline = Pipeline(FallbackPredictor(), STANDARD, limits=ParseLimits(), catalogue=bare)
    under = pipeline.under("acme")
    failures = [Failure(kind=Kind.FAILURE, diagnostic=t) for t in ("552 5.2.2 full", "550 5.1.1 no such user")]
    full, unknown = (answer.verdict for answer in pipeline.classify(failures, [under, under]))
    assert {full.category, *(name for name, _ in full.alternatives)} == {"full", "other", "mine"}
    assert (unknown.category, unknown.standard, unknown.action) == ("other", "user_unknown", "review")
    assert full.source is Source.FALLBACK


def test_what_reports_no_failure_is_other_under_every_taxonomy(tmp_path):
    publish(catalogue(tmp_path, OneFitter("a")))
    pipeline = Pipeline(FallbackPredictor(), STANDARD, limits=ParseLimits(), catalogue=catalogue(tmp_path))
    (answer,) = pipeline.classify([Failure(kind=Kind.AUTO_REPLY)], [pipeline.under("acme")])
    verdict = answer.verdict
    assert (verdict.category, verdict.standard, verdict.action) == ("other", "undetermined", "ignore")
