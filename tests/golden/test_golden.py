"""Every email in this folder reads as its JSON says: the whole Report, so that no field changes unseen.

`REBOUND_GOLDEN_ACCEPT=1 pytest tests/golden` rewrites the expectations; review the difference before committing it.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from classifier.parse import parse_email

FOLDER = Path(__file__).parent
EMAILS = sorted(FOLDER.glob("*.eml"))


@pytest.mark.parametrize("email", EMAILS, ids=lambda path: path.stem)
def test_report(email: Path) -> None:
    report = json.loads(json.dumps(asdict(parse_email(email.read_bytes()))))
    expected = email.with_suffix(".json")
    if os.environ.get("REBOUND_GOLDEN_ACCEPT"):
        expected.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert report == json.loads(expected.read_text(encoding="utf-8"))


def test_every_expectation_has_its_email() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {path.stem for path in EMAILS}


def test_line_ends_do_not_matter() -> None:
    for email in EMAILS:
        raw = email.read_bytes()
        assert parse_email(raw.replace(b"\n", b"\r\n")) == parse_email(raw), email.stem
