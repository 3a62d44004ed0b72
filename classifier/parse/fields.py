"""RFC 3464 fields: from the text of a delivery-status part, or from prose that quotes such fields.

Blank lines cannot be trusted to separate recipients: gateways double them, drop them, or put one inside a group. A
recipient's group therefore begins where a field that names a recipient comes after a group that is already complete.
"""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"(?:> ?)?([A-Za-z][A-Za-z0-9-]{1,60})[ \t]{0,20}:[ \t]*(.*)")
_RECIPIENT_FIELDS = frozenset({"final-recipient", "original-recipient", "x-actual-recipient"})
# A group never holds two of these; Original-Recipient may come before or after Final-Recipient.
_ONCE = frozenset({"final-recipient", "action", "status"})
_MESSAGE_FIELDS = frozenset(
    {"reporting-mta", "arrival-date", "received-from-mta", "dsn-gateway", "original-envelope-id"}
)
_PROSE_START = re.compile(
    r"^(?:> ?)?[ \t]{0,8}(?:final-recipient|original-recipient)[ \t]{0,4}:", re.IGNORECASE | re.MULTILINE
)
_MAX_VALUE = 8_000


@dataclass(slots=True)
class StatusFields:
    """Fields of one report: those of the message, and one mapping for each recipient."""

    message: dict[str, str] = field(default_factory=dict)
    recipients: list[dict[str, str]] = field(default_factory=list)


def read_status(text: str) -> StatusFields:
    """Read the fields of a delivery-status text (RFC 3464, 2.1); unknown lines are skipped."""
    status = StatusFields()
    group: dict[str, str] = {}
    after_blank = False
    for name, value in _unfolded(text):
        if not name:
            after_blank = True
            continue
        if _starts_next(group, name, after_blank=after_blank):
            _close(status, group)
            group = {}
        after_blank = False
        if value or name not in group:
            group[name] = group.get(name) or value
    _close(status, group)
    return status


def _names_recipient(group: dict[str, str]) -> bool:
    return not _RECIPIENT_FIELDS.isdisjoint(group)


def _starts_next(group: dict[str, str], name: str, *, after_blank: bool) -> bool:
    """Whether a field begins the next recipient: it repeats, or the group before the blank line was complete."""
    if name in group and name in _ONCE | _RECIPIENT_FIELDS:
        return True
    complete = _names_recipient(group) and ("action" in group or "status" in group)
    return after_blank and complete and name in _RECIPIENT_FIELDS


def _close(status: StatusFields, group: dict[str, str]) -> None:
    """File a finished group; one that names no recipient describes the message, or goes on with the last recipient."""
    if _names_recipient(group) or (group.get("action") and not status.recipients):
        # Some leave out the blank line between the message's fields and the first recipient's.
        status.message.update({name: value for name, value in group.items() if name in _MESSAGE_FIELDS})
        status.recipients.append(group)
    elif status.recipients:
        for name, value in group.items():
            status.recipients[-1].setdefault(name, value)
    else:
        status.message.update(group)


def _unfolded(text: str) -> list[tuple[str, str]]:
    """Name and value of each field in order; ("", "") for a blank line."""
    found: list[tuple[str, str]] = []
    for line in text.split("\n"):
        match = _LINE.match(line.strip("\r"))
        if match:
            found.append((match[1].lower(), match[2].strip()[:_MAX_VALUE]))
        elif not line.strip(" \t\r>"):
            found.append(("", ""))
        elif found and found[-1][0]:
            # Exim and Haraka put the raw line ends of a reply into the field, not even indented.
            name, value = found[-1]
            found[-1] = (name, f"{value} {line.strip()}"[:_MAX_VALUE])
    return found


def status_in_prose(text: str) -> str | None:
    """The part of a notice that quotes delivery-status fields (WorkMail, XWall, forwarded reports), dedented."""
    match = _PROSE_START.search(text)
    if not match:
        return None
    # Fields of the same block may stand above the one that names the recipient.
    start = text.rfind("\n\n", 0, match.start())
    lines = text[max(start, 0) :].split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if _PROSE_START.match(line)), default=0)
    return "\n".join(line[indent:] if line[:indent].isspace() else line for line in lines)


def all_values(text: str, name: str) -> list[str]:
    """Every value of one field in a block of fields, in order (RFC 5965 allows some to repeat)."""
    return [value for key, value in _unfolded(text) if key == name and value]
