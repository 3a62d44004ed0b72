"""From labels, corpus and traffic to one lesson."""

from dataclasses import dataclass

import pytest

from classifier.bundle import load_bundle
from classifier.normalise import template_id
from classifier.resources import resource
from training.dataset import Dataset, Row
from training.feedback_rows import feedback_of
from training.impact import Recent
from training.leaving import Leaving
from training.prepare import lesson_of
from training.sources import Sources


def row(text):
    return Row(template=text, target={"user_unknown": 1.0}, lang="en", source="x", weight=1.0)


@dataclass(frozen=True, kw_only=True)
class FewTexts(Sources):
    """Three rows in place of the corpus."""

    def frozen(self):
        return {"all": [row("550 judged by this text")]}

    def corpus(self, categories, *, seed):
        return Dataset(train=[row("550 learnt from")], dev=[row("550 calibrated on")], conflicts=[], hashes={})


@pytest.fixture(scope="module")
def shipped():
    return load_bundle(resource("models/standard"))


def recent(text):
    return Recent(template_id=template_id(text), template=text, n=7)


def lesson(champion, tmp_path, traffic):
    feedback = feedback_of([], categories=champion.manifest.categories)
    return lesson_of(
        champion, feedback, sources=FewTexts(), leaving=Leaving(), traffic=traffic, out=tmp_path, version="9", seed=1, progress=False
    )  # fmt: skip


def test_recent_traffic_that_judges_or_calibrates_is_not_learnt_from(shipped, tmp_path):
    new = recent("550 never seen before")
    traffic = [recent("550 Judged by  THIS text"), new, recent("550 calibrated on"), recent("550 learnt from")]
    assert lesson(shipped, tmp_path, traffic).traffic == [new, recent("550 learnt from")]
