"""The HTTP contract, spoken to a real server over a socket."""

import json
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

AXES = {
    "kind", "category", "confidence", "alternatives", "permanence", "fault", "action", "scope", "retry_after_s", "blocklist",
    "provider", "source", "model", "taxonomy", "recipient", "smtp_code", "enhanced_code", "template", "template_id",
    "request_id",
}  # fmt: skip


@pytest.fixture(scope="module")
def http(served):
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


def problem_of(response, status, code):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert {"type", "title", "status", "code", "detail"} <= set(document)
    assert (document["status"], document["code"]) == (status, code)
    return document


def test_one_record(http):
    answer = http.post("/v1/classify", json={"id": "a", "text": "550 5.1.1 <jo@example.org>: no such user"}).json()
    assert set(answer) == AXES | {"id"}
    assert (answer["id"], answer["category"], answer["action"]) == ("a", "user_unknown", "suppress")
    assert answer["source"] == "model"
    assert 0 <= answer["confidence"] <= 1


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("452 4.2.2 The recipient's mailbox is over its storage limit", "mailbox_full"),
        ("554 5.7.1 Service unavailable; client [192.0.2.7] blocked using zen.spamhaus.org", "ip_reputation"),
        ("450 4.7.1 Greylisted, please come back in 300 seconds", "greylisted"),
        ("550 5.7.26 unauthenticated mail from example.org fails its DMARC policy", "auth_failure"),
        ("552 5.3.4 message is larger than the 10485760 octets we take", "message_too_large"),
        ("Das Postfach des Empfängers ist voll", "mailbox_full"),
        ("メールボックスの容量が超過しています", "mailbox_full"),
    ],
)
def test_plain_cases_are_told_apart(http, text, category):
    assert http.post("/v1/classify", json={"text": text}).json()["category"] == category


def test_what_the_text_says_beside_its_cause(http):
    text = "450 4.7.1 [192.0.2.7] listed in bl.spamcop.net, try again in 5 minutes - gsmtp"
    answer = http.post("/v1/classify", json={"text": text}).json()
    assert (answer["blocklist"], answer["retry_after_s"], answer["provider"]) == ("bl.spamcop.net", 300, "google")
    assert answer["permanence"] == "temporary"


def test_no_address_is_in_the_template(http):
    answer = http.post("/v1/classify", json={"text": "550 jo.doe@example.org unknown"}).json()
    assert "jo.doe" not in answer["template"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_input"),
        (b"[" * 100_000, 400, "invalid_input"),
        (b"[]", 400, "invalid_input"),
        (b'{"text": 5}', 400, "invalid_input"),
        (b'{"text": "x", "email_path": "/etc/passwd"}', 400, "invalid_input"),
        (b'{"text": "\xff"}', 400, "invalid_input"),
        (json.dumps({"text": "x" * 100_001}).encode(), 413, "message_too_large"),
        (b"x" * 10_485_761, 413, "message_too_large"),
    ],
    ids=["broken", "nested", "array", "type", "path", "encoding", "long text", "long body"],
)
def test_bad_requests_get_a_problem(http, body, status, code):
    response = http.post("/v1/classify", content=body, headers={"content-type": "application/json"})
    problem_of(response, status, code)


def test_a_chunked_body_cannot_hide_its_size(http):
    def chunks():
        for _ in range(11):
            yield b" " * 1_048_576

    try:
        response = http.post("/v1/classify", content=chunks())
    except (httpx.WriteError, httpx.ReadError):
        pass  # the server closed the connection while we still wrote: refused all the same
    else:
        problem_of(response, 413, "message_too_large")
    assert http.get("/healthz").status_code == 200


def test_unknown_paths_and_methods(http):
    problem_of(http.get("/nowhere"), 404, "not_found")
    problem_of(http.delete("/v1/classify"), 405, "method_not_allowed")


def test_an_array_answers_each_item_in_order_and_a_bad_one_in_its_place(http):
    records = [{"id": "a", "text": "550 no such user"}, {"id": "b"}, {"text": "452 4.2.2 mailbox full"}]
    answers = http.post("/v1/classify/batch", json=records).json()
    assert [a["id"] for a in answers] == ["a", "b", 3]
    assert answers[0]["category"] == "user_unknown"
    assert answers[1]["error"]["code"] == "invalid_input"
    assert answers[2]["category"] == "mailbox_full"


def test_too_many_records_are_refused(http):
    response = http.post("/v1/classify/batch", json=[{"text": "x"}] * 10_001)
    problem_of(response, 413, "message_too_large")


def test_ndjson_streams_in_and_out(http):
    lines = [json.dumps({"id": i, "text": f"550 5.1.1 user{i}@example.org unknown"}) for i in range(500)]
    lines[7] = "not json"
    lines[9] = "x" * 1_100_000

    def body():
        for line in lines:
            yield line.encode() + b"\n"

    headers = {"content-type": "application/x-ndjson"}
    with http.stream("POST", "/v1/classify/batch", content=body(), headers=headers) as response:
        assert response.headers["content-type"].startswith("application/x-ndjson")
        answers = [json.loads(line) for line in response.iter_lines()]
    assert len(answers) == 500
    assert answers[7]["error"]["code"] == "invalid_input"
    assert answers[9]["error"]["code"] == "message_too_large"
    rest = [a for i, a in enumerate(answers) if i not in (7, 9)]
    assert {a["category"] for a in rest} == {"user_unknown"}
    assert [a["id"] for a in rest] == [i for i in range(500) if i not in (7, 9)]


def test_another_media_type_is_refused(http):
    response = http.post("/v1/classify/batch", content=b"a,b", headers={"content-type": "text/csv"})
    problem_of(response, 415, "unsupported_media_type")
    problem_of(http.post("/v1/reports", json={}), 415, "unsupported_media_type")


def test_a_raw_email_gives_a_verdict_for_each_recipient(http):
    raw = (
        b"From: MAILER-DAEMON@mx.example.net\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
        b"Final-Recipient: rfc822; ann@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 we know no ann\r\n\r\n"
        b"Final-Recipient: rfc822; bob@example.org\r\nAction: delayed\r\nStatus: 4.2.2\r\n"
        b"Diagnostic-Code: smtp; 452 4.2.2 the mailbox of bob is full\r\n\r\n--b--\r\n"
    )
    document = http.post("/v1/reports", content=raw, headers={"content-type": "message/rfc822"}).json()
    ann, bob = document["verdicts"]
    assert (ann["recipient"], ann["kind"], ann["category"], ann["action"]) == (
        "ann@example.org",
        "failure",
        "user_unknown",
        "suppress",
    )
    assert (bob["recipient"], bob["kind"], bob["category"], bob["permanence"]) == (
        "bob@example.org",
        "delayed",
        "mailbox_full",
        "temporary",
    )
    assert "bob" not in bob["template"]


def test_an_empty_report_is_refused(http):
    response = http.post("/v1/reports", content=b"", headers={"content-type": "message/rfc822"})
    problem_of(response, 400, "invalid_input")


def test_health_metrics_and_docs(http):
    assert http.get("/healthz").json() == {"status": "ok"}
    ready = http.get("/readyz").json()
    assert (ready["status"], ready["taxonomy"]) == ("ready", "standard/1")
    http.post("/v1/classify", json={"text": "550 5.1.1 no such user"})
    assert 'rebound_answers_total{action="suppress",category="user_unknown"' in http.get("/metrics").text
    assert "swagger" in http.get("/docs").text.lower()
    paths = http.get("/v1/openapi.json").json()["paths"]
    assert {"/v1/classify", "/v1/classify/batch", "/v1/reports"} <= set(paths)


def test_many_clients_at_once_get_the_same_answers(served):
    def ask(i):
        text = f"550 5.1.{i % 9} mailbox number {i % 40} is unknown"
        return text, httpx.post(f"{served.url}/v1/classify", json={"text": text}, timeout=30).json()["category"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(200)))
    assert len(set(answers)) == len({text for text, _ in answers})


def test_it_is_ready_within_three_seconds_and_says_where_it_listens(serve):
    server = serve()
    assert server.seconds_to_ready < 3
    assert server.url in server.banner[-1]
    assert "curl" in server.process.stderr.readline()


def test_it_stays_below_300_mb(serve):
    server = serve()
    lines = "\n".join(
        json.dumps({"text": f"550 {word} mailbox of {word} is {word} today " * 6})
        for word in map(str, range(20_000, 20_600))
    )
    lines += "\n" + "\n".join(
        json.dumps({"text": f"554 cause {chr(97 + i % 26) * 9}{chr(97 + i // 26) * 7} so no"}) for i in range(600)
    )
    headers = {"content-type": "application/x-ndjson"}
    httpx.post(f"{server.url}/v1/classify/batch", content=lines, headers=headers, timeout=60).raise_for_status()
    assert psutil.Process(server.process.pid).memory_info().rss < 300_000_000


def test_it_stops_cleanly_on_sigterm(serve):
    assert serve().stop() == 0


def test_a_client_that_holds_a_stream_open_does_not_hold_up_a_stop(serve):
    server = serve()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /v1/classify/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
        )
        time.sleep(0.3)
        server.process.terminate()
        assert server.process.wait(20) is not None


def test_half_a_surrogate_pair_costs_nothing_but_a_letter(http):
    body = b'[{"text": "550 5.1.1 \\ud800 no such user"}, {"id": "\\ud800", "text": "x"}, {"id": true}]'
    first, second, third = http.post(
        "/v1/classify/batch", content=body, headers={"content-type": "application/json"}
    ).json()
    assert first["category"] == "user_unknown"
    assert (second["id"], second["error"]["code"]) == (2, "invalid_input")
    assert (third["id"], third["error"]["code"]) == (3, "invalid_input")


def test_workers_share_a_port(serve):
    server = serve("--workers", "2")
    answers = [httpx.post(f"{server.url}/v1/classify", json={"text": "550 no such user"}).json() for _ in range(20)]
    assert {answer["category"] for answer in answers} == {"user_unknown"}
    metrics = httpx.get(f"{server.url}/metrics").text
    counted = re.findall(r"^rebound_answers_total\{.*\} (\S+)$", metrics, flags=re.MULTILINE)
    assert sum(map(float, counted)) == 20


def test_a_port_that_is_taken_is_said_plainly(served):
    port = served.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [Path(sys.executable).with_name("rebound"), "serve", "--port", port],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot listen" in done.stderr


def test_without_a_bundle_it_serves_and_says_so(serve, tmp_path):
    server = serve(bundle_dir=str(tmp_path / "none"))
    ready = httpx.get(f"{server.url}/readyz").json()
    assert ready["status"] == "degraded"
    assert "manifest" in ready["reason"]
    answer = httpx.post(f"{server.url}/v1/classify", json={"text": "550 5.1.1 no such user"}).json()
    assert (answer["source"], answer["category"], answer["action"]) == ("fallback", "user_unknown", "review")
