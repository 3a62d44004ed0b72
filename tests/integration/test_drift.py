"""Drift from a stored month to the alarm: in both databases, over HTTP, in the metrics and the log, from a shell."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest

from classifier.drift import Code, alarms_of
from classifier.store import Store, TrafficRepository, open_store
from training.cause import drift_alarms

REBOUND = Path(sys.executable).with_name("rebound")
OLD, NEW = "550 5.1.1 no such user", "550 5.7.9 the mailbox has left the building"


def today():
    return datetime.now(UTC).date()


def fill(store: Store, taxonomy: str = "standard") -> None:
    """Write five weeks of one provider that changed its wording yesterday, and as much that did not change."""
    now = datetime.now(UTC)
    seen = {"old": now - timedelta(days=200), "same": now - timedelta(days=200), "new": now - timedelta(days=1)}
    texts = {"old": OLD, "same": "452 4.2.2 mailbox full", "new": NEW}
    counts = [("same", "", back, 500) for back in range(36)]
    counts += [("old", "google", back, 20 if back < 2 else 100) for back in range(36)]
    counts += [("new", "google", back, 80) for back in range(2)]
    with store.session() as session:
        traffic = TrafficRepository(session)
        traffic.upsert_templates(
            [{"id": name, "text": texts[name], "first_seen": at, "last_seen": now} for name, at in seen.items()]
        )
        traffic.upsert_counts(
            [
                {
                    "day": today() - timedelta(days=back),
                    "template_id": name,
                    "provider": where,
                    "taxonomy": taxonomy,
                    "n": n,
                }
                for name, where, back, n in counts
            ]
        )
        traffic.upsert_decisions(
            [
                {
                    "template_id": name, "taxonomy": taxonomy, "taxonomy_version": "1", "category": "user_unknown",
                    "confidence": 0.9, "action": "suppress", "source": "model", "model": "m/1", "decided_at": now,
                }
                for name in texts
            ]
        )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    store = open_store(f"sqlite:///{folder}/rebound.db")
    fill(store)
    store.close()
    return folder


@pytest.fixture(scope="module")
def server(serve_module, folder):
    return serve_module("--workers", "2", data_dir=str(folder), api_keys="ops=*,tenant=acme,other=globex")


def asked(server, path, key="ops"):
    return httpx.get(f"{server.url}{path}", headers={"X-API-Key": key}, timeout=60)


def shell(folder, *arguments):
    environment = {**os.environ, "REBOUND_DATA_DIR": str(folder)}
    return subprocess.run(
        [REBOUND, "drift", *arguments], capture_output=True, text=True, check=False, timeout=120, env=environment
    )


def test_both_databases_tell_the_same_alarm(store):
    assert alarms_of(store, today=today()) == []
    fill(store)
    (alarm,) = alarms_of(store, today=today())
    assert (alarm.code, alarm.provider, alarm.since) == (Code.NEW_WORDING, "google", today() - timedelta(days=1))
    assert (alarm.failures, alarm.share, alarm.before, alarm.templates) == (160, 0.8, 0.0, 1)
    assert alarm.most_frequent[0].text == NEW
    assert alarms_of(store, today=today(), taxonomy="acme") == []
    assert alarms_of(store, today=today(), taxonomy=None) == [alarm]
    with store.reading() as session:
        assert drift_alarms(session) == [alarm.summary]
    assert NEW not in alarm.summary


def test_a_report_over_http_names_the_provider_the_day_and_the_words(server):
    answer = asked(server, "/v1/drift")
    assert answer.status_code == 200, answer.text
    report = answer.json()
    (alarm,) = report["alarms"]
    assert (report["taxonomy"], report["days"]) == ("standard", 7)
    assert (alarm["code"], alarm["severity"], alarm["provider"]) == ("new_wording", "high", "google")
    assert alarm["sentence"].endswith(
        f"1 new template, 160 failures, 80 % of what it sends (0 % before); the most frequent: {NEW}"
    )
    assert [figures["provider"] for figures in report["figures"]] == [None, "", "google"]
    assert report["new_templates"] == alarm["most_frequent"]


def test_fewer_days_see_less_and_other_numbers_are_refused(server):
    assert asked(server, "/v1/drift?days=1").json()["alarms"] == []
    for days in ("0", "29", "many"):
        refused = asked(server, f"/v1/drift?days={days}")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")


def test_a_tenant_sees_no_other_taxonomy(server):
    assert asked(server, "/v1/drift?taxonomy=globex", key="tenant").status_code == 404
    assert asked(server, "/v1/drift", key="nobody").status_code == 401


def test_the_gauge_counts_alarms_by_code_and_the_log_has_them_without_words_of_bounces(server):
    wanted = 'rebound_drift_alarms{code="new_wording"} 1.0'
    until = time.monotonic() + 60
    while wanted not in (text := httpx.get(f"{server.url}/metrics", timeout=30).text) and time.monotonic() < until:
        time.sleep(0.1)
    assert wanted in text
    assert 'rebound_drift_alarms{code="category_mix"} 0.0' in text
    for line in server.process.stderr:
        if '"event": "drift"' in line:
            break
    event = json.loads(line)
    assert (event["code"], event["provider"], event["failures"]) == ("new_wording", "google", 160)
    assert "building" not in line


def test_from_a_shell_alarms_are_lines_and_a_status(folder, tmp_path):
    done = shell(folder)
    assert done.returncode == 1, done.stderr
    first, *others = done.stdout.splitlines()
    assert first.startswith("high: wording changed at google since ")
    assert "  at google: 700 failures, 1 new templates, unseen 22.9% (0.0% before), unsure 0.0% (0.0% before)" in others
    quiet = shell(tmp_path / "empty")
    assert (quiet.returncode, quiet.stdout) == (0, "no alarm: 0 failures in 7 days under standard\n")


def test_from_a_shell_the_whole_report_is_one_json_object(folder, server):
    done = shell(folder, "--json", "--days", "7", "--taxonomy", "standard")
    assert done.returncode == 1
    assert json.loads(done.stdout) == asked(server, "/v1/drift").json()


def test_from_a_shell_a_store_that_cannot_be_read_is_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setenv("REBOUND_DATABASE_URL", "mysql://nowhere/x")
    done = shell(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("store_refused: ")
