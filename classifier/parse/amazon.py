"""Amazon SES notifications that arrive by email through SNS: JSON in the body, bare or inside `Message`.

Seen in the wild: line breaks inserted inside JSON strings by the 998-octet rule, and a footer after the object. Fields
`action`, `status` and `diagnosticCode` are optional; one notification may name many recipients.
"""

import json
from collections.abc import Mapping
from typing import Any

from classifier.domain import Failure, Kind
from classifier.parse.addresses import clean_address
from classifier.parse.mail import Mail
from classifier.parse.replies import clean_diagnostic, enhanced_code, find_smtp_code, fold

NAME = "amazon"
_DECODER = json.JSONDecoder(strict=False)  # line breaks inside strings


def read(mail: Mail) -> list[Failure]:
    """One entry for each recipient of a bounce, complaint or delivery notification."""
    if "otificationType" not in mail.text and "eventType" not in mail.text:
        return []
    event = _object(mail.text)
    if isinstance(event.get("Message"), str):
        event = _object(event["Message"])
    kind = str(event.get("notificationType") or event.get("eventType") or "").lower()
    details = event.get(kind)
    if not isinstance(details, dict):
        return []
    if kind == "bounce":
        return [_bounced(details, entry) for entry in _entries(details, "bouncedRecipients")]
    if kind == "complaint":
        words = fold(str(details.get("complaintFeedbackType") or "complaint"))
        who = [_address(entry) for entry in _entries(details, "complainedRecipients")]
        return [
            Failure(kind=Kind.FEEDBACK_REPORT, recipient=address, diagnostic=words, dialect=NAME) for address in who
        ]
    if kind == "delivery" and isinstance(details.get("recipients"), list):
        return [_delivered(details, name) for name in details["recipients"][:1_000] if isinstance(name, str)]
    return []


def _delivered(details: Mapping[str, Any], name: str) -> Failure:
    """One recipient whose server took the message."""
    words = fold(str(details.get("smtpResponse") or ""))
    return Failure(
        kind=Kind.DELIVERED,
        recipient=clean_address(name),
        diagnostic=words,
        smtp_code=find_smtp_code(words),
        enhanced_code=enhanced_code(words, ""),
        dialect=NAME,
    )


def _object(text: str) -> Mapping[str, Any]:
    """First JSON object in a text; empty if there is none."""
    start = text.find("{")
    if start < 0:
        return {}
    try:
        value, _ = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _entries(details: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Recipients of an event, at most a thousand."""
    entries = details.get(name)
    return [entry for entry in entries[:1_000] if isinstance(entry, dict)] if isinstance(entries, list) else []


def _address(entry: Mapping[str, Any]) -> str | None:
    """Address of one recipient."""
    return clean_address(str(entry.get("emailAddress") or ""))


def _bounced(details: Mapping[str, Any], entry: Mapping[str, Any]) -> Failure:
    """One bounced recipient; a subtype such as MailboxFull stands in for a missing diagnostic."""
    words = clean_diagnostic(str(entry.get("diagnosticCode") or ""))
    words = words or fold(f"{details.get('bounceType') or ''} {details.get('bounceSubType') or ''}")
    action = fold(str(entry.get("action") or "").lower())[:40] or None
    return Failure(
        kind=Kind.DELAYED if action == "delayed" else Kind.FAILURE,
        recipient=_address(entry),
        diagnostic=words,
        smtp_code=find_smtp_code(words),
        enhanced_code=enhanced_code(words, str(entry.get("status") or "")),
        action=action,
        reporting_mta=fold(str(details.get("reportingMTA") or "").rpartition(";")[2])[:255] or None,
        dialect=NAME,
    )
