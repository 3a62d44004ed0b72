import pytest

from classifier.parse.charsets import decode_text, decode_transfer, decode_words
from classifier.parse.html import html_to_text
from classifier.parse.notice import Notice
from classifier.parse.quoted import cut_original
from classifier.parse.transcript import Session


def test_broken_base64_keeps_what_is_whole():
    assert decode_transfer(b"aGVsbG8gd29ybGQ*\n=", "BASE64") == b"hello world"
    assert decode_transfer(b"aGVsbG8gd", "base64") == b"hello "


@pytest.mark.parametrize(
    ("data", "charset", "text", "defective"),
    [
        (b"caf\xc3\xa9", None, "café", False),
        (b"caf\xe9", None, "café", False),
        (b"caf\xe9", "x-klingon", "café", True),
        (b"caf\xe9", "utf-8", "café", True),
        ("猫".encode("iso-2022-jp"), None, "猫", False),
        (b"Hi +AOk-", "unicode-1-1-utf-7", "Hi é", False),
        (b"a", "undefined", "a", True),
    ],
)
def test_decode_text(data, charset, text, defective):
    decoded, defect = decode_text(data, charset)
    assert decoded == text
    assert (defect is not None) is defective


def test_decode_words():
    assert decode_words("=?utf-8?Q?caf=C3=A9?= =?iso-8859-1?Q?_=E9?=") == "café é"
    assert decode_words("=?utf-8?B?!!!?= broken") is not None
    assert decode_words("plain") == "plain"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>one</p><p>two &amp; three</p>", "one\n\ntwo & three"),
        ("a<br>b<style>x{}</style><script>1<2</script>c", "a\nbc"),
        ("to <ann@mx.example> now", "to <ann@mx.example> now"),
        ("a<!-- hidden <p> -->b<!-- open", "ab"),
        ("x < y", "x < y"),
    ],
)
def test_html_to_text(markup, text):
    assert html_to_text(markup) == text


@pytest.mark.parametrize(
    "marker",
    [
        "--- Below this line is a copy of the message.",
        "------ This is a copy of the message, including all the headers. ------",
        "----- Original message -----",
        "Original message follows.",
        "   ----- Unsent message follows -----",
        "Message headers follow.",
        "Received: from a by b\nFrom: x@y.example\nSubject: z",
    ],
)
def test_original_is_cut(marker):
    kept, rest = cut_original(f"ann@mx.example is gone\n\n{marker}\n\n550 5.7.1 spam")
    assert kept.strip() == "ann@mx.example is gone"
    assert "550" in rest


@pytest.mark.parametrize("line", ["Returned mail: User unknown", "The original message was received at noon"])
def test_a_sentence_is_no_marker(line):
    assert cut_original(f"Hello\n{line}\nmore")[1] == ""


def test_reason_belongs_to_its_recipient():
    notice = Notice.read("<ann@mx.example>:\nUser unknown\n\n<bob@mx.example>:\nMailbox is full\n")
    assert notice.owners() == ["ann@mx.example", "bob@mx.example"]
    assert notice.reason("ann@mx.example") == "User unknown"
    assert notice.reason("BOB@mx.example") == "Mailbox is full"


def test_reason_after_an_announcement():
    notice = Notice.read("was not delivered to:\n\n  ann@mx.example\n\nbecause:\n\n  Nobody of that name\n")
    assert notice.reason("ann@mx.example") == "Nobody of that name"


def test_quoted_reply_outweighs_advice():
    notice = Notice.read(
        "ann@mx.example\nThe address could not be found. Check it and send the message again.\n\n"
        "Diagnostic information:\n\nann@mx.example\nRemote Server returned '550 5.1.10 no such recipient'\n"
    )
    assert "550 5.1.10" in notice.reason("ann@mx.example")


def test_session_reply_of_each_recipient():
    session = Session.read(
        ">>> RCPT To:<ann@mx.example>\n<<< 550-no ann\n<<< 550 here\n>>> RCPT To:<bob@mx.example>\n<<< 452 bob is full\n"
    )
    assert session.refusal("ann@mx.example") == "550-no ann 550 here"
    assert session.refusal("bob@mx.example") == "452 bob is full"
    assert session.refusal("cyd@mx.example") == ""
