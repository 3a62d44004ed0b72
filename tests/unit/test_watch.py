import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from api.memory import Memory
from api.metrics import Metrics
from api.watch import Watch
from classifier.drift import Code
from classifier.settings import Settings
from classifier.store import TrafficRepository

NOW = datetime.now(UTC)


def write(memory: Memory, name: str, provider: str, counts: dict[int, int], first_seen: datetime) -> None:
    with memory.store.session() as session:
        traffic = TrafficRepository(session)
        traffic.upsert_templates([{"id": name, "text": f"550 {name}", "first_seen": first_seen, "last_seen": NOW}])
        traffic.upsert_counts(
            [
                {"day": NOW.date() - timedelta(days=back), "template_id": name, "provider": provider, "taxonomy": "acme", "n": n}
                for back, n in counts.items()
            ]
        )  # fmt: skip
        decided = {"action": "retry", "source": "model", "model": "m/1", "confidence": 0.9, "decided_at": NOW}
        known = {"template_id": name, "taxonomy": "acme", "taxonomy_version": "1", "category": "unpaid"}
        traffic.upsert_decisions([known | decided])


@pytest.fixture
def memory(tmp_path):
    memory = Memory(Settings(data_dir=tmp_path))
    write(memory, "old", "google", dict.fromkeys(range(36), 100), NOW - timedelta(days=300))
    yield memory
    memory.close()


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


@pytest.fixture
def watch(memory, metrics, tmp_path):
    watch = Watch(memory, tmp_path, metrics.drift)
    yield watch
    watch.close()


def change(memory):
    write(memory, "new", "google", {0: 80}, NOW)


def test_an_alarm_is_logged_when_it_begins_and_counted_as_long_as_it_lasts(memory, metrics, watch):
    with capture_logs() as logs:
        watch.look()
        assert 'rebound_drift_alarms{code="new_wording"} 0.0' in metrics.text().decode()
        change(memory)
        watch.look()
        watch.look()
    assert [(log["event"], log["code"], log["provider"], log["failures"]) for log in logs] == [
        ("drift", Code.NEW_WORDING, "google", 80)
    ]
    assert "550" not in str(logs)
    assert 'rebound_drift_alarms{code="new_wording"} 1.0' in metrics.text().decode()


def test_one_process_of_a_machine_looks_until_it_ends(memory, watch, tmp_path):
    change(memory)
    other_metrics = Metrics(CollectorRegistry())
    other = Watch(memory, tmp_path, other_metrics.drift)
    watch.look()
    other.look()
    assert "rebound_drift_alarms{" not in other_metrics.text().decode()
    watch.close()
    other.look()
    assert 'rebound_drift_alarms{code="new_wording"} 1.0' in other_metrics.text().decode()
    other.close()


def test_where_no_lock_can_be_written_every_process_looks(memory, metrics, tmp_path):
    change(memory)
    (tmp_path / "file").write_text("no folder")
    for _ in range(2):
        Watch(memory, tmp_path / "file", metrics.drift).look()
    assert 'rebound_drift_alarms{code="new_wording"} 1.0' in metrics.text().decode()


def test_a_report_is_kept_for_a_minute_by_taxonomy_and_days(memory, watch, monkeypatch):
    def alarms(taxonomy, days):
        return len(asyncio.run(watch.report(taxonomy, days)).alarms)

    clock = [1_000.0]
    monkeypatch.setattr("api.watch.time.monotonic", lambda: clock[0])
    assert alarms("acme", 7) == 0
    change(memory)
    assert (alarms("acme", 7), alarms("acme", 6), alarms("standard", 7)) == (0, 1, 0)
    clock[0] += 61
    assert alarms("acme", 7) == 1
