import time

import pytest

from classifier.hints import MAX_RETRY_AFTER_S, blocklist, provider, retry_after_s


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("450 4.7.1 Greylisted, please try again in 300 seconds", 300),
        ("451 4.7.1 come back in 5 min", 300),
        ("450 retry in 00:05:00", 300),
        ("450 too many mails, try again in 1 hour(s) 25 minute(s)", 5_100),
        ("450 bitte erneut versuchen in 10 Minuten", 600),
        ("451 retry after 90 days", MAX_RETRY_AFTER_S),
        ("451 try again later", None),
        ("message was queued for 5 days", None),
        ("try again in 0 seconds", None),
        ("try again in 99999999999 seconds", None),
    ],
)
def test_retry_after(text, expected):
    assert retry_after_s(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org; see link", "zen.spamhaus.org"),
        ("550 4.3.2.1.bl.spamcop.net says no", "bl.spamcop.net"),
        ("550 rejected by rbl.house-list.example", "rbl.house-list.example"),
        ("554 blocked using zen.spamhaus.org; Error: open resolver; see link", None),
        ("554 blocked using multi.uribl.com; 127.0.0.1 -> Query Refused", None),
        ("550 5.1.1 no such user at mail.example.org", None),
    ],
)
def test_blocklist(text, expected):
    assert blocklist(text) == expected


@pytest.mark.parametrize(
    "piece", ["rbl ", "rbl" + " " * 50, "listed in ", "a.", "try again ", "1 ", "rbl:=(", "blocked using the rbl "]
)
def test_hostile_text_is_read_in_linear_time(piece):
    text = (piece * 2_000)[:2_000] + "!"
    started = time.perf_counter()
    blocklist(text), retry_after_s(text), provider(text, None)
    assert time.perf_counter() - started < 0.25


@pytest.mark.parametrize(
    ("text", "mta", "expected"),
    [
        ("550 5.1.1 gone", "aspmx.l.google.com", "google"),
        ("550 5.1.1 gone a1-b2 - gsmtp", None, "google"),
        ("554 5.7.1 [S3150] blocked", None, "microsoft"),
        ("550 gone", "mx.notgoogle.com", None),
        ("550 gone", None, None),
    ],
)
def test_provider(text, mta, expected):
    assert provider(text, mta) == expected
