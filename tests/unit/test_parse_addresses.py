import pytest

from classifier.parse.addresses import clean_address, find_addresses


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822; ann@mx.example", "ann@mx.example"),
        ("RFC822;<ann@mx.example>", "ann@mx.example"),
        ("rfc822; rfc822;ann@mx.example", "ann@mx.example"),
        ("rfc822; ann@mx.example (forwarded)", "ann@mx.example"),
        ('rfc822; "ann lee"@mx.example', '"ann lee"@mx.example'),
        ("rfc822; Ann.Lee@MX.example", "Ann.Lee@MX.example"),
        ("utf-8; j\\x{FC}rgen@mx.example", "jürgen@mx.example"),
        ("utf-8; 猫@例え.テスト", "猫@例え.テスト"),
        ("rfc822; IMCEASMTP-ann+40mx+2Eexample@gw.example", "ann@mx.example"),
        ("rfc822; ann@localhost", "ann@localhost"),
        ("rfc822; ann@#mx.example", "ann@#mx.example"),
        ("rfc822; ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("rfc822; ann@mx.example>", "ann@mx.example"),
        ("Ann Lee <ann@mx.example>", "ann@mx.example"),
        ("rfc822; @mx.example", None),
        ("local; ann", None),
        ("x-unix; |/usr/bin/filter", None),
        ("x400; /G=Ann/S=Lee/C=XX/", None),
        ("", None),
    ],
)
def test_clean_address(value, address):
    assert clean_address(value) == address


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("<ann@mx.example>: said", ["ann@mx.example"]),
        ("'ann@mx.example', bob@mx.example.", ["ann@mx.example", "bob@mx.example"]),
        ("Ann@mx.example and ann@MX.example", ["Ann@mx.example"]),
        ("ann@mx.example様", ["ann@mx.example"]),
        ("dda:SMTP=ann@mx.example;", ["ann@mx.example"]),
        ("mailto:ann@mx.example", ["ann@mx.example"]),
        ("no address @ all", []),
        ("@" * 10_000, []),
    ],
)
def test_find_addresses(text, addresses):
    assert find_addresses(text) == addresses
