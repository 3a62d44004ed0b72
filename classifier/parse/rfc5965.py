"""Complaints: abuse reports in ARF (RFC 5965), and the looser forms of some feedback loops.

Seen in the wild: no Original-Rcpt-To because the provider redacts it (Hotmail, Yahoo: then the returned message's own
headers must tell), Removal-Recipient (AOL, Cloudmark), the report type declared but the part sent as plain text,
and Hotmail's X-HmXmrOriginalRecipient on a bare forward of the message.
"""

from classifier.domain import Failure, Kind
from classifier.parse.addresses import clean_address, find_addresses
from classifier.parse.fields import all_values
from classifier.parse.mail import Mail
from classifier.parse.replies import fold

NAME = "rfc5965"
_RECIPIENT_FIELDS = ("original-rcpt-to", "removal-recipient", "redacted-address")


def read(mail: Mail) -> list[Failure]:
    """One entry for each Original-Rcpt-To, else one for whom the returned message was meant."""
    report = mail.feedback or _loose_report(mail)
    if not report:
        return []
    reporting = next(iter(all_values(report, "reporting-mta")), "").rpartition(";")[2].strip() or None
    words = _words(report)
    return [
        Failure(kind=Kind.FEEDBACK_REPORT, recipient=who, diagnostic=words, reporting_mta=reporting, dialect=NAME)
        for who in _recipients(mail, report)
    ]


def _loose_report(mail: Mail) -> str:
    """A complaint that is no ARF, as text; empty if this is no complaint."""
    if "x-hmxmroriginalrecipient" in mail.headers:
        return f"Feedback-Type: abuse\nOriginal-Rcpt-To: {mail.headers.get('x-hmxmroriginalrecipient')}\n"
    if "x-hmxmroriginalrecipient" in mail.original:
        return f"Feedback-Type: abuse\nOriginal-Rcpt-To: {mail.original.get('x-hmxmroriginalrecipient')}\n"
    if all_values(mail.text[:5_000], "feedback-type"):
        return mail.text
    if "x-apple-unsubscribe" in mail.headers:  # Apple Mail's button writes to the List-Unsubscribe address
        return f"Feedback-Type: opt-out\nOriginal-Rcpt-To: {mail.sender}\n"
    declared = mail.headers.get("content-type").lower()
    if (
        "report-type=feedback-report" in declared.replace('"', "")
        or "complaint about message from" in mail.subject.lower()
    ):
        return "Feedback-Type: abuse\n"
    return ""


def _recipients(mail: Mail, report: str) -> list[str | None]:
    """Whom the complaint comes from."""
    for name in _RECIPIENT_FIELDS:
        named = [address for value in all_values(report, name) if (address := clean_address(value))]
        if named:
            return list(dict.fromkeys(named))
    for name in ("x-hmxmroriginalrecipient", "x-original-to", "delivered-to", "to"):
        shown = find_addresses(mail.original.get(name)[:2_000])
        if shown:
            return [shown[0]]
    return [None]


def _words(report: str) -> str:
    """The report's own statement, short: its type and who reports."""
    pairs = ((name, next(iter(all_values(report, name)), "")) for name in ("feedback-type", "user-agent"))
    return fold("; ".join(f"{name}: {value}" for name, value in pairs if value))
