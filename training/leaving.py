"""Whose labels a run leaves out, as if they had never been given."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """Labels that a run leaves out.

    Attributes:
        sources: Where they came from: "http", "console", "cli", "import".
        who: Who gave them, as the store names people.
    """

    sources: tuple[str, ...] = ()
    who: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sources or self.who)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    def also(self, document: Mapping[str, Any]) -> "Leaving":
        """Return it together with what another run left out, as JSON has it."""
        return Leaving(
            sources=tuple(dict.fromkeys([*self.sources, *document.get("sources", ())])),
            who=tuple(dict.fromkeys([*self.who, *document.get("who", ())])),
        )
