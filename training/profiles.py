"""The ways to a new model: from seconds to the better part of an hour.

heads    word pieces learn to speak beside the champion's network
full     the whole network learns on from the champion
scratch  from the base model, teachers and all
quick    from the base model, small and soon: for tests and notebooks
"""

from classifier.bundle import Bundle
from training.lesson import Lesson
from training.sources import Sources

LEARNING_ON = ("heads", "full")
RESTARTING = {"scratch": "minilm-l4", "quick": "quick-l2"}
"""Profiles that need no champion, with the name of the model that each makes."""
PROFILES = (*LEARNING_ON, *RESTARTING)


def learn(profile: str, lesson: Lesson, sources: Sources) -> Bundle:
    """Make a new model, and return its checked bundle.

    torch is imported only where a network learns.
    """
    if profile == "heads":
        from training.heads import learn_heads  # noqa: PLC0415

        return learn_heads(lesson)
    if profile == "full":
        from training.learn_on import learn_on  # noqa: PLC0415

        return learn_on(lesson)
    from training.restart import restart  # noqa: PLC0415

    return restart(profile, lesson, sources)
