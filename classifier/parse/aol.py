"""AOL's "Mail Delivery Problem": recipients are screen names, without a domain.

Seen in the wild: one or more names alone on indented lines after "could not be delivered because ...:", the domain
implied by the From address of the daemon that wrote it.
"""

import re

from classifier.domain import Failure
from classifier.parse.findings import found
from classifier.parse.mail import Mail
from classifier.parse.replies import fold

NAME = "aol"
_OPENING = re.compile(r"your mail to the following recipients? could not be delivered([^:]{0,300}):", re.IGNORECASE)
_SCREEN_NAME = re.compile(r"^[ \t]+([A-Za-z0-9._-]{2,40})[ \t]*$", re.MULTILINE)


def read(mail: Mail) -> list[Failure]:
    """One entry for each screen name."""
    opening = _OPENING.search(mail.text)
    if not opening or not mail.sender.lower().endswith("aol.com"):
        return []
    domain = mail.sender.rpartition("@")[2].lower()
    names = _SCREEN_NAME.findall(mail.text[opening.end() : opening.end() + 4_000])
    reason = fold(opening[0].rstrip(":"))
    return [found(mail, f"{name}@{domain}", NAME, diagnostic=reason) for name in dict.fromkeys(names)]
