"""What every dialect reader hands back, and the one place that turns words into a Failure."""

import re
from collections.abc import Callable, Sequence

from classifier.domain import Failure, Kind
from classifier.parse.addresses import find_addresses, is_daemon
from classifier.parse.mail import Mail
from classifier.parse.phrases import GAVE_UP, WARNING
from classifier.parse.replies import enhanced_code, find_smtp_code, fold, quotes_reply, says_nothing

_ARROWS = re.compile(r"<<<|>>>|<--|-->")

# A reader returns nothing where the email is not of its dialect.
Reader = Callable[[Mail], Sequence[Failure]]


def found(
    mail: Mail,
    recipient: str | None,
    dialect: str,
    *,
    kind: Kind | None = None,
    diagnostic: str | None = None,
    status: str = "",
) -> Failure:
    """Build the entry of one recipient from a text notice; the reason is looked up unless given."""
    words = fold(diagnostic) if diagnostic is not None else explain(mail, recipient)
    return Failure(
        kind=kind or kind_of(mail),
        recipient=recipient,
        diagnostic=words,
        smtp_code=find_smtp_code(words),
        enhanced_code=enhanced_code(words, status),
        dialect=dialect,
    )


def explain(mail: Mail, recipient: str | None) -> str:
    """The reason that the words for people give: a paragraph near the recipient, or the quoted session."""
    reason = mail.notice.reason(recipient)
    reply = mail.session.refusal(recipient)
    if reply and (not quotes_reply(reason) or _ARROWS.search(reason)):
        return reply
    if reason and (not says_nothing(reason) or not reply):
        return reason
    return reply


def kind_of(mail: Mail) -> Kind:
    """Whether a notice without an Action field warns of a delay or reports the end."""
    words = f"{mail.subject}\n{mail.text[:4_000]}"
    if WARNING.search(words) and not GAVE_UP.search(words):
        return Kind.DELAYED
    return Kind.FAILURE


def plausible(mail: Mail, addresses: Sequence[str]) -> list[str]:
    """Drop repeats, the reporting daemon, and the addressee of the report, who is the original sender."""
    own = {mail.sender.lower(), *(address.lower() for address in addressees(mail))}
    unique = {address.lower(): address for address in reversed(addresses)}
    kept = [address for key, address in unique.items() if key not in own and not is_daemon(address)]
    return kept[::-1]


def addressees(mail: Mail) -> list[str]:
    """Addresses that the report itself was sent to."""
    return find_addresses(mail.headers.get("to")[:2_000])
