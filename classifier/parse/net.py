"""flufl.bounce, Mailman's detectors, under our own readers: addresses only, no reasons.

Its patterns were written for honest mail, some of them quadratic in the length of a line, so it sees a cut copy:
short lines and few of them. Whatever it raises is swallowed; it reports its own failures to logging, with the
stranger's text in the traceback, and that is switched off.
"""

import logging
from email import message_from_string

from flufl.bounce import all_failures

from classifier.parse.addresses import find_addresses
from classifier.parse.mail import Mail

_MAX_LINES = 400
_MAX_LINE_CHARS = 250
_HEADERS = ("From", "To", "Subject", "X-Mailer", "X-Failed-Recipients")

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


def flufl_addresses(mail: Mail) -> list[str]:
    """Addresses that flufl.bounce finds in the notice, in order of appearance there; what is no address is dropped."""
    head = "".join(f"{name}: {_line(mail.headers.get(name.lower()))}\n" for name in _HEADERS)
    body = "\n".join(line[:_MAX_LINE_CHARS] for line in mail.text.split("\n")[:_MAX_LINES])
    message = message_from_string(f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}\n")
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # third-party code on hostile input: any error means "found nothing"
        return []
    # Sets have no order; reports must not differ from run to run.
    names = sorted(address.decode("utf-8", "replace") for address in {*temporary, *permanent})
    whole = [name for name in names if find_addresses(name) == [name]]
    return sorted(whole, key=mail.text.find)


def _line(value: str) -> str:
    """A header value on one line, short."""
    return " ".join(value.split())[:_MAX_LINE_CHARS]
