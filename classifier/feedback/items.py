"""One piece of feedback in: the shape that HTTP and the command line share.

    {"text" | "template_id" | "request_id", "category", "taxonomy"?, "note"?, "by"?, "expires_in_days"?, "id"?}  ->  Item

A text may come with the fields that a record has beside it. Nothing of an address is kept: a text becomes a template, and
a note is masked as a text is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from classifier.domain import Failure
from classifier.errors import InvalidInput, MessageTooLarge
from classifier.normalise import normalise
from classifier.record import is_text, read_record
from classifier.request_ids import TEMPLATE_ID, read_request_id

MAX_NOTE_CHARACTERS = 500
MAX_PIN_DAYS = 3_650
_NAMED = ("text", "template_id", "request_id")
_BESIDE_TEXT = ("smtp_code", "enhanced_code", "remote_mta")
_FIELDS = frozenset({*_NAMED, *_BESIDE_TEXT, "category", "taxonomy", "note", "by", "expires_in_days", "id"})
_CATEGORY = re.compile(r"[a-z][a-z0-9_]{1,47}")
_PERSON = re.compile(r"[^\W_][\w .'-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What somebody says of one template.

    Attributes:
        id: The sender's own name for it, returned unchanged; None if it gave none.
        failure: A failure of that template; None where the id names it.
        template_id: The template's id; None where a text was sent.
        taxonomy: Name of the taxonomy that the category is of; None for the giver's default.
        category: What the answer should be.
        note: Why, in a person's words, masked, at most `MAX_NOTE_CHARACTERS`.
        by: Name that the giver goes by; a claim.
        expires_in_days: For how long it is to hold at once, 1 to `MAX_PIN_DAYS`; None for the default.
    """

    id: str | int | None
    failure: Failure | None
    template_id: str | None
    taxonomy: str | None
    category: str
    note: str | None = None
    by: str | None = None
    expires_in_days: int | None = None


def read_item(document: Any) -> Item:
    """Check one decoded JSON object.

    Raises:
        InvalidInput: It is not of the documented form; the message names the field.
        MessageTooLarge: The text is longer than a record's may be.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("feedback must be a JSON object")
    if set(document) - _FIELDS:
        raise InvalidInput(f"unknown field; there are {', '.join(sorted(_FIELDS))}")
    given = [name for name in _NAMED if document.get(name) is not None]
    if len(given) != 1:
        raise InvalidInput("exactly one of text, template_id and request_id is needed")
    category = document.get("category")
    if not isinstance(category, str) or not _CATEGORY.fullmatch(category):
        raise InvalidInput("category: is missing or is no category's id")
    template, named = _template(document, given[0])
    record = read_record({k: v for k, v in document.items() if k in ("id", "taxonomy", *_BESIDE_TEXT)} | {"text": ""})
    return Item(
        id=record.id,
        failure=_failure(document) if template is None else None,
        template_id=template,
        taxonomy=record.taxonomy if record.taxonomy is not None else named,
        category=category,
        note=_note(document.get("note")),
        by=person(document.get("by")),
        expires_in_days=_days(document.get("expires_in_days")),
    )


def _template(document: Mapping[str, Any], field: str) -> tuple[str | None, str | None]:
    """Return the template's id and the taxonomy that a request id names, where one is given."""
    value = document[field]
    if field == "text":
        return None, None
    if any(document.get(name) is not None for name in _BESIDE_TEXT):
        raise InvalidInput(f"{', '.join(_BESIDE_TEXT)}: only beside a text")
    if not isinstance(value, str):
        raise InvalidInput(f"{field}: must be a string")
    if field == "request_id":
        named = read_request_id(value)
        return named.template_id, named.taxonomy
    if not TEMPLATE_ID.fullmatch(value):
        raise InvalidInput("template_id: must be 16 hexadecimal digits")
    return value, None


def _failure(document: Mapping[str, Any]) -> Failure:
    failure = read_record({k: v for k, v in document.items() if k in ("text", *_BESIDE_TEXT)}).failure
    if failure is None or not failure.diagnostic.strip():
        raise InvalidInput("text: is empty")
    return failure


def _note(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not is_text(value):
        raise InvalidInput("note: must be a string")
    if len(value) > MAX_NOTE_CHARACTERS:
        raise MessageTooLarge(f"note: longer than {MAX_NOTE_CHARACTERS} characters")
    # Placeholders may be longer than what they mask.
    return normalise(value)[:MAX_NOTE_CHARACTERS] or None


def person(value: Any) -> str | None:
    """Return a name that somebody goes by.

    Raises:
        InvalidInput: It is no name; an address is none.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not _PERSON.fullmatch(value):
        raise InvalidInput("by: must be a name of letters, digits, blanks, . - ' and _, at most 60, and no address")
    return value


def _days(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PIN_DAYS:
        raise InvalidInput(f"expires_in_days: must be a whole number from 1 to {MAX_PIN_DAYS}")
    return value
