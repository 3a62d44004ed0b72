from classifier.parse.fields import read_status, status_in_prose

TWO = """Reporting-MTA: dns; a.example

Final-Recipient: rfc822; ann@mx.example
Action: failed
Diagnostic-Code: smtp; 550-first
 550 folded

Original-Recipient: rfc822; bob@mx.example
Final-Recipient: rfc822; bob@mx.example
Action: delayed
"""


def names(text: str) -> list[str]:
    return [group["final-recipient"] for group in read_status(text).recipients]


def test_two_recipients():
    status = read_status(TWO)
    assert status.message == {"reporting-mta": "dns; a.example"}
    assert [group["action"] for group in status.recipients] == ["failed", "delayed"]
    assert status.recipients[0]["diagnostic-code"] == "smtp; 550-first 550 folded"
    assert status.recipients[1]["original-recipient"] == "rfc822; bob@mx.example"


def test_blank_lines_missing():
    assert names(TWO.replace("\n\n", "\n")) == ["rfc822; ann@mx.example", "rfc822; bob@mx.example"]


def test_blank_line_inside_a_group():
    text = "Final-Recipient: rfc822; ann@mx.example\nAction: failed\n\nStatus: 5.1.1\n"
    assert read_status(text).recipients == [
        {"final-recipient": "rfc822; ann@mx.example", "action": "failed", "status": "5.1.1"}
    ]


def test_outcome_before_recipient():
    text = "Action: failed\nStatus: 5.1.1\nOriginal-Recipient: rfc822; a@mx.example\nFinal-Recipient: rfc822; b@mx.example\n"
    assert names(text) == ["rfc822; b@mx.example"]


def test_raw_line_ends_in_a_diagnostic():
    text = "Final-Recipient: rfc822; ann@mx.example\nDiagnostic-Code: smtp; 550 one\ntwo words\nAction: failed\n"
    group = read_status(text).recipients[0]
    assert group["diagnostic-code"] == "smtp; 550 one two words"
    assert group["action"] == "failed"


def test_prose_is_dedented():
    prose = status_in_prose("Hello\n\n   Final-Recipient: rfc822; ann@mx.example\n   Action: failed\n")
    assert prose is not None
    assert names(prose) == ["rfc822; ann@mx.example"]


def test_prose_without_fields():
    assert status_in_prose("The final recipient was ann@mx.example") is None
