"""`rebound feedback`: the desk's labels from a shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx

REBOUND = Path(sys.executable).with_name("rebound")


def rebound(folder, *arguments, lines=()):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    done = subprocess.run(
        [REBOUND, *arguments],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "REBOUND_DATA_DIR": str(folder)},
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_lines_in_and_what_became_of_each_out_and_a_running_server_follows(serve, tmp_path):
    server = serve(data_dir=str(tmp_path))
    status, out, errors = rebound(
        tmp_path,
        "feedback",
        "--by",
        "ann",
        lines=[
            {"text": "554 5.7.1 the frobnicator is of another opinion", "category": "mailbox_full", "id": "a"},
            "",
            {"text": "554 5.7.1 the frobnicator is of another opinion", "category": "mailbox_full", "by": "bob"},
            "no JSON, and jo@example.org",
            {"text": "554", "category": "nonsense"},
        ],
    )
    assert status == 1
    assert [(line["line"], line["state"], line["pinned"]) for line in out] == [
        (1, "accepted", True),
        (3, "accepted", True),
    ]
    assert out[0]["id"] == "a"
    assert [line.split(": ")[:2] for line in errors.splitlines()] == [
        ["-:4", "invalid_input"],
        ["-:5", "unknown_category"],
    ]
    assert "example.org" not in errors
    rows = httpx.get(f"{server.url}/v1/labels").json()
    assert [(row["who"], row["source"]) for row in rows] == [("by:bob", "cli"), ("by:ann", "cli")]


def test_a_file_that_is_not_there_and_a_name_that_is_none_are_wrong_usage(tmp_path):
    for arguments in (["nowhere.jsonl"], ["--by", "jo@example.org"]):
        status, out, errors = rebound(tmp_path, "feedback", *arguments)
        assert (status, out) == (2, [])
        assert "example.org" not in errors
        assert errors.count("\n") == 1


def test_without_a_database_nothing_is_taken(tmp_path):
    (tmp_path / "file").touch()
    status, out, errors = rebound(tmp_path / "file", "feedback", lines=[{"text": "x", "category": "greylisted"}])
    assert (status, out) == (2, [])
    assert "store_unavailable" in errors


def test_classifying_from_a_shell_opens_no_database(tmp_path):
    status, out, _ = rebound(tmp_path, "classify", lines=[{"text": "550 5.1.1 no such user"}])
    assert (status, out[0]["category"]) == (0, "user_unknown")
    assert "request_id" not in out[0]
    assert not list(tmp_path.glob("**/*.db*"))
