"""What came in lately: the store's templates of the last seven days, the most frequent first."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from classifier.store import Store, TrafficRepository
from training.impact import Recent

DAYS = 7
MOST = 2_000
"""Templates looked at: in a day of a hundred million bounces they stand for nearly all of it."""


def last_week(store: Store, *, today: datetime | None = None) -> list[Recent]:
    """Return the most frequent templates of the last seven days under the standard taxonomy."""
    until = (today or datetime.now(UTC)).date()
    counts: Counter[str] = Counter()
    texts = {}
    with store.reading() as session:
        for seen in TrafficRepository(session).traffic(until - timedelta(days=DAYS), until):
            counts[seen.template_id] += seen.n
            texts[seen.template_id] = seen.text
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Recent(template_id=key, template=texts[key], n=n) for key, n in ranked[:MOST]]
