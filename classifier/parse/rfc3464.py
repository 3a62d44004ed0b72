"""Delivery status notifications (RFC 3464; RFC 6533 for internationalised addresses).

Seen in the wild: the report inside multipart/mixed (OpenSMTPD), its fields quoted in prose only (WorkMail, XWall,
forwarded reports), `Action: error` and `Action: failure`, no Status at all (Haraka), Status 5.0.0 for everything (Exim,
OpenSMTPD), Status 4.x.x with a final Action (Postfix, after its queue lifetime), a Diagnostic-Code only where a remote
server replied (Exim) or never (OpenSMTPD). So Action alone decides between final and delayed, and the words for
people supply the reason that the fields leave out.
"""

import re
from collections.abc import Mapping

from classifier.domain import Failure, Kind
from classifier.parse.addresses import clean_address
from classifier.parse.fields import StatusFields, read_status, status_in_prose
from classifier.parse.findings import explain, kind_of
from classifier.parse.mail import Mail
from classifier.parse.plain import find_recipients
from classifier.parse.replies import clean_diagnostic, enhanced_code, find_smtp_code, fold, quotes_reply, says_nothing

NAME = "rfc3464"
_KINDS = (
    (("fail", "error", "perm", "bounce", "reject", "undeliver"), Kind.FAILURE),
    (("delay", "defer", "warn", "temp", "retr"), Kind.DELAYED),
    (("deliver",), Kind.DELIVERED),
    (("relay",), Kind.RELAYED),
    (("expand",), Kind.EXPANDED),
)
# Where one recipient is reported twice (Exim repeats warnings, sendmail both), the graver report counts.
_GRAVITY = {Kind.FAILURE: 3, Kind.DELAYED: 2}
_HOST = re.compile(r"^\s*(?:[\w-]{1,20}\s*;)?\s*(.{1,255}?)\s*$")
_FIRST_LINE_ONLY = re.compile(r"([45][0-9]{2})-(?:(?!\b\1 ).)*")
_STATUS_COMMENT = re.compile(r"\(([^)]{4,400})\)")
# The final-by-expiry codes say nothing of the cause, nor does the general class.
_EXPIRED = re.compile(
    r"retry time(?:out)?|delivery time expired|message expired|unable to deliver|delivery expired", re.IGNORECASE
)


def read(mail: Mail) -> list[Failure]:
    """One entry for each recipient of every delivery-status text."""
    texts = [text for text in mail.statuses if text.strip()]
    prose = None if texts else status_in_prose(mail.text)
    entries: list[Failure] = []
    for text in [*texts, *([prose] if prose else [])]:
        status = read_status(text)
        entries += [_entry(mail, status, group) for group in status.recipients]
    return _merged([entry for entry in entries if entry.recipient or entry.diagnostic or entry.action])


def _entry(mail: Mail, status: StatusFields, group: Mapping[str, str]) -> Failure:
    """Read one recipient's fields."""
    final = clean_address(group.get("final-recipient", ""))
    original = clean_address(group.get("original-recipient", ""))
    actual = clean_address(group.get("x-actual-recipient", ""))
    recipient = final or original or actual or _only_recipient(mail, status)
    action = (group.get("action", "").split() or [""])[0].strip(";,.()").lower()[:40]
    kind = _kind(mail, action)
    diagnostic = clean_diagnostic(group.get("diagnostic-code", ""))
    if kind in _GRAVITY:
        diagnostic = _diagnostic(mail, recipient, diagnostic, group.get("status", ""))
    return Failure(
        kind=kind,
        recipient=recipient,
        diagnostic=diagnostic,
        smtp_code=find_smtp_code(diagnostic) or find_smtp_code(clean_diagnostic(group.get("diagnostic-code", ""))),
        enhanced_code=enhanced_code(diagnostic, group.get("status", "")),
        action=action or None,
        remote_mta=_host(group.get("remote-mta", "")),
        reporting_mta=_host(group.get("reporting-mta", "") or status.message.get("reporting-mta", "")),
        original_recipient=original if original and recipient and original.lower() != recipient.lower() else None,
        dialect=NAME,
    )


def _only_recipient(mail: Mail, status: StatusFields) -> str | None:
    """Who is meant where the field names a file, a program or a bare domain, and the report is on one recipient."""
    if len(status.recipients) != 1:
        return None
    return next(iter(find_recipients(mail)), None)


def _kind(mail: Mail, action: str) -> Kind:
    """Map Action (RFC 3464, 2.3.3); the words for people decide where it is missing or made up."""
    for beginnings, kind in _KINDS:
        if action.startswith(beginnings):
            return kind
    return kind_of(mail)


def _diagnostic(mail: Mail, recipient: str | None, words: str, status: str) -> str:
    """The field's words, or those of the notice where the field has none or is vaguer."""
    if _FIRST_LINE_ONLY.fullmatch(words):
        words = _completed(words, mail.session.refusal(recipient))
    if words and quotes_reply(words) and not says_nothing(words):
        return words
    told = explain(mail, recipient)
    if says_nothing(words):
        match = _STATUS_COMMENT.search(status)
        comment = fold(match[1]) if match else ""
        # Haraka: "5.1.2 (550 Tried all MXs)"; others only repeat what the code means.
        return comment if quotes_reply(comment) and not quotes_reply(told) else told or comment or words
    # Both speak: only a quoted remote reply outweighs the field.
    return told if quotes_reply(told) and _EXPIRED.search(words) else words


def _completed(first: str, reply: str) -> str:
    """The whole reply from the transcript, where the field kept its first line only, as Sendmail does."""
    return reply if reply.startswith(first[:40]) else first


def _host(value: str) -> str | None:
    """Host name without its type prefix (`dns; mx.example`)."""
    match = _HOST.match(value[:300])
    host = match[1].strip().rstrip(".") if match else ""
    return host or None


def _merged(entries: list[Failure]) -> list[Failure]:
    """One entry for each recipient; the graver of two, the first of equals."""
    chosen: dict[str, Failure] = {}
    for number, entry in enumerate(entries):
        key = entry.recipient.lower() if entry.recipient else f"#{number}"
        before = chosen.get(key)
        if before is None or _GRAVITY.get(entry.kind, 1) > _GRAVITY.get(before.kind, 1):
            chosen[key] = entry
    return list(chosen.values())
