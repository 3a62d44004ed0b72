"""Drafts of taxonomies as they come in: TOML or JSON, from a file or a body."""

import json
from typing import Any

from classifier.custom.draft import Draft, read_document, read_toml
from classifier.errors import InvalidInput, InvalidTaxonomy
from classifier.taxonomy import Taxonomy


def decode_draft(raw: bytes, standard: Taxonomy, *, name: str | None = None) -> tuple[Draft, str | None]:
    """Return the draft in some bytes, and its TOML as written (None for JSON). JSON begins with "{", TOML cannot.

    Raises:
        InvalidTaxonomy: It is neither, or breaks the schema; the message lists every fault with its place.
    """
    text = _text(raw)
    if text.lstrip().startswith("{"):
        return read_document(_json(text), standard, name=name), None
    return read_toml(text, standard, name=name), text


def draft_of(value: Any, standard: Taxonomy, *, name: str | None = None) -> Draft:
    """Return the draft in a decoded JSON value: an object, or a string of TOML (errors: see `decode_draft`)."""
    if isinstance(value, str):
        return read_toml(value, standard, name=name)
    return read_document(value, standard, name=name)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidTaxonomy(f"not UTF-8: {error.reason} at octet {error.start}") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidTaxonomy("not JSON, though it begins with {") from error


def whole_number(value: Any, name: str, *, least: int, most: int) -> int:
    """Return a value that must be a whole number in a range.

    Raises:
        InvalidInput: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(f"{name}: must be a whole number from {least} to {most}")
    return value
