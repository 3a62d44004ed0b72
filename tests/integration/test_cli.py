"""`rebound classify` as a shell runs it."""

import json
import mailbox
import os
import subprocess
import sys
from pathlib import Path

import pytest

REBOUND = Path(sys.executable).with_name("rebound")
BOUNCE = b"""From: Mail Delivery System <MAILER-DAEMON@mx.example.net>
To: sender@example.com
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; ann@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 we know no ann here

--b--
"""


def rebound(*arguments, stdin=b""):
    done = subprocess.run(
        [REBOUND, "classify", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode(), done.returncode


@pytest.fixture
def eml(tmp_path):
    path = tmp_path / "one.eml"
    path.write_bytes(BOUNCE)
    return path


def test_an_email_file(eml):
    (answer,), complaints, status = rebound(eml)
    assert (answer["path"], answer["recipient"], answer["kind"]) == (str(eml), "ann@example.org", "failure")
    assert (answer["category"], answer["smtp_code"], answer["enhanced_code"]) == ("user_unknown", 550, "5.1.1")
    assert (complaints, status) == ("", 0)


def test_a_folder_is_read_in_order(tmp_path):
    for name in ("b.eml", "a.eml", ".hidden"):
        (tmp_path / name).write_bytes(BOUNCE)
    answers, _, status = rebound(tmp_path)
    assert [Path(a["path"]).name for a in answers] == ["a.eml", "b.eml"]
    assert status == 0


def test_an_mbox(tmp_path):
    path = tmp_path / "box"
    box = mailbox.mbox(path)
    for _ in range(3):
        box.add(BOUNCE)
    box.close()
    answers, _, _ = rebound(path)
    assert [a["path"] for a in answers] == [f"{path}#{n}" for n in (1, 2, 3)]


def test_a_maildir(tmp_path):
    box = mailbox.Maildir(tmp_path / "mail")
    box.add(BOUNCE)
    box.add(BOUNCE)
    answers, _, _ = rebound(tmp_path / "mail")
    assert [a["category"] for a in answers] == ["user_unknown"] * 2


def test_records_on_standard_input():
    feed = b'{"id": "x", "text": "452 4.2.2 mailbox full"}\n\n{"text": "550 5.1.1 no such user"}\n'
    answers, _, status = rebound("-", stdin=feed)
    assert [(a["id"], a["category"]) for a in answers] == [("x", "mailbox_full"), (3, "user_unknown")]
    assert status == 0


def test_standard_input_is_the_default_and_may_be_a_raw_email():
    (answer,), _, status = rebound(stdin=BOUNCE)
    assert (answer["path"], answer["recipient"], status) == ("-", "ann@example.org", 0)


def test_a_byte_order_mark_does_not_make_records_an_email():
    answers, _, status = rebound(
        "-", stdin=b'\xef\xbb\xbf{"id": 1, "text": "550 5.1.1 no such user"}\r\n{"id": 2, "text": "552 full"}\r\n'
    )
    assert ([a["id"] for a in answers], status) == ([1, 2], 0)


def test_an_array_is_refused_with_advice():
    answers, complaints, status = rebound("-", stdin=b'[{"text": "550 x"}]')
    assert (answers, status) == ([], 1)
    assert "one object a line" in complaints


def test_half_a_surrogate_pair_costs_nothing_but_a_letter():
    answers, _, status = rebound(
        "-", stdin=b'{"text": "550 5.1.1 \\ud800 no such user"}\n{"text": "552 5.2.2 mailbox full"}\n'
    )
    assert ([a["category"] for a in answers], status) == (["user_unknown", "mailbox_full"], 0)


def test_output_is_utf8_whatever_the_locale(tmp_path):
    done = subprocess.run(
        [REBOUND, "classify", "-"], input='{"text": "550 ящик не существует"}'.encode(), capture_output=True, timeout=60, check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "LC_ALL": "C"},
    )  # fmt: skip
    assert "ящик" in json.loads(done.stdout.decode())["template"]


def test_a_pipe_is_answered_while_it_stays_open():
    with subprocess.Popen([REBOUND, "classify", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b'{"text": "550 5.1.1 no such user"}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["category"] == "user_unknown"
        process.stdin.close()
        assert process.wait(20) == 0


def test_links_back_and_pipes_in_a_folder_do_not_catch_it(tmp_path):
    (tmp_path / "a.eml").write_bytes(BOUNCE)
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    answers, _, status = rebound(tmp_path)
    assert (len(answers), status) == (1, 0)


def test_wrong_settings_are_named():
    done = subprocess.run(
        [REBOUND, "classify", "-"],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "REBOUND_PORT": "abc"},
    )
    assert done.returncode == 2
    assert b"REBOUND_PORT" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_record_may_name_an_email(eml):
    feed = json.dumps({"id": 9, "email_path": str(eml)}).encode()
    (answer,), _, _ = rebound("-", stdin=feed)
    assert (answer["id"], answer["recipient"]) == (9, "ann@example.org")


def test_a_bad_input_costs_only_itself(tmp_path, eml):
    jsonl = tmp_path / "in.jsonl"
    jsonl.write_bytes(
        b'{"text": "550 no such user"}\n{broken\n{"text": 7}\n'
        + b'{"text": "' + b"x" * 1_100_000 + b'"}\n{"email_path": "/nowhere.eml"}\n{"text": "452 4.2.2 mailbox full"}\n'
    )  # fmt: skip
    empty = tmp_path / "empty.eml"
    empty.write_bytes(b"")
    answers, complaints, status = rebound(jsonl, tmp_path / "missing.eml", empty, eml)
    assert [a["category"] for a in answers] == ["user_unknown", "mailbox_full", "user_unknown"]
    assert status == 1
    lines = complaints.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "invalid_input", "invalid_input", "message_too_large", "unreadable_input", "unreadable_input", "invalid_input",
    ]  # fmt: skip
    assert lines[0].startswith(f"{jsonl}:2: ")


def test_no_address_reaches_standard_error(tmp_path):
    broken = tmp_path / "broken.eml"
    broken.write_bytes(BOUNCE.replace(b"Status: 5.1.1", b"Status: \xff\xfe secret@example.org").replace(b"--b--", b""))
    _, complaints, _ = rebound(broken)
    assert "secret" not in complaints


def test_what_is_no_bounce_is_said_so(tmp_path):
    path = tmp_path / "hello.eml"
    path.write_bytes(b"From: ann@example.org\nTo: bob@example.com\nSubject: lunch\n\nAt noon?\n")
    (answer,), _, status = rebound(path)
    assert (answer["kind"], answer["action"], status) == ("not_a_bounce", "ignore", 0)


def test_wrong_usage_is_status_2():
    done = subprocess.run([REBOUND, "classify", "--nonsense"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
