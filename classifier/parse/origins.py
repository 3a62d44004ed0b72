"""Who wrote a notice in prose: the name goes into `Failure.dialect`, so that a bad reading can be traced to its kind.

The general mechanism reads them all alike, hence a table and not a reader each. First match wins.
"""

import re

from classifier.parse.mail import Mail

# Searched in the From, X-Mailer and Subject fields.
_FIELDS = (
    ("groupwise", r"groupwise"),
    ("imail", r"smtp32|imail"),
    ("m-filter", r"m-filter"),
    ("exchange", r"internet mail service|exchange"),
    ("gmail", r"mailer-daemon@google(?:mail)?\.com"),
    ("zoho", r"zoho"),
    ("interscan", r"interscan"),
    ("yahoo", r"mailer-daemon@yahoo|mailer-daemon@\S{0,60}\.yahoo"),
    ("ezweb", r"@ezweb\.ne\.jp|@\S{0,60}auone-net|dion\.ne\.jp"),
    ("mail.ru", r"mailer-daemon@\S{0,60}mail\.ru"),
    ("aol", r"mailer-daemon@aol\.com"),
)
# Searched at the beginning of the text.
_WORDS = (
    (
        "qmail",
        r"qmail-send|hi\. this is the |(?:does|did) not like (?:our )?recipient|i'm afraid i wasn't able",
    ),
    ("postfix", r"the postfix program|this is the mail system at host|i'm sorry to have to inform you"),
    ("dragonfly", r"dragonfly mail agent"),
    ("opensmtpd", r"mailer-daemon, please do not reply"),
    ("exim", r"created automatically by mail delivery software|one or more recipient addresses that were"),
    ("microsoft", r"diagnostic information for administrators|generating server:"),
    ("exchange", r"did not reach the following recipient|msexch:"),
    ("domino", r"domino|was not delivered to:\s{1,6}\S{1,200}\s{1,6}because:"),
    ("mailmarshal", r"the following recipients were affected"),
    ("mailfoundry", r"delivery failed for the following reason"),
    ("mdaemon", r"the attached message had (?:permanent|temporary)"),
    ("courier", r"this is a delivery status notification from"),
)
_BY_FIELDS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _FIELDS)
_BY_WORDS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _WORDS)


def origin_of(mail: Mail, otherwise: str) -> str:
    """Name of the software or provider that wrote the notice, or `otherwise`."""
    fields = " ".join(mail.headers.get(name)[:300] for name in ("from", "x-mailer", "subject"))
    opening = mail.text[:2_500]
    for name, pattern in _BY_FIELDS:
        if pattern.search(fields):
            return name
    return next((name for name, pattern in _BY_WORDS if pattern.search(opening)), otherwise)
