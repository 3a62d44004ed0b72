"""What people write into the store, without addresses: notes, reasons, their own names."""

import hashlib

from classifier.normalise import MAX_TEXT, normalise, shorten

MOST_REASON = 300
"""Characters of a reason for setting or removing a pin."""


def masked(text: str | None, size: int) -> str | None:
    """Return a note with everything masked that a template would mask, cut to `size` characters."""
    return None if text is None else normalise(shorten(text, MAX_TEXT))[:size]


def person(who: str) -> str:
    """Return how a person is named in the store: as given; by a digest where the name is an address.

    Two people stay two, and one stays one, so that agreement and limits still count people.
    """
    if "@" not in who and len(who) <= 80:
        return who
    kind = who.partition(":")[0] if who.startswith(("by:", "key:")) else "by"
    return f"{kind}:#{hashlib.sha256(who.encode()).hexdigest()[:12]}"
