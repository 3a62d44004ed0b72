"""Answers in other systems' words, over HTTP and from a shell."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

REBOUND = Path(sys.executable).with_name("rebound")
UNKNOWN = "550 5.1.1 no such user here"
FULL = "452 4.2.2 mailbox full"
BOUNCE = (Path(__file__).parents[1] / "golden/rfc3464_base64_notice.eml").read_bytes()


def send(url, body=None, media="application/json"):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": media})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def rebound(*arguments, stdin=b""):
    done = subprocess.run([REBOUND, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode(), done.returncode


def test_a_query_asks_for_a_label(served):
    status, body = send(f"{served.url}/v1/classify?vocabulary=powermta", {"text": FULL})
    answer = json.loads(body)
    assert (status, answer["category"]) == (200, "mailbox_full")
    assert answer["label"] == {
        "vocabulary": "powermta",
        "version": answer["label"]["version"],
        "label": "quota-issues",
        "lossy": False,
    }


def test_a_record_asks_for_a_label_before_the_query(served):
    record = {"text": FULL, "vocabulary": "rfc3463"}
    _, body = send(f"{served.url}/v1/classify?vocabulary=powermta", record)
    assert json.loads(body)["label"]["label"] == "4.2.2"


def test_nobody_asked_nobody_is_told(served):
    _, body = send(f"{served.url}/v1/classify", {"text": FULL})
    assert "label" not in json.loads(body)


@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_batch_has_labels_each_its_own(served, form):
    records = [{"text": FULL}, {"text": FULL, "vocabulary": "ses"}, {"text": FULL, "vocabulary": "exim"}]
    url = f"{served.url}/v1/classify/batch?vocabulary=postmark"
    if form == "array":
        answers = json.loads(send(url, records)[1])
    else:
        lines = "\n".join(map(json.dumps, records)).encode()
        answers = [json.loads(line) for line in send(url, lines, "application/x-ndjson")[1].splitlines()]
    assert [a["label"]["label"] for a in answers[:2]] == ["SoftBounce", "Transient/MailboxFull"]
    assert answers[2]["error"]["code"] == "unknown_vocabulary"


def test_an_email_has_labels(served):
    status, body = send(f"{served.url}/v1/reports?vocabulary=kumomta", BOUNCE, "message/rfc822")
    assert status == 200
    assert all(verdict["label"]["vocabulary"] == "kumomta" for verdict in json.loads(body)["verdicts"])


@pytest.mark.parametrize(
    ("path", "body", "media"),
    [
        ("/v1/classify?vocabulary=exim", {"text": FULL}, "application/json"),
        ("/v1/classify", {"text": FULL, "vocabulary": "exim"}, "application/json"),
        ("/v1/classify/batch?vocabulary=exim", [{"text": FULL}], "application/json"),
        ("/v1/classify/batch?vocabulary=exim", b'{"text": "x"}', "application/x-ndjson"),
        ("/v1/reports?vocabulary=exim", BOUNCE, "message/rfc822"),
    ],
)
def test_an_unknown_vocabulary_is_a_problem(served, path, body, media):
    status, answer = send(served.url + path, body, media)
    found = json.loads(answer)
    assert (status, found["code"]) == (400, "unknown_vocabulary")
    assert "sparkpost" in found["detail"]


def test_a_vocabulary_that_is_no_string_is_a_problem(served):
    status, body = send(f"{served.url}/v1/classify", {"text": FULL, "vocabulary": ["ses"]})
    assert (status, json.loads(body)["code"]) == (400, "invalid_input")


def test_crosswalks_are_listed_and_shown(served):
    _, body = send(f"{served.url}/v1/crosswalks")
    names = [entry["name"] for entry in json.loads(body)]
    assert {"powermta", "rfc3463", "sisimai_5_6"} <= set(names)
    for name in names:
        status, body = send(f"{served.url}/v1/crosswalks/{name}")
        whole = json.loads(body)
        assert (status, whole["name"]) == (200, name)
        assert len({line["category"] for line in whole["to"]}) == 29


@pytest.mark.parametrize("name", ["exim", "..%2Ftaxonomy%2Fstandard"])
def test_a_crosswalk_that_is_not_there(served, name):
    status, body = send(f"{served.url}/v1/crosswalks/{name}")
    assert (status, json.loads(body)["code"]) == (404, "not_found")


def test_the_shell_asks_for_labels(tmp_path):
    (tmp_path / "one.eml").write_bytes(BOUNCE)
    feed = [
        {"text": FULL},
        {"text": FULL, "vocabulary": "halon"},
        {"email_path": str(tmp_path / "one.eml"), "vocabulary": "ses"},
    ]
    answers, _, status = rebound(
        "classify", "--vocabulary", "mailgun", "-", stdin="\n".join(map(json.dumps, feed)).encode()
    )
    assert status == 0
    assert [a["label"]["vocabulary"] for a in answers] == ["mailgun", "halon", *["ses"] * (len(answers) - 2)]
    assert [a["label"]["label"] for a in answers[:2]] == ["generic", "RECIPIENT_ERROR"]


def test_the_shell_prints_a_table():
    lines, _, status = rebound("crosswalk", "powermta")
    assert status == 0
    assert {line["direction"] for line in lines} == {"to", "from"}
    assert {"category": "mailbox_full", "label": "quota-issues"}.items() <= lines[3].items()


def test_the_shell_lists_the_vocabularies():
    lines, _, status = rebound("crosswalk")
    assert (status, len(lines)) == (0, 12)


@pytest.mark.parametrize("arguments", [("crosswalk", "exim"), ("classify", "--vocabulary", "exim", "-")])
def test_the_shell_says_which_vocabularies_there_are(arguments):
    lines, complaints, status = rebound(*arguments)
    assert (lines, status) == ([], 2)
    assert complaints.startswith("unknown_vocabulary: vocabulary: must be one of halon, ")
