"""A MIME tree seen as a bounce: which part is the notice, which the report, which the returned original."""

import re
from dataclasses import dataclass
from functools import cached_property

from classifier.domain import ParseLimits
from classifier.normalise import shorten
from classifier.parse.addresses import clean_address
from classifier.parse.charsets import decode_text
from classifier.parse.headers import Headers
from classifier.parse.html import html_to_text
from classifier.parse.mime import Part, Splitter
from classifier.parse.notice import Notice
from classifier.parse.quoted import cut_original, dedent
from classifier.parse.transcript import Session

# A notice is a page or two. What comes later is somebody's newsletter, and every pattern below runs over this.
MAX_NOTICE_CHARS = 60_000
MAX_LINE_CHARS = 2_000
# Some 3,000 recipients; RFC 5321, 4.5.3.1.8 asks servers to take 100.
_MAX_STATUS_BYTES = 600_000
_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status", "message/xdelivery-status"})
_HEADER_TYPES = frozenset({"text/rfc822-headers", "message/global-headers", "message/rfc822-headers"})
_MDN_TYPES = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_BLANK_LINES = re.compile(r"\n{4,}")
_HEADER_LINE = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60}):[ \t]*(.*)")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One email, its parts told apart by role.

    Attributes:
        headers: The email's own header fields.
        text: Words for people, without the copy of the original.
        statuses: Texts of delivery-status parts (RFC 3464), usually one.
        feedback: Text of a feedback-report part (RFC 5965); empty if none.
        disposition: Text of a disposition-notification part (RFC 8098); empty if none.
        original: Header fields of the returned message; empty if it was not returned.
        enclosed: Octets of the returned message, for reports inside reports; empty if it was not returned.
    """

    headers: Headers
    text: str
    statuses: tuple[str, ...]
    feedback: str
    disposition: str
    original: Headers
    enclosed: bytes

    @cached_property
    def notice(self) -> Notice:
        """The words for people, indexed by the addresses in them."""
        return Notice.read(self.text)

    @cached_property
    def session(self) -> Session:
        """The SMTP session that the words quote."""
        return Session.read(self.text)

    @cached_property
    def subject(self) -> str:
        """Subject, decoded."""
        return self.headers.get("subject")[:1_000]

    @cached_property
    def sender(self) -> str:
        """Address in `From`; empty if there is none."""
        return clean_address(self.headers.get("from")) or ""


def read_mail(raw: bytes, limits: ParseLimits) -> tuple[Mail, list[str]]:
    """Split an email into roles.

    Returns:
        The email and its defects.

    Raises:
        MessageTooLarge: More octets, parts, levels or header fields than allowed.
    """
    splitter = Splitter(limits)
    root = splitter.split(raw)
    roles = _Roles(splitter.defects)
    roles.visit(root)
    text, rest = cut_original("\n\n".join(roles.texts))
    mail = Mail(
        headers=root.headers,
        text=text,
        statuses=tuple(roles.statuses),
        feedback=roles.feedback,
        disposition=roles.disposition,
        original=roles.original or Headers(tuple(_fields_of(rest))),
        enclosed=roles.enclosed or dedent(rest).encode("utf-8", "replace"),
    )
    return mail, roles.defects


class _Roles:
    """Walks a MIME tree once and files every part under its role."""

    def __init__(self, defects: list[str]) -> None:
        self.defects = defects
        self.texts: list[str] = []
        self.statuses: list[str] = []
        self.feedback = ""
        self.disposition = ""
        self.original: Headers | None = None
        self.enclosed = b""

    def visit(self, part: Part) -> None:
        """File one part; what is inside an enclosed message is never looked at, for it is not the report."""
        kind = part.content_type
        if kind in _STATUS_TYPES:
            if len(part.body) > _MAX_STATUS_BYTES:
                self._note("a delivery report is longer than what is read of it")
            self.statuses.append(self._decode(part, _MAX_STATUS_BYTES))
        elif kind in {"message/rfc822", "message/global"}:
            self.original = self.original or part.enclosed
            self.enclosed = self.enclosed or part.body
        elif kind in _HEADER_TYPES:
            self.original = self.original or Headers(tuple(_fields_of(self._decode(part, MAX_NOTICE_CHARS))))
        elif kind == "message/feedback-report":
            self.feedback = self.feedback or self._decode(part, MAX_NOTICE_CHARS)
        elif kind in _MDN_TYPES:
            self.disposition = self.disposition or self._decode(part, MAX_NOTICE_CHARS)
        elif kind == "multipart/alternative":
            self._visit_best(part)
        elif part.children:
            for child in part.children:
                self.visit(child)
        elif kind.startswith("text/") and self.original is None:
            self.texts.append(self._text(part))

    def _visit_best(self, part: Part) -> None:
        """Read one version of the same words: plain text unless it is blank."""
        plain = [child for child in part.children if child.content_type == "text/plain" and child.body.strip()]
        for child in plain[:1] or part.children:
            self.visit(child)

    def _decode(self, part: Part, most: int) -> str:
        """Decode a leaf up to a size."""
        text, defect = decode_text(part.body[:most], part.charset)
        if defect:
            self._note(defect)
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _note(self, defect: str) -> None:
        """Remember a defect once."""
        if defect not in self.defects:
            self.defects.append(defect)

    def _text(self, part: Part) -> str:
        """Words for people: HTML rendered, lines capped."""
        text = self._decode(part, MAX_NOTICE_CHARS)
        if part.content_type == "text/html" or text.lstrip()[:15].lower().startswith(("<html", "<!doctype html")):
            text = html_to_text(text)
        text = _BLANK_LINES.sub("\n\n\n", text[:MAX_NOTICE_CHARS])
        return "\n".join(shorten(line, MAX_LINE_CHARS) for line in text.split("\n"))


def _fields_of(text: str) -> list[tuple[str, str]]:
    """Header fields at the beginning of a quoted message, after what introduces it."""
    fields: list[tuple[str, str]] = []
    for line in text.split("\n")[:400]:
        match = _HEADER_LINE.match(line.lstrip("> "))
        if match and not (fields and line[:1] in {" ", "\t"} and not text[:1].isspace()):
            fields.append((match[1].lower(), match[2].strip()))
        elif fields and line[:1] in {" ", "\t"} and line.strip():
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip()}"[:4_000])
        elif len(fields) > 2:
            break
    return fields
