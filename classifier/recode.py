"""Undoes what a wrong character set or transfer encoding did to a text: mojibake, quoted-printable and HTML left standing.

    "La boÃ®te aux lettres est pleine"  UTF-8 that was read as Windows-1252 or Latin-1, once or several times
    "bo=C3=AEte"                           quoted-printable that nobody decoded (RFC 2045, 6.7)
    "Postfach &amp;uuml;berf&uuml;llt"     HTML's character references, once or several times

Only what cannot well be meant is touched: two characters that make one sound UTF-8 sequence, octets beyond ASCII. What is
cut, or lost some of its octets, stays as it is.
"""

import html
import re
from collections.abc import Callable

_ROUNDS = 3
"""Texts that went through the same fault more often are not worth a loop."""


def _octets_of_windows_1252() -> dict[str, int]:
    # The five octets that Windows-1252 leaves open come through as control characters.
    return {bytes([octet]).decode("cp1252", "ignore") or chr(octet): octet for octet in range(0x80, 0x100)} | {
        chr(octet): octet for octet in range(0x80, 0x100)
    }


_OCTETS = _octets_of_windows_1252()
_NEXT = "[" + re.escape("".join(c for c, octet in _OCTETS.items() if octet < 0xC0)) + "]"
# Leads of two, three and four octets (RFC 3629, section 3). \u00c2 and \u00c3 lead all of Latin-1 and stand before a symbol in no
# language. The others are those of scripts that bounces are written in; as capitals they may stand before a French colon
# or a quotation mark, and count there only where something else shows the damage.
_LATIN = re.compile(f"[\u00c2\u00c3]{_NEXT}")
_LEAD = "[\u00c4\u00c5\u00cc-\u00d1\u00d7-\u00da]"
_MARKS = "\u00a0\u00ab\u00bb\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u2026"
_TWO = re.compile(f"{_LEAD}(?![{_MARKS}]){_NEXT}")
_TWO_ANY = re.compile(f"{_LEAD}{_NEXT}")
_MORE = re.compile(f"[\u00e0-\u00ef]{_NEXT}{{2}}|[\u00f0-\u00f4]{_NEXT}{{3}}")
_PUNCTUATION = re.compile(f"\u00e2[\u20ac\u0080]{_NEXT}")
_BROKEN_BLANK = re.compile(r"\u00c3(?= |$)")
"""An "à" whose second octet, a no-break space, was folded into the blank behind it."""
_QUOTED = re.compile("(?:=[89A-F][0-9A-F]){2,60}")
_QUOTED_LATIN = re.compile("(?<=[a-z ])=([C-F][0-9A-F])(?=[a-z])")
"""One octet is a letter of Latin-1 where small letters stand about it ("verify=FAIL" and "country=DE" are none)."""
_QUOTED_BLANK = re.compile(r"=20(?=\s|$)")
_QUOTED_BLANKS = re.compile(r"=20(?!\d)|=20(?=[245]\.\d\.\d)")
_QUOTED_EQUALS = re.compile(r"=3D(?=[\"'\s\w])")


def recode(text: str) -> str:
    """Return the text as it was meant; a text without such damage comes back as it is, in microseconds."""
    if "&" in text:
        text = _repeated(html.unescape, text)
    if "=" in text:
        blanks = _QUOTED_BLANKS if text.count("=20") > 1 else _QUOTED_BLANK
        text = _QUOTED.sub(_unquoted, blanks.sub(" ", _QUOTED_EQUALS.sub("=", text)))
        text = _QUOTED_LATIN.sub(lambda match: chr(int(match[1], 16)), text)
    return text if text.isascii() else _repeated(_once, text)


def _repeated(step: Callable[[str], str], text: str) -> str:
    for _ in range(_ROUNDS):
        again = step(text)
        if again == text:
            break
        text = again
    return text


def _once(text: str) -> str:
    text = _PUNCTUATION.sub(_decoded, text)
    if len(_MORE.findall(text)) > 1:  # one alone may be a French word before a closing quotation mark
        text = _MORE.sub(_decoded, text)
    found = _LATIN.sub(_decoded, text)
    # One pair that cannot be meant shows that the others are not, either.
    found = (_TWO_ANY if found != text or _TWO.search(found) else _TWO).sub(_decoded, found)
    return _BROKEN_BLANK.sub("\u00e0", found) if found != text else found


def _decoded(match: re.Match[str]) -> str:
    octets = bytes(_OCTETS[c] for c in match.group())
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return match.group()


def _unquoted(match: re.Match[str]) -> str:
    octets = bytes.fromhex(match.group().replace("=", ""))
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return match.group()
