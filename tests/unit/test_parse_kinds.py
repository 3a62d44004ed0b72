import pytest

from classifier.domain import Kind
from classifier.parse import parse_email


def kinds(raw: str) -> list[Kind]:
    return [failure.kind for failure in parse_email(raw.encode()).failures]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", Kind.FAILURE),
        ("Failed (in the end)", Kind.FAILURE),
        ("failure", Kind.FAILURE),
        ("error", Kind.FAILURE),
        ("delayed", Kind.DELAYED),
        ("delivered", Kind.DELIVERED),
        ("deliverable", Kind.DELIVERED),
        ("relayed", Kind.RELAYED),
        ("expanded", Kind.EXPANDED),
        ("", Kind.FAILURE),
    ],
)
@pytest.mark.parametrize("status", ["4.2.2", "5.2.2", "2.0.0", ""])
def test_action_decides_whatever_the_status(action, kind, status):
    fields = f"Final-Recipient: rfc822; ann@mx.example\nAction: {action}\nStatus: {status}\n"
    assert kinds(f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\n{fields}") == [kind]


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        pytest.param("Subject: Out of office", "Back on Monday.", Kind.AUTO_REPLY, id="a machine's subject"),
        pytest.param("Subject: Vacation offers", "Buy now.", Kind.NOT_A_BOUNCE, id="a shop's subject"),
        pytest.param("Subject: Vacation\nIn-Reply-To: <1@x>", "Away.", Kind.AUTO_REPLY, id="an answer about absence"),
        pytest.param("Subject: Re: lunch", "Thank you for your email.", Kind.NOT_A_BOUNCE, id="a polite person"),
        pytest.param(
            "Subject: lunch\nReturn-Path: <>", "Thank you for your email.", Kind.AUTO_REPLY, id="a polite machine"
        ),
        pytest.param(
            "Subject: Re: x\nAuto-Submitted: auto-replied", "Call 450 1234.", Kind.AUTO_REPLY, id="numbers are no codes"
        ),
        pytest.param("Subject: x\nX-Autoreply: yes", "No desk.", Kind.AUTO_REPLY, id="an old header"),
    ],
)
def test_automatic_replies(headers, body, kind):
    assert kinds(f"From: Ann <ann@mx.example>\nTo: bob@mx.example\n{headers}\n\n{body}\n") == [kind]


def test_a_daemon_never_replies_for_a_person():
    raw = "From: MAILER-DAEMON@mx.example\nAuto-Submitted: auto-replied\nSubject: Out of office\n\n<a@b.example>:\nUser unknown\n"
    assert kinds(raw) == [Kind.FAILURE]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("THIS IS A WARNING MESSAGE ONLY\nMessage for ann@mx.example will be retried", Kind.DELAYED),
        ("Delivery to ann@mx.example failed permanently: mailbox full", Kind.FAILURE),
        ("ann@mx.example: still being retried\nWe have given up, mailbox full", Kind.FAILURE),
    ],
)
def test_warnings_in_prose(words, kind):
    assert kinds(f"From: MAILER-DAEMON@mx.example\nSubject: your mail\n\n{words}\n") == [kind]


def test_a_notice_from_sns_about_delivery():
    event = '{"eventType":"Delivery","delivery":{"recipients":["ann@mx.example"],"smtpResponse":"250 2.6.0 stored"}}'
    (failure,) = parse_email(f"From: no-reply@sns.example\n\n{event}".encode()).failures
    assert (failure.kind, failure.smtp_code, failure.enhanced_code) == (Kind.DELIVERED, 250, "2.6.0")


@pytest.mark.parametrize("raw", [b"", b"\n", b"From ", b"\x00" * 50, b"Content-Type: multipart/report\n\n"])
def test_nothing_is_no_bounce(raw):
    assert [failure.kind for failure in parse_email(raw).failures] == [Kind.NOT_A_BOUNCE]


@pytest.mark.parametrize(
    ("sender", "subject", "body"),
    [
        ("no-reply@shop.example", "Your order", "Only today: the full storage box, 550 in stock."),
        ("bounce@news.example", "Trampolines", "Do not lose this offer, it is only valid for you@mx.example."),
        ("ann@friend.example", "Re: delivery problem", "I lost the parcel and could not reach bob@mx.example."),
        ("ann@friend.example", "exam failed", "I failed in 450 of 550 points, see you@mx.example"),
    ],
)
def test_ordinary_mail_is_no_bounce(sender, subject, body):
    raw = f"From: {sender}\nReceived: from a by b\nTo: you@mx.example\nSubject: {subject}\n\n{body}\n"
    assert kinds(raw) == [Kind.NOT_A_BOUNCE]
