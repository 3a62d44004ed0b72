"""Step 2: from a server's words to a template.

    diagnostic text -> template

A template is what all bounces of one wording have in common: addresses, hosts, IPs, ids, dates and numbers give way to
placeholders; reply codes, enhanced codes, vendors' short tags and the names of DNS lists stay, for they tell kinds of
failure apart. Everything downstream (model, cache, store, labels, pins) is keyed by the template, so a change of these
rules is a change of `NORMALISER_VERSION`, and a model bundle made for another version is refused.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from classifier.recode import recode
from classifier.resources import resource

NORMALISER_VERSION = 2
MAX_TEXT = 2_000
"""Characters looked at; a longer diagnostic is cut, keeping its head and its tail (the cause may stand in either)."""
PLACEHOLDERS = ("[ADDR]", "[HOST]", "[IP]", "[ID]", "[DATE]", "[NUM]", "[URL]")

_TAIL = 500
_ROUNDS = 4
_BETWEEN = " \t\r\n<>()[],;:\"'"
"""Characters that stand before or after an address, seldom in one."""
_LONGEST_ADDRESS = 320
"""Characters: 64 before the @ and 255 after it (RFC 5321, 4.5.3.1)."""
# Endings that make a dotted word a host name. Two lower-case (or two upper-case) letters count as well; a capitalised
# pair does not, for servers forget the blank between sentences ("rejected.It is ...").
_TLDS = frozenset(
    "com net org edu gov mil int info biz name mobi asia arpa example test invalid local localdomain lan internal corp "
    "home intra cloud email online site shop store xyz app dev tech live world today blog club link news media agency "
    "systems network services solutions company group global digital host hosting zone space website pro jobs coop "
    "museum travel cat tel post berlin hamburg bayern koeln wien paris london tokyo nyc africa swiss top vip icu".split()
)
# Query keys whose value names the reason ("?p=NoSuchUser"); every other value may hold an address.
_REASON_KEYS = frozenset({"p", "code", "reason", "err", "error", "topic", "answer"})

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?"
# Letters of scripts that put blanks between words: a local part of others would swallow the sentence before it.
_LETTERS = "A-Za-z0-9\u00c0-\u024f\u0370-\u052f\u1e00-\u1fff"
# Alternatives in order of authority, each with what a text must contain for it to be worth trying.
_SHAPES = {
    "done": ("[URL", r"\[URL [^\]]{0,100}\]"),
    "url": ("://", r"""(?:https?|ftp)://[^\s<>"'|\\^`{}]{1,400}"""),
    "addr": (
        "@",
        r"""(?:"[^"]{1,64}"|[A-Za-z0-9.!#$%&*+/=?^_{|}~-][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,127})"""
        r"@(?:\[[^\s\]]{1,64}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?(?:[^\x00-\x7f\W][\w-]{0,60}\.[\w.-]{1,60})?|[^\x00-\x7f\W][\w-]{0,63}\.[\w.-]{1,253})",
    ),
    "wide": (
        "@",
        rf"[{_LETTERS}_+][{_LETTERS}.!#$%&'*+/=?^_`{{|}}~-]{{0,127}}@\w[\w-]{{0,63}}\.[\w.-]{{0,252}}\w",
    ),
    # A domain has a dot: Japanese prose speaks of "the part after @" without a blank.
    "eai": ("@", r"[^\W_]{0,63}[^\x00-\x7f\W]@\w[\w-]{0,63}\.[\w.-]{1,253}"),
    "date": (
        "0",
        rf"\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?:[T ,]{{1,2}}{_CLOCK} ?(?:Z\b|UTC\b|GMT\b|[+-]\d{{2}}:?\d{{2}}\b)?)?"
        rf"|{_DAY}\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}(?:,? {_CLOCK})?(?: [+-]\d{{4}})?(?: \([A-Z]{{2,5}}\))?"
        rf"|{_DAY}{_MONTH} {{1,2}}\d{{1,2}},?(?: {_CLOCK})?(?: [A-Z]{{2,5}}\b)?(?:,? \d{{4}}\b)?"
        rf"|\d{{1,2}}[/.]\d{{1,2}}[/.](?:19|20)\d{{2}}(?:,? {_CLOCK})?"
        r"|(?<![:.])\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?![\w:])",
    ),
    "ip4": (".", r"(?<![\d.])(?:\d{1,3}\.){3}(?:\d{1,3}(?:/\d{1,2})?|[xX*]{1,3})(?!\w|\.\d)"),
    "ip6": (
        ":",
        r"(?<!:)(?:IPv6:)?(?:[0-9A-Fa-f]{1,4}|:)(?::[0-9A-Fa-f]{0,4}){2,8}(?:\.\d{1,3}){0,3}(?:/\d{1,3})?(?![\w:])",
    ),
    "host": (
        ".",
        r"(?<!\.)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?\.){1,12}[A-Za-z][A-Za-z0-9-]{1,23}(?!\w)",
    ),
    "token": ("0", r"(?=[A-Za-z_+/.~$-]{0,80}\d)[A-Za-z0-9][A-Za-z0-9_+/.~$-]{7,200}={0,2}"),
    "num": (
        "0",
        r"(?<!\.)\d{1,30}(?:[.,:]\d{1,30}){0,4}(?=(?:[kKmMgG]i?[bB]?|[hms]|ms|secs?|mins?|days?|hours?)?(?!\w))",
    ),
}


@lru_cache(maxsize=256)
def _scanner(present: frozenset[str]) -> re.Pattern[str]:
    """Compile one scan over the shapes that can occur in a text with these characters.

    Every shape begins where a word begins, which spares most positions of a text all the alternatives.
    """
    shapes = [f"(?P<{name}>{shape})" for name, (needs, shape) in _SHAPES.items() if needs in present]
    return re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(shapes)})") if shapes else re.compile(r"(?!)")


_DIGIT = re.compile(r"\d")


def _scan(text: str) -> str:
    present = {mark for mark in ("[URL", "://", "@", ".", ":") if mark in text}
    if _DIGIT.search(text):
        present.add("0")
    return _scanner(frozenset(present)).sub(_mask, text)


_REPLY = re.compile(r"[245][0-7]\d")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_FIRST_CODE = re.compile(
    r"^(?:smtp; ?)?(?P<reply>[245][0-7]\d)(?:[- ]\#?(?P<enhanced>[245]\.\d{1,3}\.\d{1,3}))?(?=[- :]|$)"
)
_VARIABLE = re.compile(r"\d{3,}|[0-9A-Fa-f]{8,}|[A-Za-z0-9_-]*\d[A-Za-z0-9_-]*[A-Za-z][A-Za-z0-9_-]*\d[A-Za-z0-9_-]*")
_TOKEN_RUNS = re.compile(r"[A-Za-z]+|\d+")
_CAMEL = re.compile(r"(?:[A-Z][a-z]{1,15}){2,5}")
"""A reason as programmers write it ("NoSuchUser"); a plain word may be a name."""
_TAG = re.compile(
    r"</?(?:a|b|blockquote|body|br|center|code|div|em|font|h[1-6]|head|hr|html|i|img|li|meta|ol|p|pre|span|strong|style|"
    r"table|tbody|td|th|title|tr|tt|u|ul)(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
# Two letters on either side: "non-" and "e-" at a line's end are rarer than a hyphenated word.
_HYPHENATED = re.compile(r"([a-z]{2})-\r?\n[ \t]{0,4}([a-z]{2})")
_BLANK = r"\x00-\x09\x0b\x0c\x0e-\x20\x7f\x85\xa0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u3000\ufeff"
_QUOTED = re.compile(f"^[{_BLANK}]*>[>{_BLANK}]*", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028\u2029\ufeff]+")


@lru_cache(maxsize=1)
def dns_lists() -> dict[str, str]:
    """Return the domains of known DNS lists, each with what it lists: "ip" or "domain" (data/dns_lists.txt)."""
    lines = resource("dns_lists.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def dns_list_of(host: str) -> str | None:
    """Return the DNS list that a host name belongs to, "zen.spamhaus.org" for itself; None if it is none we know."""
    labels = host.lower().rstrip(".").split(".")
    known = dns_lists()
    for start in range(len(labels) - 1):
        if ".".join(labels[start:]) in known:
            # Query names carry the address that was looked up: 4.3.2.1.zen.spamhaus.org.
            fixed = [label for label in labels[:start] if not any(c.isdigit() for c in label)][-2:]
            return ".".join([*fixed, *labels[start:]])
    return None


def _is_host(word: str) -> bool:
    last = word.rsplit(".", 1)[-1]
    if len(last) == 2:
        return last.islower() or (last.isupper() and word.isupper())
    return last.lower() in _TLDS or last.lower().startswith("xn--")


def _mask_host(word: str) -> str:
    if listed := dns_list_of(word):
        return listed
    if _is_host(word):
        return "[HOST]"
    return _mask_token(word)


def _mask_token(word: str) -> str:
    """Mask a word that is an identifier, by the number of its turns between letters and digits."""
    core = word.rstrip(".-_=~")
    tail = word[len(core) :]
    runs = _TOKEN_RUNS.findall(core)
    digits = [run for run in runs if run[0].isdigit()]
    if not digits or _FIRST_CODE.fullmatch(core):
        return word
    if len(digits) == len(runs):
        return _mask_number(core) + tail if len(core) < 8 or _ENHANCED.fullmatch(core) else "[NUM]" + tail
    turns = sum(a[0].isdigit() != b[0].isdigit() for a, b in pairwise(runs))
    hexadecimal = len(core) >= 8 and all(c in "0123456789abcdefABCDEF-" for c in core)
    if len(core) >= 8 and (turns >= 3 or hexadecimal or max(map(len, digits)) >= 6):
        return "[ID]" + tail
    return word


def _mask_number(word: str) -> str:
    if _REPLY.fullmatch(word) or _ENHANCED.fullmatch(word):
        return word
    return "[NUM]"


def _mask_url(url: str) -> str:
    """Keep host and path words of a help page, for they name vendor and reason; drop whatever varies."""
    core = url.rstrip(".,;:!?)]>")
    tail = url[len(core) :]
    address, _, query = core.partition("?")
    authority, _, path = address.partition("://")[2].partition("/")
    host = authority.rpartition("@")[2]
    if "@" in path or "%40" in path.lower() or re.fullmatch(r"[\d.:\[\]]*", host):
        return "[URL]" + tail
    # A step with a dot may be a name (jane.roe), one with digits is an id.
    steps = [step if step and "." not in step and not _VARIABLE.search(step) else "" for step in path.split("/")]
    kept = [
        value
        for key, _, value in (pair.partition("=") for pair in re.split(r"[&;]", query))
        if key.lower() in _REASON_KEYS and _CAMEL.fullmatch(value)
    ]
    return f"[URL {'/'.join([host.partition(':')[0].lower(), *filter(None, steps), *kept])[:100]}]{tail}"


def _mask_ip6(word: str) -> str:
    # A clock time or a tag such as "a:b:c" is no address.
    return "[IP]" if "::" in word or word.count(":") >= 4 or word.startswith("IPv6:") else word


def _mask(match: re.Match[str]) -> str:
    word = match.group()
    match match.lastgroup:
        case "done":
            return word
        case "url":
            return _mask_url(word)
        case "addr" | "wide" | "eai":
            return "[ADDR]"
        case "date":
            return "[DATE]"
        case "ip4":
            return "[IP]"
        case "ip6":
            return _mask_ip6(word)
        case "host":
            return _mask_host(word)
        case "token":
            return _mask_token(word)
        case _:
            return _mask_number(word)


def _unwrap(text: str) -> str:
    """Undo what mail programs and copying do to a text: wrong character sets, HTML, quoting marks, broken lines."""
    if "\n" in text:
        text = _HYPHENATED.sub(r"\1\2", text.replace("=\r\n", "").replace("=\n", ""))
    text = _recoded(text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    return _QUOTED.sub("", text) if ">" in text else text


def _recoded(text: str) -> str:
    # The compatible forms of characters may spell what the other step undoes, and the other way round.
    for _ in range(_ROUNDS):
        again = recode(text)
        if not again.isascii():
            again = unicodedata.normalize("NFKC", again)
        if again == text:
            break
        text = again
    return text


def _join_lines(text: str) -> str:
    """Drop the code that heads each further line of a multi-line reply (RFC 5321, 4.2.1), whether dashed or last."""
    first, *others = text.splitlines()
    if not (code := _FIRST_CODE.match(first.lstrip())):
        return text
    enhanced = rf"(?:#?{re.escape(code['enhanced'])}[- ]?)?" if code["enhanced"] else ""
    again = re.compile(rf"\s*{code['reply']}[- ]{enhanced}")
    return " ".join([first, *(again.sub("", line, count=1) if again.match(line) else line for line in others)])


def _join_replies(text: str) -> str:
    """Give a multi-line reply its code once: "550-5.1.1 No such 550 5.1.1 user" -> "550 5.1.1 No such user".

    Postfix repeats the code of each line in mid-line, Exim keeps line feeds, others drop the codes (RFC 5321, 4.2.1).
    """
    if not (first := _FIRST_CODE.match(text)):
        return text
    reply, enhanced = first["reply"], first["enhanced"]
    head = f"{reply} {enhanced}" if enhanced else reply
    rest = text[first.end() :].lstrip("- ")
    if reply in rest:
        code = rf"{reply}[- ]#?{re.escape(enhanced)}" if enhanced else rf"{reply}-"
        rest = re.sub(rf"(?:^|(?<=\s))(?:{code}(?=[-\s]|$)[-\s]*|{reply}-\s?)|^{reply}\s+", "", rest)
    return f"{head} {rest}".strip()


def _once(text: str) -> str:
    return " ".join(_join_replies(_scan(_join_replies(text))).split())


def cut(text: str) -> str:
    """Keep head and tail of a text that is longer than `MAX_TEXT`."""
    return text if len(text) <= MAX_TEXT else f"{shorten(text, MAX_TEXT - _TAIL - 1)} {text[-_TAIL:]}"


def shorten(text: str, size: int) -> str:
    """Return at most the first `size` characters, without a word that would be cut: half an address is not masked."""
    if len(text) <= size or text[size] in _BETWEEN:
        return text[:size]
    end = 1 + max(text.rfind(mark, 0, size) for mark in _BETWEEN)
    return text[:end] if size - end <= _LONGEST_ADDRESS else text[: size - _LONGEST_ADDRESS]


def normalise(text: str, *, addresses: Iterable[str] = ()) -> str:
    r"""Mask what varies between bounces of one wording; keep what tells wordings apart.

    Never raises, and a second pass changes nothing (tests/property/test_normalise.py).

    Args:
        text: Diagnostic text, any length; all but the first 1,500 and the last 500 characters are dropped.
        addresses: Addresses that are known to belong to this bounce. Their local parts are masked as well where they
            stand alone ("user jane.roe is unknown").

    >>> normalise("550-5.1.1 <ann@mx.example>: user unknown,\r\n550 5.1.1 id 7F3A91BC02")
    '550 5.1.1 <[ADDR]>: user unknown, id [ID]'
    """
    text = _unwrap(cut(text))
    if "\n" in text:
        text = _join_lines(text)
    text = " ".join(_CONTROL.sub(" ", text).split())
    for address in addresses:
        text = _mask_known(text, address)
    for _ in range(_ROUNDS):
        once = _once(text)
        if once == text:
            break
        text = once
    return text


def _mask_known(text: str, address: str) -> str:
    local = address.rpartition("@")[0].strip('"<>')
    masked = text.replace(address, "[ADDR]") if "@" in address else text
    if len(local) < 3 or local.lower() in _ROLES:
        return masked
    return re.sub(rf"(?<![\w@]){re.escape(local)}(?![\w@])", "[ADDR]", masked, flags=re.IGNORECASE)


# Local parts that are words of the language servers speak: masking them would eat the reason.
_ROLES = frozenset(
    "abuse account address admin blocked contact domain email error full help host info mail mailbox mailer-daemon message "
    "news noreply no-reply office postmaster quota recipient root sales server service spam support team test unknown user "
    "webmaster".split()
)


def template_of(text: str, *, smtp_code: int | None, enhanced_code: str | None, addresses: Iterable[str] = ()) -> str:
    """Return the template of a failure: its normalised text, headed by codes that were reported beside it.

    A generic status (x.0.0) is no news: Exim and OpenSMTPD write it into every report.
    """
    template = normalise(text, addresses=addresses)
    head = []
    if smtp_code is not None and str(smtp_code) not in template:
        head.append(str(smtp_code))
    if enhanced_code and not enhanced_code.endswith(".0.0") and enhanced_code not in template:
        head.append(enhanced_code)
    return normalise(" ".join([*head, template])) if head else template


def template_id(template: str) -> str:
    """Return the stable name of a template: 16 hexadecimal digits over text and normaliser version."""
    return hashlib.sha256(f"{NORMALISER_VERSION}\n{template}".encode()).hexdigest()[:16]
