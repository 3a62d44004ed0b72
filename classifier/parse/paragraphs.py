"""Paragraphs of a notice: who each is about, what it says beyond the usual frame, how much it looks like a reason.

Frame lines ("This is the mail system at host ...") differ between forty mail systems but never change within one.
"""

import re
from dataclasses import dataclass

from classifier.parse.addresses import ADDRESS, BRACKETED, find_addresses
from classifier.parse.phrases import ANCHOR, BOILERPLATE, BREAK, FAILURE, FILLER, LABELLED, STATUS_FIELD
from classifier.parse.replies import fold, quotes_reply, says_nothing

_LEAD = re.compile(r"^[\s>*\u2022\-<\"'\[(]{0,30}(?:rcpt to:|recipient:|address:)?\s{0,4}[<\"'\[(]{0,3}", re.IGNORECASE)
_RULE = re.compile(r"^\s*[-=*_#~+]{3,}\s*(?:$|\S.{0,80}[-=*_#~+:]{2,}\s*$|[A-Za-z][A-Za-z ]{0,40}$)")
_TAIL_JUNK = re.compile(
    r"^[\s>\"')\]]{0,10}(?:<?mailto:[^>]{0,200}>)?\s{0,10}(?:on (?:(?:mon|tue|wed|thu|fri|sat|sun), |"
    r"\d{1,2}/\d{1,2}/)[^\n]{5,40}$)?[\s:;,\-]{0,10}",
    re.IGNORECASE,
)
_REASON = re.compile(r"\(reason: (.{1,1900}?)\)", re.IGNORECASE)
_SAYS_WHY = re.compile(r"\bbecause\b(?=.{8})|\breason: ?\S|\bdue to\b", re.IGNORECASE)
# Beyond this many paragraphs a text is no notice.
_MAX_PARAGRAPHS = 400
_SENTENCE = 60
_COLONS = (":", "\uff1a")
# The least weight of words that name a failure.
TELLING = 4.0


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together.

    Attributes:
        owner: Address that the paragraph begins with, in lower case; empty if none.
        announced: How plainly the line before introduces a reason ("because:"), as a weight.
        under: `owner` of the nearest earlier paragraph that has one.
    """

    lines: list[str]
    owner: str = ""
    announced: float = 0.0
    under: str = ""
    addresses: frozenset[str] = frozenset()
    weight: float = 0.0
    words: str = ""


def paragraphs_of(lines: list[str]) -> list[Paragraph]:
    """Group lines; a blank line, a rule, or a line that begins with an address starts a new paragraph."""
    found: list[Paragraph] = []
    open_ = False
    for line in lines:
        if not line.strip(" \t>|\u00a0") or _RULE.match(line):
            if line.strip() and len(found) < _MAX_PARAGRAPHS:
                found.append(Paragraph([line]))
            open_ = False
            continue
        owner = _owner(line)
        if not open_ or (owner and owner != found[-1].owner):
            if len(found) >= _MAX_PARAGRAPHS:
                break
            found.append(Paragraph([], owner))
        found[-1].lines.append(line)
        open_ = not BREAK.search(line[-200:])
    return found


def _owner(line: str) -> str:
    """Address at the very beginning of a line, in lower case."""
    if "@" not in line:
        return ""
    start = _LEAD.match(line)
    at = start.end() if start else 0
    shown = find_addresses(line[:400])
    if not shown or line.find(shown[0], 0, at + len(shown[0]) + 2) not in range(max(0, at - 2), at + 2):
        return ""
    # "ann@mx.example <ann@other.example>": the first is but a display name.
    named = BRACKETED.match(line[line.find(shown[0]) + len(shown[0]) :].lstrip(" \"'"))
    return (named[1] if named else shown[0]).lower()


def essence_of(paragraph: Paragraph) -> str:
    """The paragraph without its recipient and without what every notice says."""
    kept = []
    for index, line in enumerate(paragraph.lines):
        rest = _after_owner(line, paragraph.owner) if index == 0 and paragraph.owner else line
        rest = rest.strip().lstrip(">| ").strip()
        if rest and not _is_frame(rest):
            kept.append(rest)
    words = FILLER.sub("", fold(" ".join(kept))).lstrip(".:;,-> ")
    wrapped = _REASON.fullmatch(words)
    words = wrapped[1] if wrapped else words
    return "" if says_nothing(ADDRESS.sub(" ", words)) and not quotes_reply(words) else words


def introduces(line: str) -> float:
    """How plainly a line announces the reason for the next paragraph; headings between rules need no colon."""
    end = line[-200:].rstrip()
    if ANCHOR.search(f"{end}:" if _RULE.match(line) else end):
        return 4.0
    return 1.5 if end.endswith(_COLONS) else 0.0


def _is_frame(line: str) -> bool:
    """Whether a line only frames the reason; one that quotes a reply or goes on to say why never does."""
    if _RULE.match(line) or STATUS_FIELD.match(line):
        return True
    return bool(BOILERPLATE.match(line)) and not quotes_reply(line) and not _SAYS_WHY.search(line)


def _after_owner(line: str, owner: str) -> str:
    """What follows the recipient on its own line: `<a@b>: host said` or `a@b (user not found)`."""
    at = line.lower().find(owner)
    rest = line[at + len(owner) :]
    again = BRACKETED.match(rest.lstrip(" >"))  # Active!hunter: "a@b <a@b>"
    if again and again[1].lower() == owner:
        rest = rest.lstrip(" >")[again.end() :]
    return _TAIL_JUNK.sub("", rest, count=1)


def weight_of(paragraph: Paragraph) -> float:
    """How much a paragraph looks like a reason, whoever it is about."""
    words = paragraph.words
    if not words:
        return 0.0
    # A short line that ends in a colon says that something follows, not what.
    weight = -2.0 if words.endswith(_COLONS) and len(words) < 2 * _SENTENCE else 1.0
    weight += 6.0 if quotes_reply(words) else 0.0
    weight += 3.0 if FAILURE.search(words) else 0.0
    weight += paragraph.announced
    weight += 2.0 if any(LABELLED.match(line) for line in paragraph.lines) else 0.0
    weight += 1.0 if paragraph.owner else 0.0
    # Greetings are short; in a language that we do not know, length is all there is to go by.
    weight += 1.0 if len(words) >= _SENTENCE else 0.0
    return weight
