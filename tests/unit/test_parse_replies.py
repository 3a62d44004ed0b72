import pytest

from classifier.parse.replies import (
    clean_diagnostic,
    enhanced_code,
    find_enhanced_code,
    find_smtp_code,
    fold,
    quotes_reply,
    says_nothing,
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("550 5.1.1 gone", 550, id="at the beginning"),
        pytest.param("550-5.1.1 gone 550 5.1.1 for good", 550, id="multi-line reply"),
        pytest.param("host mx[192.0.2.5] said: 452 4.2.2 full (in reply to RCPT TO)", 452, id="quoted by the relay"),
        pytest.param("550 refused; host b said: 451 later", 451, id="the deepest one"),
        pytest.param("554 4.4.7 expired <421 4.4.2 timed out>", 421, id="the cause of an expiry"),
        pytest.param("571 no reverse name", 571, id="not in RFC 5321 but sent"),
        pytest.param("250 2.6.0 stored", 250, id="a success speaks at the beginning only"),
        pytest.param("connect to mx:587 failed after 255 tries", None, id="ports and exit codes are none"),
        pytest.param("192.0.2.550 at 12:45:50", None, id="nor are addresses and times"),
        pytest.param("no code at all", None, id="nothing"),
    ],
)
def test_smtp_code(text, code):
    assert find_smtp_code(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("550 5.1.1 gone", "5.1.1", id="after a reply code"),
        pytest.param("no mailbox by that name (#5.1.1)", "5.1.1", id="qmail"),
        pytest.param("5.1.0 - unknown 550-'5.7.1 denied'", "5.7.1", id="the reply's own before the relay's"),
        pytest.param("5.0.0 failed, 5.2.2 full", "5.2.2", id="a detail before x.0.0"),
        pytest.param("550 5.0.0 failed", "5.0.0", id="x.0.0 where there is no other"),
        pytest.param("mx (Exim/4.9.2) 5.1.1.4", None, id="versions and addresses are none"),
        pytest.param("550 5.07.001 odd zeros", "5.7.1", id="leading zeros go"),
        pytest.param("done. 5.1.1.", "5.1.1", id="end of a sentence"),
    ],
)
def test_enhanced_code(text, code):
    assert find_enhanced_code(text) == code


@pytest.mark.parametrize(
    ("diagnostic", "status", "code"),
    [
        ("550 5.1.1 gone", "5.0.0", "5.1.1"),
        ("550 5.0.0 gone", "5.1.1 (bad destination)", "5.1.1"),
        ("gone", "5.1.1 (bad destination mailbox address)", "5.1.1"),
        ("gone", "", None),
    ],
)
def test_diagnostic_before_status(diagnostic, status, code):
    assert enhanced_code(diagnostic, status) == code


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("smtp; 550 gone", "550 gone"),
        ("X-Postfix; connect to mx:\n   refused", "connect to mx: refused"),
        ("smtp;", ""),
        ("550 no prefix; at all", "550 no prefix; at all"),
    ],
)
def test_type_prefix_goes(field, words):
    assert clean_diagnostic(field) == words


@pytest.mark.parametrize(
    "text", ["", "550", "550 5.0.0", "Service unavailable", "smtp; permanent failure", "unknown error"]
)
def test_says_nothing(text):
    assert says_nothing(text)


@pytest.mark.parametrize("text", ["User unknown", "Host unknown", "550 disk full", "Relay access denied"])
def test_says_something(text):
    assert not says_nothing(text)


def test_fold_bounds_and_cleans():
    assert fold("a\r\n \tb\x00\x07 \u00a0c") == "a b c"
    assert len(fold("word " * 5_000)) <= 2_000


def test_exit_status_is_no_reply():
    assert not quotes_reply("(reason: 255)")
