"""Header fields: octets to names and values, and the two parameters of Content-Type that matter."""

import re
from dataclasses import dataclass

from classifier.parse.charsets import decode_words

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:[ \t]*(.*)", re.DOTALL)
_PARAMETER = r'(?i)(?:^|[;\s]){}\*?\s*=\s*(?:"([^"]{{1,200}})"|([^\s;"]{{1,200}}))'
_BOUNDARY = re.compile(_PARAMETER.format("boundary"))
_CHARSET = re.compile(_PARAMETER.format("charset"))
# A field longer than this is an attack or a list of a thousand addressees; its beginning is enough.
_MAX_FIELD_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in order, names in lower case, values unfolded but not decoded."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """First value of a field, encoded words decoded; empty if absent."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Every value of a field, encoded words decoded."""
        return [decode_words(value) for key, value in self.fields if key == name]

    def __contains__(self, name: str) -> bool:
        """Whether the field occurs, even empty."""
        return any(key == name for key, _ in self.fields)


def read_head(data: bytes) -> tuple[Headers, bytes, bool]:
    """Split header fields from the body; the first line that is neither field nor continuation ends them.

    Returns:
        The fields, the body, and whether an empty line stood between them (RFC 5322, 2.1).
    """
    lines: list[bytes] = []
    position, clean = 0, False
    while position < len(data):
        end = data.find(b"\n", position)
        line = data[position : end if end >= 0 else len(data)]
        if not line.strip():
            position, clean = position + len(line) + 1, True
            break
        if line[:1] in b" \t" and lines:
            if len(lines[-1]) < _MAX_FIELD_BYTES:
                lines[-1] += b" " + line.strip()[:2_000]
        elif _FIELD.match(line):
            lines.append(line[:_MAX_FIELD_BYTES])
        else:
            break
        position += len(line) + 1
    return Headers(tuple(_field(line) for line in lines)), data[position:], clean or not lines or position >= len(data)


def _field(line: bytes) -> tuple[str, str]:
    """Name in lower case and value as text; raw 8-bit headers are UTF-8 or, failing that, latin-1."""
    match = _FIELD.match(line)
    name, value = (match[1], match[2]) if match else (b"", b"")
    try:
        return name.decode("ascii").lower(), value.decode("utf-8").strip()
    except ValueError:
        return name.decode("latin-1").lower(), value.decode("latin-1").strip()


def boundary_of(declared: str) -> bytes:
    """The boundary parameter of a Content-Type value; empty if there is none."""
    return (_parameter(_BOUNDARY, declared) or "").encode("latin-1", "replace").rstrip()


def charset_of(declared: str) -> str | None:
    """The charset parameter of a Content-Type value in lower case, without RFC 2231's prefix."""
    value = _parameter(_CHARSET, declared)
    return value.rpartition("''")[2].strip().lower() if value else None


def _parameter(pattern: re.Pattern[str], declared: str) -> str | None:
    """Value of one parameter, quoted or not."""
    match = pattern.search(declared[:2_000])
    return (match[1] or match[2]) if match else None
