"""The long way of retraining, and the quick one for tests: from the base model, on the corpus and what people said."""

from classifier.bundle import Bundle
from training import job
from training.dataset import key_of
from training.lesson import Lesson
from training.sources import Sources
from training.wordings import spread

MOST_ROWS = 3_000
"""Rows that labels and their variants may be, beside some twenty thousand of the corpus."""


def restart(profile: str, lesson: Lesson, sources: Sources) -> Bundle:
    """Train a model from its base (see `training.job`), and return the checked bundle."""
    origin = {name: value for name, value in lesson.origin.items() if name.startswith(("feedback_", "labels_"))}
    return job.run(
        job.Job(
            out=lesson.out,
            version=lesson.version,
            profile=job.PROFILES[profile],
            authored=sources.authored,
            labelled=sources.labelled,
            lab=sources.lab,
            tests=dict(sources.tests),
            base=sources.base,
            start=sources.start,
            seed=lesson.seed,
            progress=lesson.progress,
            extra=tuple(spread(lesson.feedback.learnt, seed=lesson.seed, most=MOST_ROWS)),
            left_out=frozenset(key_of(row.template) for row in lesson.feedback.rows),
            origin=origin,
        )
    )
