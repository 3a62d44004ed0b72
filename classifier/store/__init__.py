"""What we remember: templates, counts, decisions, labels, pins, models and jobs, in SQLite or PostgreSQL.

    with store.session() as session:            # one transaction: commits at the end, rolls back on error
        LabelRepository(session).add(...)

Repositories take a session and never commit. What comes back are rows of `tables`, readable after the session has ended,
or frozen dataclasses where several tables are read.
"""

from classifier.pins import Pin
from classifier.store.feedback import FeedbackRepository
from classifier.store.jobs import JobRepository, LeaseRepository
from classifier.store.labels import AgreedLabel, Conflict, LabelRepository
from classifier.store.models import ModelRepository
from classifier.store.pins import PinRepository
from classifier.store.recorder import Recorder
from classifier.store.session import Store, open_store
from classifier.store.shadow import Compared, Difference, ShadowRepository
from classifier.store.traffic import Queued, Traffic, TrafficRepository

__all__ = [
    "AgreedLabel",
    "Compared",
    "Conflict",
    "Difference",
    "FeedbackRepository",
    "JobRepository",
    "LabelRepository",
    "LeaseRepository",
    "ModelRepository",
    "Pin",
    "PinRepository",
    "Queued",
    "Recorder",
    "ShadowRepository",
    "Store",
    "Traffic",
    "TrafficRepository",
    "open_store",
]
