"""Raw octets to a tree of MIME parts, within limits.

Not `email.parser`: it walks every open boundary for every line before anyone can count parts or depth, so a small
hostile email costs seconds; it gives no second chance where a boundary parameter is wrong or missing, as gateways
leave it; and `policy.default` raises on some malformed fields. Splitting slices at C speed is short and linear.
"""

import re
from dataclasses import dataclass

from classifier.domain import ParseLimits
from classifier.errors import MessageTooLarge
from classifier.parse.charsets import decode_transfer
from classifier.parse.headers import Headers, boundary_of, charset_of, read_head

_MEDIA_TYPE = re.compile(r"\s*([\w.+-]{1,60}/[\w.+-]{1,60})")
# A part's first lines in a body whose boundary parameter was lost: delimiter, then a Content- field.
_SEEN_BOUNDARY = re.compile(rb"^--([^\s].{0,90}?)[ \t]*\n(?=Content-)", re.MULTILINE | re.IGNORECASE)
_RECOVERY_WINDOW = 2_000
# Without any Content-Type the delimiter must come at once: later ones belong to the copy of the original message.
_RECOVERY_PREAMBLE = 400


@dataclass(frozen=True, slots=True)
class Part:
    """One node: a leaf has a decoded `body`, a multipart or an enclosed message has `children`."""

    headers: Headers
    content_type: str
    charset: str | None
    body: bytes
    children: tuple["Part", ...] = ()

    @property
    def enclosed(self) -> Headers:
        """Header fields of an enclosed message (message/rfc822)."""
        return self.children[0].headers if self.children else Headers()


class Splitter:
    """Splits one email; counts its parts and defects on the way."""

    def __init__(self, limits: ParseLimits) -> None:
        self._limits = limits
        self._parts = 0
        self.defects: list[str] = []

    def split(self, raw: bytes) -> Part:
        """Build the tree.

        Raises:
            MessageTooLarge: More octets, parts, levels or header fields than allowed.
        """
        if len(raw) > self._limits.max_bytes:
            raise MessageTooLarge(f"the email has more than {self._limits.max_bytes} octets")
        # Mail that passed a spool has mbox separators, that passed a web form lone CRs.
        data = raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
        if data.startswith((b"From ", b">From ")):
            data = data.partition(b"\n")[2]
        return self._entity(data, depth=1, default="text/plain")

    def _entity(self, data: bytes, *, depth: int, default: str) -> Part:
        """Read one entity: header fields, then body or children (RFC 2045, 3)."""
        self._count(depth)
        headers, body, clean = read_head(data)
        if depth == 1 and len(headers.fields) > self._limits.max_headers:
            raise MessageTooLarge(f"the email has more than {self._limits.max_headers} header fields")
        if depth == 1 and not clean:
            self.defects.append("the header ends without an empty line")
        declared = headers.get("content-type")
        media = _MEDIA_TYPE.match(declared)
        content_type = media[1].lower() if media else default
        body_decoded = decode_transfer(body, headers.get("content-transfer-encoding"))
        children: tuple[Part, ...] = ()
        if content_type.startswith("multipart/") or (depth == 1 and not declared):
            children = self._multipart(body, declared, depth, digest=content_type == "multipart/digest")
            content_type = content_type if children else "text/plain"
            if children and not content_type.startswith("multipart/"):
                content_type = "multipart/mixed"
        elif content_type in {"message/rfc822", "message/global"}:
            children = (self._entity(body_decoded.lstrip(b"\n"), depth=depth + 1, default="text/plain"),)
        return Part(headers, content_type, charset_of(declared), body_decoded, children)

    def _count(self, depth: int) -> None:
        """Refuse before the work is done, not after."""
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise MessageTooLarge(f"the email has more than {self._limits.max_parts} MIME parts")
        if depth > self._limits.max_depth:
            raise MessageTooLarge(f"the email nests MIME parts deeper than {self._limits.max_depth} levels")

    def _multipart(self, body: bytes, declared: str, depth: int, *, digest: bool) -> tuple[Part, ...]:
        """Split a multipart body; a wrong or missing boundary is replaced by the one seen in use."""
        boundary = boundary_of(declared)
        most = self._limits.max_parts
        pieces = _pieces(body, boundary, most) if boundary else []
        if not pieces:
            seen = _SEEN_BOUNDARY.search(body[:_RECOVERY_WINDOW])
            if not seen or not (declared or seen.start() < _RECOVERY_PREAMBLE):
                if declared:
                    self.defects.append("a multipart body has no part")
                return ()
            self.defects.append("the boundary parameter is not the boundary in use")
            pieces = _pieces(body, seen[1], most)
        default = "message/rfc822" if digest else "text/plain"
        return tuple(self._entity(piece, depth=depth + 1, default=default) for piece in pieces)


def _pieces(body: bytes, boundary: bytes, most: int) -> list[bytes]:
    """Cut a body at its delimiter lines (RFC 2046, 5.1.1), `most` + 1 at most; a missing close is forgiven."""
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*$\n?", re.MULTILINE)
    pieces: list[bytes] = []
    start: int | None = None
    for match in delimiter.finditer(body):
        if start is not None:
            pieces.append(body[start : match.start()])
        start = match.end()
        if match[1] or len(pieces) > most:
            return pieces
    if start is not None:
        pieces.append(body[start:])
    return pieces
