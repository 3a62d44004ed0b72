"""Prometheus metrics: counts of answers and times; labels hold categories and kinds, nothing of a bounce."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from classifier.pipeline import Answer

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where worker processes put their counts for each other; prometheus_client reads it when it is first imported."""


class Metrics:
    """The service's own counters, in a registry of their own so that two applications can live in one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._answers = Counter(
            "rebound_answers", "Verdicts given.", ["kind", "category", "action", "source"], registry=registry
        )
        self.seconds = Histogram(
            "rebound_classify_seconds",
            "Time to classify one request's failures.",
            buckets=(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5),
            registry=registry,
        )

        self.feedback = Counter("rebound_feedback", "Feedback by what became of it.", ["state"], registry=registry)
        # Every process holds the same pins: the one that looked last tells.
        self.pins = Gauge("rebound_pins", "Pins held.", registry=registry, multiprocess_mode="mostrecent")
        self.drift = Gauge(
            "rebound_drift_alarms",
            "Changes in the traffic that are more than chance.",
            ["code"],
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def count(self, answers: list[Answer]) -> None:
        """Count the verdicts of one request."""
        for answer in answers:
            verdict = answer.verdict
            self._answers.labels(answer.failure.kind, verdict.category, verdict.action, verdict.source).inc()

    def text(self) -> bytes:
        """Return the counts of all worker processes in Prometheus's text format."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
