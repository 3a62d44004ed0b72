"""A report inside another message: forwarded by a person, or wrapped by a gateway that adds no words of its own.

Seen in the wild: Trend Micro's gateway with an empty list of recipients over Sendmail's whole report, Japanese
providers that put their advice above Postfix's, and "Fwd: Returned mail". Only a message by a mail daemon is opened,
and only where the outer email named no recipient: in a bounce of a bounce the outer one is the report.
"""

from classifier.domain import ParseLimits
from classifier.errors import MessageTooLarge
from classifier.parse.mail import Mail, read_mail
from classifier.parse.phrases import DAEMON


def inner_report(mail: Mail, limits: ParseLimits) -> Mail | None:
    """The enclosed message, if a mail daemon wrote it; None otherwise."""
    author = mail.original.get("from")[:300]
    if not mail.enclosed or not author or not DAEMON.search(author):
        return None
    try:
        return read_mail(mail.enclosed, limits)[0]
    except MessageTooLarge:
        # The email itself kept within the limits; a text that only looks like MIME inside is no reason to refuse it.
        return None
