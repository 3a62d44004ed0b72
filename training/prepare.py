"""From the store and the files to one lesson: which model learns on, from which labels, under which name."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from classifier.bundle import Bundle, load_bundle
from classifier.resources import resource
from classifier.store import LabelRepository, ModelRepository, Store
from training.books import Books
from training.dataset import key_of
from training.feedback_rows import Feedback, feedback_of, without
from training.impact import Recent
from training.leaving import Leaving
from training.lesson import Lesson
from training.profiles import RESTARTING
from training.sources import Sources


def agreed_feedback(store: Store, model: Bundle, leaving: Leaving, sources: Sources) -> Feedback:
    """Return what people agree on, but for what is left out."""
    with store.reading() as session:
        labels = LabelRepository(session).agreed("standard", without_sources=leaving.sources, without_who=leaving.who)
    return feedback_of(labels, categories=model.manifest.categories, barred=_keys(sources))


def lesson_of(
    champion: Bundle,
    feedback: Feedback,
    *,
    sources: Sources,
    leaving: Leaving,
    traffic: Sequence[Recent],
    out: Path,
    version: str,
    seed: int,
    progress: bool,
) -> Lesson:
    """Return one run's input (arguments: see `training.retrain.RetrainJob` and `Lesson`)."""
    data = sources.corpus(frozenset(champion.manifest.categories), seed=seed)
    known = feedback.category_of
    # Mail brings the very texts that judge and calibrate; learnt from, they would prove nothing.
    kept_out = _keys(sources) | {key_of(row.template) for row in data.dev}
    return Lesson(
        champion=_start(champion, leaving, sources),
        feedback=feedback,
        data=replace(data, train=without(data.train, feedback), dev=without(data.dev, feedback)),
        traffic=[
            recent for recent in traffic if recent.template_id not in known and key_of(recent.template) not in kept_out
        ],
        tests=sources.tests,
        version=version,
        out=out,
        seed=seed,
        progress=progress,
    )


def _keys(sources: Sources) -> set[str]:
    """Return the keys of all templates of the frozen test set."""
    return {key_of(row.template) for rows in sources.frozen().values() for row in rows}


def _start(champion: Bundle, leaving: Leaving, sources: Sources) -> Bundle:
    """Return the model to learn on from.

    Where labels are left out the champion will not do: it may have learnt from them, and hands on what it knows. The shipped
    model has learnt from nobody's labels.
    """
    if sources.start:
        return load_bundle(sources.start, any_normaliser=True)
    return load_bundle(resource("models/standard")) if leaving else champion


def next_version(profile: str, champion: Bundle, taken: Collection[str]) -> str:
    """Return a version that no model of the name that a profile gives has, among labels that are taken.

    What learns on from version 2 is 2.1, 2.2...: whole numbers are those of shipped models, and a later program may ship 3.
    """
    name = RESTARTING.get(profile, champion.manifest.name)
    stem = f"{champion.manifest.version.partition('.')[0]}." if name == champion.manifest.name else ""
    return next(version for n in count(1) if f"{name}/{(version := f'{stem}{n}')}" not in taken)


def labels_taken(books: Books) -> set[str]:
    """Return the labels of all models that were ever registered, here or by another trainer, or put on the shelf."""
    with books.store.reading() as session:
        return {
            *books.shelf.labels(),
            *books.registry.labels(),
            *(row.label for row in ModelRepository(session).list(100_000)),
        }
