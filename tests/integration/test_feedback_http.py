"""Feedback over a socket: corrections hold in every process, and nobody is believed wholesale."""

import http.client
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

KEYS = "ann=*,bob=*,cid=*,poisoner=*,tenant=acme,other=globex"
ODD = "554 5.7.1 the frobnicator is of another opinion"
TOML = """
[[category]]
id = "ours"
title = "Our reputation"
description = "An address or a domain of ours is listed."
from = ["ip_reputation", "domain_reputation"]
"""
WORDS = "amber birch cedar dune ember fjord grove heath iris jade kelp larch maple nettle oak pine quartz reed sage thyme".split()


@pytest.fixture(scope="module")
def server(serve_module, tmp_path_factory):
    return serve_module(api_keys=KEYS, data_dir=str(tmp_path_factory.mktemp("data")), flush_seconds="0.2")


@pytest.fixture(scope="module")
def call(server):
    """Speak to the server with the key of a person."""
    with httpx.Client(base_url=server.url, timeout=30) as client:

        def call(key, method, path, **options):
            return client.request(method, f"/v1{path}", headers={"X-API-Key": key}, **options)

        yield call


def classified(call, text, key="ann", **fields):
    return call(key, "POST", "/classify", json={"text": text, **fields}).json()


def said(call, key, category, **fields):
    answer = call(key, "POST", "/feedback", json={"category": category, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def selected(folder, query):
    with closing(sqlite3.connect(Path(folder) / "rebound.db")) as connection:
        return connection.execute(query).fetchall()


def database(folder):
    """Return every value in every table, as text."""
    tables = [name for (name,) in selected(folder, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return "\n".join(
        str(value) for table in tables for row in selected(folder, f"SELECT * FROM {table}") for value in row
    )


def test_a_correction_by_request_id_holds_at_once(call):
    before = classified(call, ODD)
    assert before["source"] == "model"
    result = said(call, "ann", "mailbox_full", request_id=before["request_id"], note="ann@example.org checked")
    assert (result["state"], result["pinned"], result["holds"]) == ("accepted", True, "mailbox_full")
    assert (result["template_id"], result["taxonomy"]) == (before["template_id"], "standard")
    assert (result["model_category"], result["model_confidence"]) == (before["category"], before["confidence"])
    after = classified(call, ODD)
    assert (after["source"], after["category"], after["confidence"]) == ("pin", "mailbox_full", 1.0)
    assert after["model"] == before["model"]
    assert after["request_id"] != before["request_id"]


def test_a_batch_answers_each_item_in_its_place(call):
    known = classified(call, "550 5.1.1 amber nobody here")["template_id"]
    results = call(
        "ann",
        "POST",
        "/feedback",
        json=[
            {"text": "550 5.1.1 amber nobody here", "category": "user_unknown", "id": "mine"},
            {"template_id": known, "category": "user_unknown"},
            {"template_id": "0" * 16, "category": "user_unknown"},
            {"text": "x", "category": "nonsense"},
            [],
        ],
    )
    assert results.status_code == 200
    first, second, *bad = results.json()
    assert (first["id"], first["state"]) == ("mine", "accepted")
    assert (second["state"], second["label_id"]) == ("already", first["label_id"])
    assert [b["error"]["code"] for b in bad] == ["template_not_found", "unknown_category", "invalid_input"]
    assert bad[0]["error"]["status"] == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_input"),
        (b"5", 400, "invalid_input"),
        (b'{"text": "x"}', 400, "invalid_input"),
        (b'{"text": "x", "category": "nonsense"}', 400, "unknown_category"),
        (b'{"text": "x", "category": "user_unknown", "taxonomy": "nowhere"}', 404, "taxonomy_not_found"),
        (b'{"template_id": "0000000000000000", "category": "user_unknown"}', 404, "template_not_found"),
        (json.dumps([{}] * 10_001).encode(), 413, "message_too_large"),
    ],
)
def test_what_is_wrong_with_the_whole_is_a_problem_document(call, body, status, code):
    answer = call("ann", "POST", "/feedback", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_request_id_that_nobody_gave_is_waited_for_and_then_not_found(call):
    started = time.monotonic()
    answer = call(
        "ann", "POST", "/feedback", json={"request_id": f"{'0' * 16}.standard.{'0' * 8}", "category": "greylisted"}
    )
    assert answer.json()["code"] == "template_not_found"
    assert time.monotonic() - started < 4


def test_without_a_key_nothing_is_taken_or_shown(server):
    for method, path in [("POST", "/feedback"), ("GET", "/labels"), ("GET", "/pins"), ("GET", "/quarantine")]:
        assert httpx.request(method, f"{server.url}/v1{path}").status_code == 401


def test_people_disagree_are_listed_and_agree_again(call):
    text = "550 birch of two minds"
    for key, category in [("ann", "mailbox_full"), ("bob", "greylisted")]:
        result = said(call, key, category, text=text)
    assert (result["state"], result["pinned"], result["holds"]) == ("conflict", False, None)
    assert classified(call, text)["source"] == "model"
    conflicts = call("ann", "GET", "/conflicts").json()
    mine = next(c for c in conflicts if c["template_id"] == result["template_id"])
    assert sorted(vote["category"] for vote in mine["votes"]) == ["greylisted", "mailbox_full"]
    assert said(call, "cid", "greylisted", text=text)["holds"] == "greylisted"
    assert result["template_id"] not in {c["template_id"] for c in call("ann", "GET", "/conflicts").json()}
    rows = call("ann", "GET", "/labels", params={"template_id": result["template_id"]}).json()
    assert [row["category"] for row in rows] == ["greylisted", "greylisted", "mailbox_full"]
    assert all(row["who"].startswith("key:") and len(row["who"]) == 16 for row in rows)
    older = call("ann", "GET", "/labels", params={"template_id": rows[0]["template_id"], "before": rows[0]["label_id"]})
    assert older.json() == rows[1:]


def test_the_trail_of_a_pin_and_its_removal(call):
    result = said(call, "ann", "mailbox_full", text="550 cedar pinned for a while", expires_in_days=3)
    pins = call("ann", "GET", "/pins").json()
    pin = next(p for p in pins if p["template_id"] == result["template_id"])
    left = datetime.fromisoformat(pin["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=2, hours=23) < left < timedelta(days=3)
    path = f"/pins/{result['template_id']}"
    assert call("bob", "DELETE", path, params={"why": "jo@example.org complained"}).status_code == 204
    assert classified(call, "550 cedar pinned for a while")["source"] == "model"
    assert call("bob", "DELETE", path).json()["code"] == "pin_not_found"
    trail = call("ann", "GET", path).json()
    assert [(event["category"], event["why"]) for event in trail["events"]] == [
        ("mailbox_full", "label"),
        (None, "[ADDR] complained"),
    ]
    assert trail["template"] == "550 cedar pinned for a while"
    assert call("ann", "GET", "/pins/0123456789abcdef").json()["code"] == "template_not_found"
    assert call("ann", "GET", "/pins/nonsense").json()["code"] == "invalid_input"


def test_the_queue_lists_what_is_frequent_and_doubtful_and_nobody_has_judged(call):
    often, seldom = "550 dune a thing that nobody can understand", "550 ember a thing that nobody can understand"
    for text in [*[often] * 30, seldom]:
        classified(call, text)
    until = time.monotonic() + 5
    queue = []
    while not any("ember" in q["template"] for q in queue) and time.monotonic() < until:
        time.sleep(0.1)
        queue = call("ann", "GET", "/templates", params={"limit": 50}).json()
    first = next(q for q in queue if "dune" in q["template"])
    assert (first["count"], first["source"]) == (30, "model")
    assert {"template_id", "category", "confidence", "action"} <= set(first)
    assert queue.index(first) < next(i for i, q in enumerate(queue) if "ember" in q["template"])
    said(call, "ann", "undetermined", template_id=first["template_id"])
    assert all("dune" not in q["template"] for q in call("ann", "GET", "/templates", params={"limit": 50}).json())


def test_a_tenant_labels_and_sees_its_own_taxonomy_and_the_standard_one_only(call):
    for name in ("acme", "globex"):
        assert call("ann", "PUT", f"/taxonomies/{name}", content=TOML).status_code == 201
    text = "554 5.7.1 fjord listed somewhere"
    own = said(call, "tenant", "ours", text=text)
    assert (own["taxonomy"], own["pinned"]) == ("acme", True)
    assert said(call, "tenant", "other", text="550 grove none of ours")["pinned"]
    answer = classified(call, text, key="tenant")
    assert (answer["category"], answer["source"], answer["taxonomy"]) == ("ours", "pin", "acme/1")
    assert classified(call, text, key="other")["source"] == "model"
    by_request = said(call, "tenant", "ours", request_id=answer["request_id"])
    assert (by_request["taxonomy"], by_request["state"]) == ("acme", "already")
    foreign = call("tenant", "POST", "/feedback", json={"text": text, "category": "ours", "taxonomy": "globex"})
    assert foreign.json()["code"] == "taxonomy_not_found"
    for path in ("/labels", "/pins", "/conflicts", "/templates"):
        assert call("tenant", "GET", path, params={"taxonomy": "globex"}).json()["code"] == "taxonomy_not_found"
        assert all(row.get("taxonomy") != "acme" for row in call("other", "GET", path).json())
    assert [row["category"] for row in call("tenant", "GET", "/labels").json()] == ["other", "ours"]
    assert call("other", "GET", f"/pins/{own['template_id']}").json()["events"] == []
    assert call("other", "DELETE", f"/pins/{own['template_id']}").json()["code"] == "pin_not_found"


def confident(call, count):
    """Return texts that the model is sure of, and sure that they are no full mailbox."""
    texts = [f"550 5.1.1 {a} {b}: no such user here" for a in WORDS for b in WORDS][: count + 20]
    answers = call("ann", "POST", "/classify/batch", json=[{"text": text} for text in texts]).json()
    sure = [
        t for t, a in zip(texts, answers, strict=True) if a["confidence"] >= 0.9 and a["category"] == "user_unknown"
    ]
    return sure[:count]


def test_a_poisoned_batch_waits_for_a_second_person(call):
    texts = confident(call, 60)
    assert len(texts) == 60
    one_by_one, at_once = texts[:5], texts[5:]
    for text in one_by_one:
        assert said(call, "poisoner", "mailbox_full", text=text)["state"] == "accepted"
    results = call("poisoner", "POST", "/feedback", json=[{"text": t, "category": "mailbox_full"} for t in at_once])
    assert {(r["state"], r["pinned"]) for r in results.json()} == {("quarantined", False)}
    answers = call("ann", "POST", "/classify/batch", json=[{"text": text} for text in texts]).json()
    assert {answer["source"] for answer in answers} == {"model"}
    waiting = call("bob", "GET", "/quarantine").json()
    assert sorted(len(batch["labels"]) for batch in waiting) == [1] * 5 + [55]
    assert waiting[0]["labels"][0]["model_category"] == "user_unknown"
    assert "contradict" in waiting[0]["reason"]
    assert call("other", "GET", "/quarantine").json() == waiting  # of the standard taxonomy: everybody's
    large = next(batch["batch_id"] for batch in waiting if len(batch["labels"]) == 55)
    small = [batch["batch_id"] for batch in waiting if len(batch["labels"]) == 1]
    own = call("poisoner", "POST", f"/quarantine/{large}", json={"decision": "approve"})
    assert (own.status_code, own.json()["code"]) == (403, "second_person_needed")
    rejected = call("bob", "POST", f"/quarantine/{large}", json={"decision": "reject"}).json()
    assert (rejected["state"], rejected["batch_id"]) == ("rejected", large)
    many = call("bob", "POST", "/quarantine", json={"decision": "approve", "batch_ids": [*small, large, 10**6]}).json()
    assert [batch.get("state") for batch in many] == ["accepted"] * 5 + [None, None]
    assert [batch["error"]["code"] for batch in many[5:]] == ["review_refused", "batch_not_found"]
    assert call("bob", "GET", "/quarantine").json() == []
    assert classified(call, one_by_one[0])["source"] == "pin"
    assert classified(call, at_once[0])["source"] == "model"
    assert call("bob", "POST", f"/quarantine/{large}", json={"decision": "maybe"}).json()["code"] == "invalid_input"


def test_what_is_counted(call, server):
    said(call, "ann", "mailbox_full", text="550 heath counted")
    call("ann", "POST", "/feedback", json=[5])
    until = time.monotonic() + 5
    text = ""
    while "rebound_pins 0.0" in text or not text:
        assert time.monotonic() < until
        text = httpx.get(f"{server.url}/metrics").text
    assert 'rebound_feedback_total{state="accepted"}' in text
    assert 'rebound_feedback_total{state="refused"}' in text


def test_the_interface_is_described(server):
    paths = httpx.get(f"{server.url}/v1/openapi.json").json()["paths"]
    assert {
        "/v1/feedback",
        "/v1/templates",
        "/v1/labels",
        "/v1/conflicts",
        "/v1/pins",
        "/v1/pins/{template_id}",
    } <= set(paths)
    schema = paths["/v1/feedback"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"request_id", "expires_in_days"} <= set(schema["anyOf"][0]["properties"])


def test_limits_per_hour_and_names_without_keys(serve, tmp_path):
    server = serve(data_dir=str(tmp_path), labels_per_hour="2")
    url = f"{server.url}/v1/feedback"
    items = [{"text": f"550 iris {word}", "category": "mailbox_full", "by": "ann"} for word in ("a", "b", "c")]
    many = httpx.post(url, json=items)
    assert [item.get("state") or item["error"]["code"] for item in many.json()] == [
        "accepted",
        "accepted",
        "too_many_labels",
    ]
    single = httpx.post(url, json=items[2])
    assert (single.status_code, single.json()["code"]) == (429, "too_many_labels")
    assert 3_500 < int(single.headers["Retry-After"]) <= 3_600
    assert many.headers["Retry-After"] == "3600"
    assert httpx.post(url, json=items[2] | {"by": "bob"}).json()["state"] == "accepted"
    assert httpx.post(url, json=items[2] | {"by": "bob@example.org"}).json()["code"] == "invalid_input"
    rows = httpx.get(f"{server.url}/v1/labels").json()
    assert [row["who"] for row in rows] == ["by:bob", "by:ann", "by:ann"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/labels?before=100000000000000000000"),
        ("GET", "/labels?template_id=%00"),
        ("GET", "/pins/%00"),
        ("DELETE", "/pins/not-a-template"),
    ],
)
def test_ids_and_numbers_that_no_database_could_hold_are_told_apart_from_faults(call, method, path):
    answer = call("ann", method, path)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_no_address_reaches_database_or_log(serve, tmp_path):
    server = serve(data_dir=str(tmp_path), log_level="debug")
    items = [
        {
            "text": "550 5.1.1 <zebulon.quill@example.org>: jade nobody",
            "category": "user_unknown",
            "note": "zebulon.quill@example.org wrote me, see mail from <xaver.yucca@example.net>",
        },
        {"text": "550 <zebulon.quill@example.org> kelp", "category": "zebulon.quill@example.org"},
        {"text": "550 kelp", "category": "user_unknown", "zebulon.quill@example.org": 1},
        {"text": "550 kelp", "category": "user_unknown", "by": "zebulon.quill@example.org"},
        {"text": "550 kelp", "category": "user_unknown", "request_id": "zebulon.quill@example.org"},
    ]
    answer = httpx.post(f"{server.url}/v1/feedback", json=items)
    assert [item.get("state", "refused") for item in answer.json()] == ["accepted", *["refused"] * 4]
    assert "example" not in answer.text
    server.process.terminate()
    log = server.process.stderr.read()
    server.process.wait(10)
    assert "quill" not in log
    kept = database(tmp_path)
    assert "[ADDR] wrote me" in kept
    for private in ("zebulon", "quill", "xaver", "example.org", "example.net"):
        assert private not in kept


class Worker:
    """A kept connection to one worker process."""

    def __init__(self, server, port):
        self.server = server
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.ask("/healthz")
        self.port = self.connection.sock.getsockname()[1]

    @property
    def pid(self):
        """The process at the other end."""
        for child in psutil.Process(self.server.process.pid).children(recursive=True):
            if any(c.raddr and c.raddr.port == self.port for c in child.net_connections("tcp")):
                return child.pid
        raise AssertionError("nobody holds the other end")

    def ask(self, path, document=None):
        body = None if document is None else json.dumps(document)
        self.connection.request("GET" if body is None else "POST", path, body, {"Content-Type": "application/json"})
        return json.loads(self.connection.getresponse().read())

    def source(self, text):
        return self.ask("/v1/classify", {"text": text})["source"]


@pytest.fixture
def workers_of():
    """Connect to each worker; the system hands connections out as it likes, so they are kept until all have one."""
    with ExitStack() as stack:

        def connect(server, count=2):
            found = {}
            until = time.monotonic() + 20
            while len(found) < count:
                assert time.monotonic() < until, "some worker takes no connections"
                worker = Worker(server, int(server.url.rpartition(":")[2]))
                stack.callback(worker.connection.close)
                found.setdefault(worker.pid, worker)
            return list(found.values())

        yield connect


def test_a_correction_holds_in_every_worker_within_two_seconds_and_after_a_restart(serve, workers_of, tmp_path):
    server = serve("--workers", "2", data_dir=str(tmp_path))
    one, two = workers_of(server)
    request_id = one.ask("/v1/classify", {"text": ODD})["request_id"]
    assert two.source(ODD) == "model"
    # The other process has not stored the template yet, and waits for the one that answered.
    result = two.ask("/v1/feedback", {"request_id": request_id, "category": "mailbox_full"})
    given = time.monotonic()
    assert (result["state"], two.source(ODD)) == ("accepted", "pin")
    while one.source(ODD) != "pin":
        assert time.monotonic() - given < 2
        time.sleep(0.02)
    assert {one.source(ODD), two.source(ODD)} == {"pin"}
    # What people take back is taken back everywhere, too.
    two.connection.request("DELETE", f"/v1/pins/{result['template_id']}")
    assert two.connection.getresponse().read() == b""
    removed = time.monotonic()
    while one.source(ODD) != "model":
        assert time.monotonic() - removed < 2
        time.sleep(0.02)
    one.ask("/v1/feedback", {"text": ODD, "category": "greylisted"})
    assert server.stop() == 0
    again = serve("--workers", "2", data_dir=str(tmp_path))
    for worker in workers_of(again):
        assert worker.ask("/v1/classify", {"text": ODD})["category"] == "greylisted"


def test_a_pin_that_expires_holds_no_longer(serve, tmp_path):
    from classifier.store import PinRepository, open_store

    server = serve(data_dir=str(tmp_path))
    template_id = httpx.post(f"{server.url}/v1/classify", json={"text": ODD}).json()["template_id"]
    store = open_store(f"sqlite:///{tmp_path}/rebound.db")
    now = datetime.now(UTC)
    with store.session() as session:
        PinRepository(session).set(
            template_id=template_id, taxonomy="standard", category="greylisted",
            who="by:ann", why="label", at=now, expires_at=now + timedelta(seconds=3),
        )  # fmt: skip
    store.close()
    sources = {}
    while (seconds := (datetime.now(UTC) - now).total_seconds()) < 4:
        sources[seconds] = httpx.post(f"{server.url}/v1/classify", json={"text": ODD}).json()["source"]
        time.sleep(0.05)
    assert {source for seconds, source in sources.items() if 2 < seconds < 2.9} == {"pin"}
    assert {source for seconds, source in sources.items() if seconds > 3.1} == {"model"}


def test_a_database_that_is_away_holds_up_nobody_and_is_used_once_it_is_there(serve, tmp_path):
    (tmp_path / "away").write_text("a file where the database's folder should be")
    server = serve(database_url=f"sqlite:///{tmp_path}/away/rebound.db", flush_seconds="0.5")
    ready = httpx.get(f"{server.url}/readyz")
    assert (ready.status_code, ready.json()["status"], ready.json()["store"]) == (200, "ready", "unavailable")
    assert httpx.post(f"{server.url}/v1/classify", json={"text": ODD}).status_code == 200
    feedback = {"text": ODD, "category": "mailbox_full"}
    refused = httpx.post(f"{server.url}/v1/feedback", json=feedback)
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    (tmp_path / "away").unlink()
    assert httpx.post(f"{server.url}/v1/feedback", json=feedback).json()["pinned"]
    until = time.monotonic() + 25
    while httpx.get(f"{server.url}/readyz").json()["store"] != "ready":
        assert time.monotonic() < until
        time.sleep(0.1)
    server.stop()
    assert selected(tmp_path / "away", "SELECT SUM(n) FROM counts") == [(1,)]


def test_requests_that_wait_for_the_database_leave_threads_for_classification(serve, tmp_path):
    server = serve(data_dir=str(tmp_path))
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=30))
        crowd = stack.enter_context(ThreadPoolExecutor(80))
        writer = stack.enter_context(closing(sqlite3.connect(tmp_path / "rebound.db", isolation_level=None)))
        writer.execute("BEGIN IMMEDIATE")
        labels = [{"text": f"550 {word} nobody can write this down", "category": "mailbox_full"} for word in WORDS * 4]
        waiting = [crowd.submit(httpx.post, f"{server.url}/v1/feedback", json=label, timeout=60) for label in labels]
        time.sleep(2)
        assert not any(request.done() for request in waiting)
        for number in range(5):
            began = time.monotonic()
            assert client.post("/v1/classify", json={"text": f"550 5.1.1 no such user {number}"}).status_code == 200
            assert time.monotonic() - began < 2
        writer.execute("ROLLBACK")
        assert {request.result().status_code for request in waiting} == {200}


def test_a_clean_stop_loses_no_count(serve, tmp_path):
    server = serve("--workers", "2", data_dir=str(tmp_path), flush_seconds="3600")
    for number in range(40):
        httpx.post(f"{server.url}/v1/classify", json={"text": f"550 larch {WORDS[number % 20]}"})
    assert server.stop() == 0
    assert selected(tmp_path, "SELECT SUM(n), COUNT(DISTINCT template_id) FROM counts") == [(40, 20)]
