import re

import pytest

from classifier.normalise import MAX_TEXT, dns_list_of, normalise, shorten, template_id, template_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 5.1.1 <ann@example.org>: gone", "550 5.1.1 <[ADDR]>: gone"),
        ('550 "ann lee"@example.org gone', "550 [ADDR] gone"),
        ("宛先user@example.comは", "宛先[ADDR]は"),
        ("アドレスの@以降のドメインが存在しません", "アドレスの@以降のドメインが存在しません"),
        ("bob@例え.jp gone", "[ADDR] gone"),
        ("用户@例子.广告 不存在", "[ADDR] 不存在"),
        ("host mx1.example.com[192.0.2.1] said: 550 x", "host [HOST][[IP]] said: 550 x"),
        ("[2001:db8::1] refused", "[[IP]] refused"),
        ("550-5.1.1 No such\r\n550-5.1.1 user\r\n550 5.1.1 here", "550 5.1.1 No such user here"),
        ("452-4.2.2 over quota and 452 4.2.2 try again", "452 4.2.2 over quota and try again"),
        ("550-one\n550 two 550 three", "550 one two 550 three"),
        ("queued as 4XYZ12ab99", "queued as [ID]"),
        ("550 blocked using zen.spamhaus.org", "550 blocked using zen.spamhaus.org"),
        (
            "see https://help.example.com/kb/NoUser?p=NoSuchUser&who=ann",
            "see [URL help.example.com/kb/NoUser/NoSuchUser]",
        ),
        ("see http://192.0.2.9/x", "see [URL]"),
        ("see http://help.example.com/u/ann@example.org", "see [URL]"),
        ("[S3150] [TSS04] OFR005_104", "[S3150] [TSS04] OFR005_104"),
        ("size 12345678 exceeds 10MB", "size [NUM] exceeds [NUM]MB"),
        ("on Tue, 3 Mar 2025 10:11:12 +0100", "on [DATE]"),
        ("delivered.It is late", "delivered.It is late"),
        ("<p>550 <b>mailbox</b> full<br/></p>", "550 mailbox full"),
        ("550 &lt;ann@example.org&gt; isn&#39;t here", "550 <[ADDR]> isn't here"),
        ("> 550 mail-\n> box full", "550 mail- box full"),
        ("550 mail-\r\n  box full", "550 mailbox full"),
        ("550 mail=\nbox full", "550 mailbox full"),
        (">>> RCPT To:<ann@example.org>\n<<< 550 gone", "RCPT To:<[ADDR]> <<< 550 gone"),
        ("", ""),
    ],
)
def test_normalise(text, expected):
    assert normalise(text) == expected


def test_the_local_part_of_a_known_address_is_masked_wherever_it_stands():
    text = "550 unknown user jane.roe (jane.roe@example.org)"
    assert normalise(text, addresses=["jane.roe@example.org"]) == "550 unknown user [ADDR] ([ADDR])"


def test_a_long_text_keeps_head_and_tail():
    cut = normalise("550 head " + "word " * 2_000 + "mailbox full at the end")
    assert cut.startswith("550 head")
    assert cut.endswith("mailbox full at the end")
    assert len(cut) <= MAX_TEXT


@pytest.mark.parametrize("blank", [" ", "<", ",", "\n"])
@pytest.mark.parametrize("before", range(1_470, 1_505))
def test_a_cut_leaves_no_half_of_an_address(before, blank):
    text = "word, " * (before // 6) + blank * (before % 6) + "jane.roe@acme.example, " + "more words " * 200
    assert not re.search("jan|roe|acme", normalise(text, addresses=["jane.roe@acme.example"]))


@pytest.mark.parametrize(
    ("text", "size", "kept"),
    [
        pytest.param("one two three", 13, "one two three", id="short enough"),
        pytest.param("one two three", 7, "one two", id="between words"),
        pytest.param("one two three", 9, "one two ", id="inside a word"),
        pytest.param("one <two", 6, "one <", id="behind a bracket"),
        pytest.param("onetwothree", 6, "", id="one word"),
        pytest.param("x" * 2_000, 1_000, "x" * 680, id="a word longer than any address"),
    ],
)
def test_a_text_is_shortened_between_words(text, size, kept):
    assert shorten(text, size) == kept


def test_codes_beside_the_text_head_the_template():
    assert template_of("no such user", smtp_code=550, enhanced_code="5.1.1") == "550 5.1.1 no such user"
    assert template_of("550 5.1.1 no such user", smtp_code=550, enhanced_code="5.1.1") == "550 5.1.1 no such user"
    assert template_of("no such user", smtp_code=None, enhanced_code="5.0.0") == "no such user"


def test_template_id_is_stable_and_tells_templates_apart():
    assert template_id("550 gone") == template_id("550 gone")
    assert template_id("550 gone") != template_id("550 full")


@pytest.mark.parametrize(
    ("host", "expected"), [("4.3.2.1.zen.spamhaus.org", "zen.spamhaus.org"), ("mx.example.org", None)]
)
def test_dns_list_of(host, expected):
    assert dns_list_of(host) == expected


@pytest.mark.parametrize(
    "address",
    [
        "jürgen.müller@example.de",
        "josé.garcía@example.es",
        "иван.петров1@пример.рф",
        "j=C3=BCrgen.m=C3=BCller@example.de",
        "jÃ¼rgen.mÃ¼ller@example.de",
    ],
)
def test_no_part_of_an_address_in_other_letters_survives(address):
    assert normalise(f"550 <{address}>: unknown") == "550 <[ADDR]>: unknown"
