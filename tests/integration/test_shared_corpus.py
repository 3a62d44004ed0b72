"""The parser against real bounces. Opt-in: they stay outside the repository, beside it, and may be absent."""

import json
from pathlib import Path

import pytest

from classifier.domain import Failure, Kind
from classifier.parse import parse_email

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus is not beside the repository")

BOUNCES = frozenset({Kind.FAILURE, Kind.DELAYED})
OTHERS = {"auto_reply": Kind.AUTO_REPLY, "feedback": Kind.FEEDBACK_REPORT, "delivered": Kind.DELIVERED}


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def emails() -> list[tuple[dict, tuple[Failure, ...]]]:
    return [(row, parse_email((CORPUS / row["path"]).read_bytes()).failures) for row in rows(CORPUS / "emails.jsonl")]


def expectations(emails):
    for row, failures in emails:
        if row["kind"] in {"failure", "delayed"}:
            for expected in row["expected"] or []:
                yield expected, failures


def share(hits: list[bool]) -> float:
    return sum(hits) / len(hits)


def test_bounces_are_read(emails):
    bounces = [failures for row, failures in emails if row["kind"] in {"failure", "delayed"}]
    assert share([any(failure.kind in BOUNCES for failure in failures) for failures in bounces]) >= 0.97


def test_recipients_are_found(emails):
    wanted = [(e["recipient"], f) for e, f in expectations(emails) if e.get("recipient")]
    found = [address.lower() in {(f.recipient or "").lower() for f in failures} for address, failures in wanted]
    assert share(found) >= 0.98


def test_status_is_right(emails):
    def specific(status: str | None) -> bool:
        # Sisimai's own codes (x.x.9xx) and x.0.0 stand in no email.
        return (
            bool(status) and status.count(".") == 2 and not status.endswith(".0.0") and status.split(".")[2][0] != "9"
        )

    wanted = [(e["status"], f) for e, f in expectations(emails) if specific(e.get("status"))]
    assert share([any(f.enhanced_code == status for f in failures) for status, failures in wanted]) >= 0.98


def test_other_kinds_are_told_apart(emails):
    others = [(OTHERS[row["kind"]], failures) for row, failures in emails if row["kind"] in OTHERS]
    assert share([any(failure.kind is kind for failure in failures) for kind, failures in others]) >= 0.95


@pytest.mark.parametrize("mta", ["postfix", "exim4"])
def test_real_mtas(mta):
    for row in rows(CORPUS / "mta-lab" / f"{mta}.jsonl"):
        report = parse_email((CORPUS / "mta-lab" / mta / row["file"]).read_bytes())
        assert len(report.failures) == 1, row["file"]
        failure = report.failures[0]
        assert failure.kind is (Kind.DELAYED if row["kind"] == "delay" else Kind.FAILURE), row["file"]
        # Aliases and forwards fail under another address; the one that was written to is kept beside it.
        named = {(failure.recipient or "").lower(), (failure.original_recipient or "").lower()}
        assert row["original_rcpt"].lower() in named, row["file"]
