"""Whatever arrives, parse_email answers: a Report, or MessageTooLarge, within bounded work, with nothing made up."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.domain import Kind, ParseLimits
from classifier.errors import MessageTooLarge
from classifier.parse import parse_email

GOLDEN = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "golden").glob("*.eml"))]
# Random bytes almost never reach a decoder or a regex: splice in what those stumble over.
POISON = [
    b"", b"\n\n", b"\x00", b"\xff\xfe", b"@", b"<", b'"', b"--", b"=?utf-8?b?////?=", b"=?x?q?=ff?=", b"\\x{110000}",
    b"\\x{D800}", b"+2AA-", b"&#xD800;", b"<!--", b"<a b='", b"charset=idna;", b"charset=utf-7;", b"charset=rot13;",
    b"charset=undefined;", b"Content-Transfer-Encoding: base64\n", b"Content-Type: message/rfc822\n\n",
    b"Content-Type: multipart/mixed; boundary=xx\n", b"Final-Recipient: rfc822; \n", b"Action: \n", b"{\"Message\":",
]  # fmt: skip

mail = st.sampled_from(GOLDEN)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = draw(mail)
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 60)))
        piece = draw(st.one_of(st.sampled_from(POISON), st.binary(max_size=8), st.just(raw[end : end + 40])))
        raw = raw[:start] + piece + raw[end:]
    return raw


def check(raw: bytes) -> None:
    report = parse_email(raw)
    assert report.failures
    for failure in report.failures:
        assert len(failure.diagnostic) <= 2_000
        assert failure.diagnostic == " ".join(failure.diagnostic.split())
        assert failure.smtp_code is None or 200 <= failure.smtp_code <= 599
    # Lone surrogates pass json but no database and no UTF-8 stream.
    json.dumps(asdict(report), ensure_ascii=False).encode()


@given(st.binary(max_size=2_000))
def test_random_bytes(raw: bytes) -> None:
    check(raw)


@given(mutated())
@settings(max_examples=300, deadline=None)
def test_mutated_emails(raw: bytes) -> None:
    check(raw)


@given(mail, st.data())
@settings(deadline=None)
def test_truncated_emails(raw: bytes, data: st.DataObject) -> None:
    check(raw[: data.draw(st.integers(0, len(raw)))])


@given(mutated())
@settings(max_examples=100, deadline=None)
def test_parsing_is_a_function(raw: bytes) -> None:
    assert parse_email(raw) == parse_email(raw)


words = st.lists(st.sampled_from([*"<>@.:; \n-ab1", "550 5.1.1 ", "ann@mx.example", "said: "]), max_size=80).map(
    "".join
)


@given(words)
def test_recipients_are_never_invented(body: str) -> None:
    raw = f"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\n{body}".encode()
    for failure in parse_email(raw).failures:
        assert failure.recipient is None or failure.recipient.lower() in body.lower()


@given(st.binary(max_size=400))
def test_limit_of_octets(raw: bytes) -> None:
    limits = ParseLimits(max_bytes=200)
    if len(raw) > 200:
        with pytest.raises(MessageTooLarge):
            parse_email(raw, limits)
    else:
        parse_email(raw, limits)


@given(st.integers(1, 30))
def test_limit_of_header_fields(count: int) -> None:
    raw = b"X-Field: 1\n" * count + b"\nbody"
    if count > 20:
        with pytest.raises(MessageTooLarge):
            parse_email(raw, ParseLimits(max_headers=20))
    else:
        assert parse_email(raw, ParseLimits(max_headers=20)).failures[0].kind is Kind.NOT_A_BOUNCE


@given(st.integers(1, 12), st.booleans())
def test_limit_of_depth(levels: int, enclosed: bool) -> None:
    raw = b"Content-Type: text/plain\n\nbottom"
    for level in range(levels - 1):
        if enclosed:
            raw = b"Content-Type: message/rfc822\n\n" + raw
        else:
            raw = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--" % (level, level, raw, level)
    if levels > 6:
        with pytest.raises(MessageTooLarge):
            parse_email(raw, ParseLimits(max_depth=6))
    else:
        parse_email(raw, ParseLimits(max_depth=6))


@given(st.integers(0, 20))
def test_limit_of_parts(count: int) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * count + b"--b--"
    if count + 1 > 10:
        with pytest.raises(MessageTooLarge):
            parse_email(raw, ParseLimits(max_parts=10))
    else:
        parse_email(raw, ParseLimits(max_parts=10))


@pytest.mark.parametrize(
    "piece",
    [b"\n", b" ", b"<", b"@", b"a@", b"a.", b"(reason: ", b"550 5.1.1 ", b"<a/", b"<a b='", b"<!--", b"RCPT TO:<", b"--b\n",
     b"Received:\n", b"to a@b.example\n", b"<<< 550 no\n", b'{"notificationType":', b"=?utf-8?q?a?= "],
)  # fmt: skip
@pytest.mark.parametrize("subtype", [b"plain", b"html"])
def test_work_is_bounded(piece: bytes, subtype: bytes) -> None:
    head = b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\nContent-Type: text/" + subtype + b"\n\n"
    began = time.perf_counter()
    parse_email(head + piece * (500_000 // len(piece)))
    # Any of these took from ten seconds to a minute while one pattern was quadratic; now tens of milliseconds.
    assert time.perf_counter() - began < 3
