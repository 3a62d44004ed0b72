"""Prometheus metrics: counts of answers and times; labels hold categories and kinds, nothing of a bounce."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from classifier.pipeline import Answer


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

    def count(self, answers: list[Answer]) -> None:
        """Count the verdicts of one request."""
        for answer in answers:
            verdict = answer.verdict
            self._answers.labels(answer.failure.kind, verdict.category, verdict.action, verdict.source).inc()

    def text(self) -> bytes:
        """Return the registry in Prometheus's text format."""
        return generate_latest(self._registry)
