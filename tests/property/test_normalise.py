"""Promises of `normalise`, on text such as mail servers write: st.text() almost never writes an address."""

import re

from hypothesis import given
from hypothesis import strategies as st

from classifier.normalise import normalise, template_of

PIECES = [
    *"<>@. ab1-:;,[]()'\"=/?&#%",
    "\r\n",
    "550 ",
    "550-",
    "5.1.1",
    "4.2.2 ",
    "10.0.0.1",
    "2001:db8::1",
    "ann@mx.example",
    "bob@例え.jp",
    "http://",
    "https://help.example.com/a?p=NoSuchUser",
    "zen.spamhaus.org",
    "mx1.example.net",
    "4XYZ12ab99",
    "2025-03-04T10:11:12Z",
    "Tue, 3 Mar 2025",
    "[ADDR]",
    "[URL x]",
    "usuário",
    "宛先",
    "\u00a0",
    "\u2028",
    "ｆｕｌｌ",
]
server_text = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=40).map("".join)


@given(server_text)
def test_twice_is_once(text):
    once = normalise(text)
    assert normalise(once) == once


@given(server_text)
def test_no_plain_address_survives(text):
    assert not re.search(r"[A-Za-z0-9]@[A-Za-z0-9]", normalise(text))


@given(server_text)
def test_white_space_is_folded(text):
    assert normalise(text) == " ".join(normalise(text).split())


@given(
    server_text,
    st.one_of(st.none(), st.integers(200, 599)),
    st.one_of(st.none(), st.sampled_from(["5.1.1", "4.0.0", "5.7.26"])),
)
def test_templates_are_normal(text, smtp_code, enhanced_code):
    template = template_of(text, smtp_code=smtp_code, enhanced_code=enhanced_code)
    assert normalise(template) == template
