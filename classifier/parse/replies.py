"""SMTP replies inside a diagnostic: codes, folding, and what is no words at all."""

import re

from classifier.normalise import shorten

MAX_DIAGNOSTIC = 2_000

# RFC 3463, 2: class 2, 4 or 5. The guards keep out IP addresses, versions (Exim/4.9.2) and dates. A dash may precede
# ("550-5.1.1") but not a letter, and Sendmail's DSN=5.1.1 and qmail's #5.1.1 count.
_ENHANCED = re.compile(r"(?<![\w./])([245])\.([0-9]{1,2})\.([0-9]{1,3})(?![\w/]|\.\d)")
# 571 is not of RFC 5321, yet firewalls send it; " :550" is Zoho's.
_BASIC = re.compile(r"(?:(?<![\w.:/@-])|(?<=\s:))((?:[45][0-5]|57)[0-9])(?=[- ,;.:)\]'\"]|$)(?!\.\d)")
# Where a quoted reply begins. The further right, the deeper the reply: relays quote what relays quoted.
_QUOTES = re.compile(
    r"(?:\bsaid:|\bresponded:?|\bresponse(?: was)?:|\breturned:?|<<<|\breason:|\berror:|\bwas:|\breply:|"
    r"\banswer(?:ed)?:"
    r"|\]:|\):|\bfailed with:|\bfailure:|^smtp;|\bcode:?)[\s'\"(]{0,3}(?=[45][0-5][0-9]\b)",
    re.IGNORECASE,
)
# "550 5.1.1", "550-'5.7.1 ...", "550 #5.1.0": a code that stands right behind a reply code is the reply's own.
_PAIR = re.compile(
    r"(?<![\w.:/@])([45][0-5][0-9])[- ,]{1,2}[#'\"(\[]{0,3}(?=([245])\.[0-9]{1,2}\.[0-9]{1,3}(?![\w/]|\.\d))"
)
_SUCCESS = re.compile(r"2[0-5][0-9](?=[- ])")
_TYPE_PREFIX = re.compile(
    r"^\s*(?:smtp|esmtp|lmtp|dns|x-?[\w-]{1,40}|unix|local|unknown|mta|mapi|uucp|notes|http|system|text)\s*;\s*",
    re.IGNORECASE,
)
# Postfix keeps the codes of a folded multi-line reply in mid-sentence ("typos or 550-5.1.1 unnecessary").
_SPACE = re.compile(r"[\s\u00a0\u200b\ufeff]+")
# Lone surrogates come from JSON escapes and UTF-7; no database takes them.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_NAMES_CAUSE = re.compile(
    r"\b(?:user|recipient|address|mailbox|host|domain)s? unknown|unknown (?:local )?(?:user|recipient|address|"
    r"mailbox|host|domain)",
    re.IGNORECASE,
)
# Diagnostics made of these words alone fit any cause: "smtp; 550 permanent failure", "Service unavailable".
# fmt: off
_EMPTY_WORDS = frozenset((
    "aborted", "action", "address", "addresses", "be", "body", "by", "cannot", "code", "could", "deliver",
    "delivered", "delivery", "dsn", "error", "errors", "exit", "failed", "failure", "fatal", "following", "for",
    "had", "in", "intended", "is", "local", "mail", "mailer", "message", "mta", "none", "not", "null", "of", "or",
    "other", "permanent", "processing", "recipient", "recipients", "remote", "requested", "said", "server", "service",
    "smtp", "status", "system", "taken", "temporary", "the", "to", "transaction", "unable", "unavailable",
    "undefined", "undeliverable", "unknown", "user", "was", "with", "your",
))
# fmt: on


def fold(text: str) -> str:
    """White space to single spaces, control characters out, length capped."""
    folded = _SPACE.sub(" ", _CONTROL.sub("", shorten(text, MAX_DIAGNOSTIC * 4))).strip()
    return shorten(folded, MAX_DIAGNOSTIC).rstrip()


def clean_diagnostic(value: str) -> str:
    """Read a `Diagnostic-Code` field (RFC 3464, 2.3.6): its type prefix removed, folded."""
    return fold(_TYPE_PREFIX.sub("", shorten(value, MAX_DIAGNOSTIC * 4), count=1))


def says_nothing(diagnostic: str) -> bool:
    """Whether a diagnostic is empty, bare codes, or words such as "permanent failure" that fit any cause."""
    if _NAMES_CAUSE.search(diagnostic):
        return False
    return all(word in _EMPTY_WORDS for word in _WORDS.findall(diagnostic[:200].lower()))


def quotes_reply(text: str) -> bool:
    """Whether the text holds a reply code or an enhanced status code."""
    return bool(_BASIC.search(text) or _ENHANCED.search(text))


def attributes_reply(text: str) -> bool:
    """Whether the text gives a reply as a reply: introduced ("said: 550"), in front, or with an enhanced code."""
    return bool(_QUOTES.search(text) or _ENHANCED.search(text) or _BASIC.match(text))


def find_smtp_code(text: str) -> int | None:
    """The deepest quoted basic reply code (RFC 5321, 4.2), or the first one where none is quoted."""
    text = text[:MAX_DIAGNOSTIC]
    starts = [match.end() for match in _QUOTES.finditer(text)] + [match.start() for match in _PAIR.finditer(text)]
    match = _BASIC.match(text, max(starts)) if starts else None
    match = match or _BASIC.search(text)
    if match:
        return int(match[1])
    success = _SUCCESS.match(text)
    return int(success[0]) if success else None


def find_enhanced_code(text: str) -> str | None:
    """The enhanced status code that a text names.

    A code with a detail is preferred to x.0.0, then one that belongs to a reply, of these the deepest.
    """
    text = text[:MAX_DIAGNOSTIC]
    paired = [_dotted(match) for pair in _PAIR.finditer(text) if (match := _ENHANCED.match(text, pair.end()))]
    own = [code for code in paired if not code.endswith(".0.0")]
    if own:
        return own[-1]
    found = [_dotted(match) for match in _ENHANCED.finditer(text)]
    specific = [code for code in found if not code.endswith(".0.0")]
    return next(iter(specific or found), None)


def _dotted(match: re.Match[str]) -> str:
    """Canonical spelling, without leading zeros (RFC 3463, 2)."""
    return ".".join(str(int(part)) for part in match.groups())


def enhanced_code(diagnostic: str, status: str) -> str | None:
    """Choose between the diagnostic's own code and the `Status` field, whose comment is ignored (RFC 3464, 2.3.4)."""
    own = find_enhanced_code(diagnostic)
    claimed = find_enhanced_code(status)
    if own is None or (own.endswith(".0.0") and claimed):
        return claimed or own
    return own
