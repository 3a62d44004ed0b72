"""Who asks, and under which taxonomy: API keys, where any are configured."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace

from classifier.custom.draft import STANDARD
from classifier.errors import TaxonomyNotFound, Unauthorized

EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What one request may use.

    Attributes:
        default: Taxonomy of a record that names none; None for the standard one.
        only: The one taxonomy beside the standard one that may be used; None for all of them.
        who: The key, by the head of its digest; None where everybody is who they say.
    """

    default: str | None = None
    only: str | None = None
    who: str | None = None

    def named(self, by: str | None) -> str:
        """Return who the caller is: the key's holder, whatever name is given; without keys, whoever they say."""
        if self.who is not None:
            return self.who
        return "anonymous" if by is None else f"by:{by}"

    def chosen(self, name: str | None) -> str | None:
        """Return the taxonomy for a record that names this one, or none.

        Raises:
            TaxonomyNotFound: It is another tenant's; whether it exists is not told.
        """
        return self.allowed(name) if name is not None else self.default

    def allowed(self, name: str) -> str:
        """Return the name if the caller may use that taxonomy (errors: see `chosen`)."""
        if self.only is not None and name not in (self.only, STANDARD):
            raise TaxonomyNotFound(f"there is no taxonomy {name[:48]!r}")
        return name

    def under(self, name: str | None) -> "Caller":
        """Return the same caller with another default (errors: see `chosen`)."""
        return self if name is None else replace(self, default=self.allowed(name))


OPEN = Caller()


def read_keys(setting: str | None) -> Mapping[str, str]:
    """Return the taxonomy of each key, from "key=taxonomy, ..." (checked by Settings)."""
    pairs = [pair.strip() for pair in (setting or "").split(",") if pair.strip()]
    # A key may hold "=" itself: base64 ends in it.
    return {key: taxonomy for key, _, taxonomy in (pair.rpartition("=") for pair in pairs)}


def identify(keys: Mapping[str, str], given: str | None) -> Caller:
    """Return who asks.

    Raises:
        Unauthorized: Keys are configured, and the one given is none of them.
    """
    if not keys:
        return OPEN
    found = None
    for key, taxonomy in keys.items():
        # All are compared, each in constant time: how long it takes tells nothing of the keys.
        if hmac.compare_digest(key.encode(), (given or "").encode()):
            found = taxonomy
    if found is None:
        raise Unauthorized("send a valid key in the X-API-Key header")
    who = f"key:{hashlib.sha256((given or '').encode()).hexdigest()[:12]}"
    if found == EVERY:
        return Caller(who=who)
    return Caller(default=None if found == STANDARD else found, only=found, who=who)
