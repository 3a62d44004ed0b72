"""The words for people, indexed: which lines speak about a recipient, and which of them say why.

Forty mail systems phrase a notice in forty ways, but all place the reason near the recipient, quote the remote reply
where there was one, and wrap both in sentences that never change. So paragraphs are weighed, not parsed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from classifier.parse.addresses import find_addresses
from classifier.parse.paragraphs import TELLING, Paragraph, essence_of, introduces, paragraphs_of, weight_of

# How many paragraphs a reason may stand away from its recipient.
_REACH = 8


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as paragraphs.

    Attributes:
        paragraphs: In order.
        places: Address in lower case to the paragraph that is about it.
        general: The reason for recipients that the notice does not mention.
    """

    paragraphs: Sequence[Paragraph]
    places: dict[str, int]
    general: str

    @classmethod
    def read(cls, text: str) -> "Notice":
        """Split and weigh a text once, so that a report on a thousand recipients stays cheap."""
        paragraphs = paragraphs_of(text.split("\n"))
        places: dict[str, int] = {}
        under, announced = "", 0.0
        for index, paragraph in enumerate(paragraphs):
            under = paragraph.owner or under
            paragraph.under, paragraph.announced = under, announced
            paragraph.addresses = frozenset(address.lower() for address in find_addresses("\n".join(paragraph.lines)))
            paragraph.words = essence_of(paragraph)
            paragraph.weight = weight_of(paragraph)
            announced = introduces(paragraph.lines[-1]) or (0.0 if paragraph.words else announced)
            for address in paragraph.addresses:
                if address not in places or (
                    paragraph.owner == address and paragraphs[places[address]].owner != address
                ):
                    places[address] = index
        return cls(paragraphs, places, _heaviest((p.words, _general_weight(p, i)) for i, p in enumerate(paragraphs)))

    def owners(self) -> list[str]:
        """Addresses that begin a paragraph, as written, in order."""
        found: dict[str, str] = {}
        for paragraph in self.paragraphs:
            if paragraph.owner:
                for address in find_addresses(paragraph.lines[0]):
                    if address.lower() == paragraph.owner:
                        found.setdefault(paragraph.owner, address)
        return list(found.values())

    def reason(self, recipient: str | None) -> str:
        """The paragraph that best explains what happened to a recipient, folded; empty if none does."""
        wanted = (recipient or "").lower()
        place = self.places.get(wanted)
        if place is None:
            return self.general
        near = range(max(0, place - _REACH), min(len(self.paragraphs), place + _REACH + 1))
        return _heaviest((self.paragraphs[index].words, self._weight(index, place, wanted)) for index in near)

    def _weight(self, index: int, place: int, recipient: str) -> float:
        """Weight of a paragraph for one recipient, who stands at `place`."""
        paragraph = self.paragraphs[index]
        weight = paragraph.weight
        if weight <= 0:
            return 0.0
        if recipient in paragraph.addresses:
            weight += 3.0 if weight >= TELLING else 0.5
        elif paragraph.owner:
            return 0.0
        if paragraph.under and paragraph.under != recipient and self.paragraphs[place].owner == recipient:
            weight -= 4.0  # it stands below somebody else
        return weight - (index - place) * 0.5 if index >= place else weight - (place - index) * 0.9


def _general_weight(paragraph: Paragraph, index: int) -> float:
    """Weight of a paragraph for nobody in particular; one about a named recipient is none."""
    return 0.0 if paragraph.owner else paragraph.weight - index * 0.01


def _heaviest(candidates: Iterable[tuple[str, float]]) -> str:
    """The heaviest words, the first of equals; empty if nothing weighs anything."""
    best, best_weight = "", 0.0
    for words, weight in candidates:
        if weight > best_weight:
            best, best_weight = words, weight
    return best
