"""Octets to text: transfer encodings, charsets and encoded words, none of which can be believed.

Nothing here raises. What cannot be decoded as declared is read as UTF-8, else as latin-1, and said so as a defect:
the reply codes of a bounce are ASCII, so half a readable text is worth more than an error.
"""

import binascii
import quopri
import re
from email.errors import HeaderParseError
from email.header import decode_header

# UTF-7 can spell half a character, which no database takes.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?[^?]{0,4000}\?=")
# Japanese carriers send ISO-2022-JP without declaring it: its escapes are unmistakable.
# Exchange 2000 names UTF-7 as RFC 1642 did; Python knows only the later name.
_ALIASES = {"unicode-1-1-utf-7": "utf-7", "x-unknown": "latin-1", "unknown-8bit": "utf-8", "x-user-defined": "utf-8"}
_JIS_ESCAPE = re.compile(rb"\x1b[$(][@BIJ]")


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """Undo `Content-Transfer-Encoding` (RFC 2045, 6); an unknown encoding leaves the octets as they are."""
    encoding = encoding.strip().lower()
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if encoding != "base64":
        return data
    # Cut mails end inside a quantum: drop the rest rather than lose the whole part.
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    try:
        return binascii.a2b_base64(clean[: len(clean) // 4 * 4] + _padded(clean[len(clean) // 4 * 4 :]))
    except binascii.Error:
        return data


def _padded(rest: bytes) -> bytes:
    """Complete the last base64 quantum; a lone character holds no octet."""
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


# Python's codecs that no mail uses as a charset; punycode takes quadratic time.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})


def decode_text(data: bytes, charset: str | None) -> tuple[str, str | None]:
    """Decode a text part.

    Returns:
        The text, and a defect where the declared charset was unknown or wrong.
    """
    charset = _ALIASES.get(charset or "", charset)
    if charset is None or charset in {"us-ascii", "ascii"}:
        charset = "iso-2022-jp" if _JIS_ESCAPE.search(data) else None
    if charset is not None:
        try:
            if charset.lower().replace("_", "-") in _NO_CHARSETS:
                raise LookupError(charset)
            return _SURROGATE.sub("\ufffd", data.decode(charset)), None
        except LookupError:
            return _guess(data), "a text part declares an unknown charset"
        except ValueError:
            # One broken character in a Japanese or Chinese text must not cost the rest of it.
            return _lenient(data, charset), "a text part does not keep to its declared charset"
    return _guess(data), None


def _lenient(data: bytes, charset: str) -> str:
    """Decode with replacement; some codecs (idna, hex) cannot even do that."""
    try:
        text = _SURROGATE.sub("\ufffd", data.decode(charset, "replace"))
    except (LookupError, ValueError):
        return _guess(data)
    return text if text.count("\ufffd") * 20 <= len(text) else _guess(data)


def _guess(data: bytes) -> str:
    """UTF-8 if it is that, else latin-1, which reads anything."""
    try:
        return data.decode("utf-8")
    except ValueError:
        return data.decode("latin-1")


def decode_words(value: str) -> str:
    """Decode the encoded words of a header field (RFC 2047), leaving what is broken as it stands."""
    if "=?" not in value or not _ENCODED_WORD.search(value):
        return value
    try:
        chunks = decode_header(value[:8_000])
    except (HeaderParseError, ValueError, LookupError, binascii.Error):
        return value
    return "".join(_chunk(data, charset) for data, charset in chunks)


def _chunk(data: bytes | str, charset: str | None) -> str:
    """One run of a header: `decode_header` gives str for a header without encoded words."""
    return data if isinstance(data, str) else decode_text(data, charset)[0]
