"""Finding addresses in what mail servers write, and cleaning those that stand in fields.

Every pattern has bounded repeats only: an email of a million `a` must cost no more than any other.
"""

import re

_ATEXT = r"[^\s\x00-\x1f\x7f\ud800-\udfff<>\"(),:;@\[\]\\]"
# 128 and not RFC 5321's 64: return paths that encode a recipient (VERP, SRS, BATV) run longer.
_LOCAL = rf"(?:\"[^\"\n]{{1,64}}\"|{_ATEXT}{{1,128}})"
# East Asian text has no spaces: a domain ends where the script changes ("ann@mx.example\u69d8").
_LABEL = (
    r"(?:[A-Za-z0-9_\u00c0-\u1fff][A-Za-z0-9_\u00c0-\u1fff-]{0,62}"
    r"|[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,62})"
)
_DOTTED = rf"{_LABEL}(?:\.{_LABEL}){{1,12}}"
_LITERAL = r"\[[0-9A-Fa-f.:IPv]{3,60}\]"

ADDRESS = re.compile(rf"(?<![^\s<>\"'(),:;\[\]=/|*`{{])({_LOCAL}@(?:{_DOTTED}|{_LITERAL}))")
# Inside angle brackets a host name without a dot is still an address.
BRACKETED = re.compile(rf"<\s?({_LOCAL}@(?:{_LITERAL}|{_LABEL}(?:\.{_LABEL}){{0,12}}))\.?\s?>")
_WHOLE = re.compile(rf"{_LOCAL}@(?:{_LITERAL}|{_LABEL}(?:\.{_LABEL}){{0,12}})")
_FIELD_TYPE = re.compile(
    r"^\s*(?:rfc-?822|utf-?8|x400|x-?local|unknown|local|smtp|x-?unix|x-[\w-]{1,30})\s*;\s*", re.IGNORECASE
)
# RFC 6533, 3: utf-8-addr-xtext writes non-ASCII as \x{20AC}.
_XTEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_IMCEA = re.compile(r"IMCEA(SMTP|EX)-", re.IGNORECASE)
_HEX = re.compile(r"\+([0-9A-Fa-f]{2})")

# What a field calls an address though no server could use it ("ann@#mx.example"): it was reported all the same.
_LOOSE = re.compile(rf"{_ATEXT}{{1,128}}@{_ATEXT}{{1,255}}")

# Who writes bounces is not who failed to get mail.
_DAEMON = re.compile(r"(?:mailer-?daemon|mail-?daemon|postmaster|mdaemon|no-?reply|abuse)@", re.IGNORECASE)


def find_addresses(text: str) -> list[str]:
    """Every address in a text, in order, without repeats of letter case."""
    if "@" not in text:
        return []
    found: dict[str, str] = {}
    spots = [(m.start(1), m[1]) for m in BRACKETED.finditer(text)] + [
        (m.start(1), m[1]) for m in ADDRESS.finditer(text)
    ]
    for _, spotted in sorted(spots):
        address = _trimmed(spotted)
        found.setdefault(address.lower(), address)
    return list(found.values())


def _trimmed(address: str) -> str:
    """Drop quotes and dots that the sentence around an address left on it."""
    local, _, domain = address.rpartition("@")
    # X.400 domain-defined attributes: "dda:SMTP=ann@mx.example".
    local = local[5:] if local[:5].upper() == "SMTP=" else local
    return f"{local.lstrip(chr(39) + '*`.#')}@{domain.rstrip('.-_' + chr(39))}"


def is_daemon(address: str) -> bool:
    """Whether the address belongs to software or its keeper."""
    return bool(_DAEMON.match(address))


def clean_address(value: str) -> str | None:
    """Read the address of a field such as `Final-Recipient: rfc822; <a@b.example> (comment)` (RFC 3464, 2.3.2).

    Returns:
        The address, or None where the field holds none (a local user's name, a file, an X.400 form).
    """
    value = _XTEXT.sub(_character, value.strip()[:2_000])
    for _ in range(2):  # XWall writes "rfc822; rfc822;a@b"
        value = _FIELD_TYPE.sub("", value)
    value = _encapsulated(value)
    bracketed = BRACKETED.search(value)
    if bracketed:
        return _trimmed(bracketed[1])
    value = value.strip().strip("<>").strip()
    whole = _WHOLE.match(value)
    if whole and value[whole.end() :].strip()[:1] in {"", "(", ";", "<", ">", "."}:
        return _trimmed(whole[0])
    found = find_addresses(value)
    if not found and (loose := _LOOSE.fullmatch(value)):
        return loose[0]
    return next(iter(found), None)


def _character(match: re.Match[str]) -> str:
    """One escaped code point; surrogates and what lies beyond Unicode stay escaped."""
    code = int(match[1], 16)
    return chr(code) if code < 0xD800 or 0xE000 <= code <= 0x10FFFF else match[0]


def _encapsulated(value: str) -> str:
    """Undo Exchange's IMCEA form: `IMCEASMTP-ann+40mx+2Eexample@gateway.example` is ann@mx.example."""
    match = _IMCEA.match(value)
    if not match or match[1].upper() != "SMTP":
        return value
    inner = _HEX.sub(lambda m: chr(int(m[1], 16)), value[match.end() :].rpartition("@")[0])
    return inner if "@" in inner else value
