"""Sendmail's prose, from before it wrote delivery-status, and the many that copied its sections.

Seen in the wild: "----- The following addresses had permanent fatal errors -----" with the recipients, "(reason: 550
...)" or "(expanded from: ...)" under each; "----- Transcript of session follows -----" with `>>>`, `<<<` and
"550 <a@b>... User unknown"; version 5 with the transcript alone; Active!hunter, X1 and BIGLOBE with their own headings.
Local users stand without a domain there.
"""

import re

from classifier.domain import Failure
from classifier.parse.addresses import find_addresses
from classifier.parse.findings import found, plausible
from classifier.parse.mail import Mail
from classifier.parse.replies import fold

NAME = "sendmail"
_SECTION = re.compile(
    r"^[ \t]*-{3,}\s?(?:The|Failed|Addresses).{0,40}(?:addresses|recipients).{0,60}-{3,}[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_ANY_SECTION = re.compile(r"^[ \t]*-{3,}.{3,70}-{3,}[ \t]*$", re.MULTILINE)
_TRANSCRIPT = re.compile(
    r"^[ \t]*-{3,}\s?(?:Transcript of session|Session transcript|Reason for failure)", re.IGNORECASE | re.MULTILINE
)
_REASON = re.compile(r"\(reason:\s*([^\n]{1,1000}(?:\n[ \t]+[^\n(]{1,400}){0,5})\)?", re.IGNORECASE)
_REFUSAL = re.compile(r"^(?:[45][0-9]{2}[ -]|\S{1,200}\.\.\. ?\S|[\w.-]{1,40}: .{0,80}(?:user|unknown))", re.IGNORECASE)


def read(mail: Mail) -> list[Failure]:
    """One entry for each listed recipient, else one for each that the transcript refuses."""
    section = _SECTION.search(mail.text)
    transcript = _TRANSCRIPT.search(mail.text)
    if not section and not transcript:
        return []
    listed = _listed(mail.text, section)
    session = _until_next(mail.text, transcript) if transcript else ""
    recipients = plausible(mail, listed or find_addresses(session))
    if not recipients:
        return []
    return [_entry(mail, recipient, session) for recipient in recipients[:200]]


def _listed(text: str, section: re.Match[str] | None) -> list[str]:
    """Addresses that begin lines of the recipients' section, "(expanded from: ...)" left out."""
    if not section:
        return []
    lines = (line for line in _until_next(text, section).split("\n") if not line.lstrip().startswith("("))
    return [address for line in lines for address in find_addresses(line)[:1]]


def _until_next(text: str, section: re.Match[str]) -> str:
    """A section's body."""
    following = _ANY_SECTION.search(text, section.end() + 1)
    return text[section.end() : following.start() if following else len(text)]


def _entry(mail: Mail, recipient: str, session: str) -> Failure:
    """The reason under the recipient, else the reply in the session, else what the session says about it."""
    at = mail.text.find(recipient)
    reason = _REASON.search(mail.text, at, at + 1_500) if at >= 0 else None
    words = _unwrapped(reason[1]) if reason else mail.session.refusal(recipient) or _refusal(session, recipient)
    return found(mail, recipient, NAME, diagnostic=words or None)


def _unwrapped(reason: str) -> str:
    """Words of "(reason: ...)" without the closing bracket."""
    words = fold(reason)
    return words[:-1] if words.count(")") > words.count("(") else words


def _refusal(session: str, recipient: str) -> str:
    """Lines such as `550 <a@b>... User unknown`, those about this recipient if any are."""
    lines = [line.strip() for line in session.split("\n")]
    lines = [line for line in lines if _REFUSAL.match(line) and not line.startswith("... while")]
    own = [line for line in lines if recipient.lower() in line.lower()]
    return fold(" ".join(own or lines))
