"""Who asks, and under which taxonomy: API keys, where any are configured."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from classifier.custom.draft import STANDARD
from classifier.errors import TaxonomyNotFound, Unauthorized

EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What one request may use.

    Attributes:
        default: Taxonomy of a record that names none; None for the standard one.
        only: The one taxonomy beside the standard one that may be used; None for all of them.
    """

    default: str | None = None
    only: str | None = None

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
        return self if name is None else Caller(default=self.allowed(name), only=self.only)


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
    return OPEN if found == EVERY else Caller(default=None if found == STANDARD else found, only=found)
