"""Step 1: raw email to what it reports, one Failure for each recipient.

    bytes -> MIME tree -> roles (notice, report, original) -> the first dialect reader that understands it

Readers stand in order of authority: structured reports before quoted forms, these before prose. Nothing in the email
is trusted, and nothing but a breach of limits raises: what cannot be read becomes a defect.
"""

from classifier.domain import Failure, Kind, ParseLimits, Report
from classifier.parse import amazon, aol, lists, plain, rfc3464, rfc3834, rfc5965, sendmail
from classifier.parse.findings import Reader
from classifier.parse.mail import Mail, read_mail
from classifier.parse.wrapped import inner_report

__all__ = ["parse_email"]

# Most authoritative first; each module's docstring says what it has seen in the wild.
_READERS: tuple[Reader, ...] = (
    rfc5965.read,
    rfc3464.read,
    amazon.read,
    sendmail.read,
    aol.read,
    lists.read,
    rfc3834.read,
    plain.read,
)


_DEFAULT_LIMITS = ParseLimits()


def parse_email(raw: bytes, limits: ParseLimits = _DEFAULT_LIMITS) -> Report:
    """Read one email.

    Args:
        raw: The email as received, headers and body; a leading mbox separator is skipped.
        limits: Bounds on size and structure.

    Returns:
        One entry for each recipient in order of appearance; one of kind `NOT_A_BOUNCE` if nothing is reported.

    Raises:
        MessageTooLarge: The email exceeds `limits`. Nothing else is ever raised.
    """
    mail, defects = read_mail(raw, limits)
    failures = _first_reading(mail)
    if not any(failure.recipient for failure in failures) and (inner := inner_report(mail, limits)):
        failures = _first_reading(inner) or failures
    if not failures:
        failures = (Failure(kind=Kind.NOT_A_BOUNCE, recipient=None, dialect="none"),)
    return Report(failures=failures, defects=tuple(dict.fromkeys(defects)))


def _first_reading(mail: Mail) -> tuple[Failure, ...]:
    """What the first reader that understands the email says."""
    for read in _READERS:
        failures = tuple(read(mail))
        if failures:
            return failures
    return ()
