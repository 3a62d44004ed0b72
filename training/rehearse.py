"""A model into a folder, and nothing else: no lease, no gate, no registration. How the shipped model is made."""

from pathlib import Path

from classifier.bootstrap import shelf_of
from classifier.bundle import Bundle
from classifier.store import ModelRepository, open_store
from training.books import serving
from training.feedback_rows import Feedback, feedback_of
from training.impact import Recent
from training.prepare import agreed_feedback, lesson_of, next_version
from training.profiles import RESTARTING, learn
from training.retrain import RetrainJob
from training.week import last_week


def rehearse(job: RetrainJob, out: Path) -> Bundle:
    """Make a model as the job would, and return its checked bundle.

    A profile that begins from the base learns from the corpus alone: such a model is handed on, and what people labelled here
    is not ours to hand on.
    """
    champion = serving(job.settings)
    taken = set(shelf_of(job.settings).labels())
    if job.profile in RESTARTING:
        feedback, traffic = feedback_of((), categories=()), list[Recent]()
    else:
        feedback, traffic, registered = _remembered(job, champion)
        taken |= registered
    lesson = lesson_of(
        champion, feedback, sources=job.sources, leaving=job.leaving, traffic=traffic, out=out,
        version=job.version or next_version(job.profile, champion, taken),
        seed=job.seed, progress=job.progress,
    )  # fmt: skip
    return learn(job.profile, lesson, job.sources)


def _remembered(job: RetrainJob, champion: Bundle) -> tuple[Feedback, list[Recent], set[str]]:
    """Return labels, recent traffic and the labels of models that were registered."""
    store = open_store(job.settings.store_url)
    try:
        with store.reading() as session:
            registered = {row.label for row in ModelRepository(session).list(100_000)}
        return agreed_feedback(store, champion, job.leaving, job.sources), last_week(store), registered
    finally:
        store.close()
