"""Mailing list servers that refuse a post: the list is the recipient that was not reached.

Seen in the wild: fml ("You are not a member of this mailing list <list@...>", "Loop Alert"), from the list's
administrator and not from a mail daemon. A notice that a post waits for a moderator is no failure and is left alone.
"""

import re

from classifier.domain import Failure, Kind
from classifier.parse.addresses import find_addresses
from classifier.parse.findings import found, plausible
from classifier.parse.mail import Mail

NAME = "lists"
_KEEPER = re.compile(r"^[^@]{1,100}[-+.](?:admin|owner|bounces|request|ctl|help|return|managers?)@", re.IGNORECASE)
_REFUSED = re.compile(
    r"not (?:a |list )?(?:member|subscribed|allowed to post|permitted to post|authori[sz]ed to post)|only members|"
    r"members[- ]only"
    r"|(?:loop alert|duplicated message-id|post(?:ing)? (?:was |has been )?(?:rejected|refused|denied))",
    re.IGNORECASE,
)
_HELD = re.compile(r"await|moderator|being held|approval", re.IGNORECASE)


def read(mail: Mail) -> list[Failure]:
    """One entry for the list."""
    opening = f"{mail.subject}\n{mail.text[:1_500]}"
    keeper = "x-mlserver" in mail.headers or bool(_KEEPER.match(mail.sender))
    if not keeper or not _REFUSED.search(opening) or _HELD.search(opening):
        return []
    refusal = next((p.words for p in mail.notice.paragraphs if _REFUSED.search(p.words)), mail.subject)
    recipients = [
        address for address in plausible(mail, find_addresses(mail.text[:1_500])) if not _KEEPER.match(address)
    ]
    return [found(mail, next(iter(recipients), None), NAME, kind=Kind.FAILURE, diagnostic=refusal)]
