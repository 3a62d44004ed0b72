"""Notices of no known form: the general mechanism, and under it flufl.bounce as the net.

Seen in the wild: everything. Recipients are looked for where all notices put them: in X-Failed-Recipients, at the
beginning of a line, after a phrase that introduces them, in the reply itself. The original's `To` is the last resort
and only if the notice reports a failure beyond doubt.
"""

import re

from classifier.domain import Failure
from classifier.parse.addresses import ADDRESS, BRACKETED, find_addresses
from classifier.parse.findings import found, plausible
from classifier.parse.mail import Mail
from classifier.parse.net import flufl_addresses
from classifier.parse.origins import origin_of
from classifier.parse.phrases import BOUNCE_SUBJECT, DAEMON, FAILURE, NOT_DELIVERED, WARNING
from classifier.parse.replies import attributes_reply, quotes_reply

NAME = "plain"
_ADDRESS = rf"(?:{BRACKETED.pattern}|{ADDRESS.pattern})"
_INTRODUCED = re.compile(
    r"(?:deliver(?:ed|y|ing)?(?: (?:the|your|this|a))?(?: (?:message|e-?mail|mail))?(?: (?:failed|has failed|"
    r"failure))?(?: sent)? (?:to|for)"
    r"|(?:message|e-?mail|mail) (?:to|for)|addressed to|(?:unknown|invalid|no such) (?:user|recipient|address)|"
    r"user unknown|undeliverable (?:to|address)"
    r"|recipients?(?: address(?:es)?)?(?: (?:is|was|were|are|affected))?|target (?:mail )?address|"
    r"failed (?:recipients?|address(?:es)?)|rcpt to"
    r"|exceeds allowed size|\d attempts|(?:the )?(?:address|user|mailbox|account)(?: of)?|sent to|reach|"
    r"following(?: \w{1,12}){1,3})"
    rf"[\s:;'\"(=>-]{{0,12}}{_ADDRESS}",
    re.IGNORECASE,
)
_MAX_RECIPIENTS = 200
# Weights of Paragraph: words that name a failure, and a quoted reply.
_TELLING = 4.0
_SURE = 7.0


def read(mail: Mail) -> list[Failure]:
    """One entry for each recipient found, or one without a recipient where only the failure is certain."""
    if not is_bounce(mail):
        return []
    origin = origin_of(mail, NAME)
    recipients = find_recipients(mail)
    if not recipients:
        return [found(mail, None, origin)]
    return [found(mail, recipient, origin) for recipient in recipients]


def is_bounce(mail: Mail) -> bool:
    """Whether software reports a failure: by its name, an empty return path, or a subject that the text bears out."""
    if "x-failed-recipients" in mail.headers:
        return True
    subject = bool(BOUNCE_SUBJECT.search(mail.subject))
    software = not mail.sender or bool(DAEMON.search(mail.headers.get("from")[:300]))
    if software or mail.headers.get("return-path").strip() in {"<>", "<MAILER-DAEMON>"}:
        opening = mail.text[:5_000]
        return subject or bool(FAILURE.search(opening) or WARNING.search(opening)) or quotes_reply(opening)
    # Anybody may write "delivery failed" above a letter; few go on like a mail server.
    return subject and (bool(NOT_DELIVERED.search(mail.text[:2_000])) or _quotes_reply_to_somebody(mail))


def _quotes_reply_to_somebody(mail: Mail) -> bool:
    """Whether a paragraph gives a server's reply and stands by an address."""
    near = (p for p in mail.notice.paragraphs if p.weight >= _SURE and (p.under or p.addresses))
    return any(attributes_reply(p.words) for p in near)


def find_recipients(mail: Mail) -> list[str]:
    """Addresses that the failure is about, from the surest source that has any."""
    for source in _SOURCES:
        addresses = plausible(mail, source(mail))
        if addresses:
            return addresses[:_MAX_RECIPIENTS]
    # Mail to oneself, and mail to a postmaster: then the address that was left out above is the right one.
    for source in _SOURCES[:3]:
        named = [address for address in source(mail) if address.lower() != mail.sender.lower()]
        if named:
            return list(dict.fromkeys(named))[:_MAX_RECIPIENTS]
    return []


def failed_header(mail: Mail) -> list[str]:
    """X-Failed-Recipients: Exim's own, taken up by Gmail, mail.ru and others."""
    values = mail.headers.all("x-failed-recipients") + mail.headers.all("x-failed-recipient")
    named = [address for value in values for address in find_addresses(value[:20_000])]
    # An alias was expanded, or a relay changed the text: the address that the text explains is the better one.
    explained = [address for address in named if address.lower() in mail.notice.places]
    return explained or ([] if any(p.owner and p.weight >= _SURE for p in mail.notice.paragraphs) else named)


def line_beginnings(mail: Mail) -> list[str]:
    """Addresses that lines begin with."""
    return mail.notice.owners()


def introduced(mail: Mail) -> list[str]:
    """Addresses after a phrase such as "could not be delivered to"."""
    return [match[1] or match[2] for match in _INTRODUCED.finditer(mail.text)]


def in_reasons(mail: Mail) -> list[str]:
    """Addresses inside paragraphs that read like a reason."""
    ranked = [paragraph for paragraph in mail.notice.paragraphs if paragraph.weight >= _TELLING]
    return [address for paragraph in ranked for address in find_addresses(paragraph.words)]


def original_to(mail: Mail) -> list[str]:
    """Addressee of the returned message, if it had just one; not of a report that was returned."""
    if DAEMON.search(mail.original.get("from")[:300]):
        return []
    for name in ("x-envelope-to", "x-original-to", "to"):
        shown = find_addresses(mail.original.get(name)[:2_000])
        if len(shown) == 1:
            return shown
    return []


_SOURCES = (failed_header, line_beginnings, introduced, in_reasons, flufl_addresses, original_to)
