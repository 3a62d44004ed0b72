"""One JSON record in: the shape that the command line and HTTP share.

    {"id"?, "text", "smtp_code"?, "enhanced_code"?, "remote_mta"?}  ->  Record  ->  Failure
    {"id"?, "email_path"}                                          ->  Record

Checked by hand, once, at the border: a record costs microseconds, and its errors name the field.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from classifier.crosswalks import crosswalk
from classifier.domain import Failure, Kind
from classifier.errors import InvalidInput, MessageTooLarge
from classifier.normalise import cut
from classifier.parse.replies import find_enhanced_code, find_smtp_code

MAX_TEXT_CHARACTERS = 100_000
"""A record's text beyond this is refused; up to it, what does not fit the model is cut (`normalise`)."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PLAIN = re.compile(r"[a-z_]{1,40}")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_FIELDS = frozenset(
    {"id", "text", "smtp_code", "enhanced_code", "remote_mta", "email_path", "taxonomy", "vocabulary", "explain"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One input, as its sender named it.

    Attributes:
        id: The sender's own name for it, returned unchanged; None if it gave none.
        failure: What it reports; None where `email_path` names an email to be read.
        email_path: Path of a raw email, from the command line's records only.
        explain: Whether the evidence is wanted as well.
        vocabulary: Name of the crosswalk that the answer is wanted in; None for none.
        taxonomy: Name of the taxonomy that the answer is wanted under; None for the caller's default.
    """

    id: str | int | None
    failure: Failure | None
    email_path: str | None = None
    explain: bool = False
    vocabulary: str | None = None
    taxonomy: str | None = None


def read_record(document: Any, *, paths_allowed: bool = False, vocabulary: str | None = None) -> Record:
    """Check one decoded JSON record.

    Args:
        document: What the JSON held.
        paths_allowed: Whether `email_path` may name a file; never from the network.
        vocabulary: The crosswalk for a record that names none.

    Raises:
        InvalidInput: The record is not of the documented form; the message names the field.
        MessageTooLarge: The text is longer than `MAX_TEXT_CHARACTERS`.
        UnknownVocabulary: There is no crosswalk of that name.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput("a record must be a JSON object")
    if unknown := set(document) - _FIELDS:
        # A name that is no plain word may be an address: it is not repeated.
        plain = sorted(name for name in unknown if _PLAIN.fullmatch(name))
        raise InvalidInput(f"unknown field: {', '.join(plain)[:100] or '(not a plain name)'}")
    identity = document.get("id")
    if not isinstance(identity, str | int | None) or isinstance(identity, bool):
        raise InvalidInput("id: must be a string or a whole number")
    if isinstance(identity, str) and (len(identity) > 1_000 or not is_text(identity)):
        raise InvalidInput("id: longer than 1,000 characters, or no valid Unicode")
    explain = document.get("explain", False)
    if not isinstance(explain, bool):
        raise InvalidInput("explain: must be true or false")
    wanted = vocabulary if document.get("vocabulary") is None else document["vocabulary"]
    if wanted is not None:
        if not isinstance(wanted, str):
            raise InvalidInput("vocabulary: must be a string")
        crosswalk(wanted)
    taxonomy = document.get("taxonomy")
    if taxonomy is not None and not isinstance(taxonomy, str):
        raise InvalidInput("taxonomy: must be a string")
    path = document.get("email_path")
    if path is not None:
        if not paths_allowed:
            raise InvalidInput("email_path: only the command line reads files; send the email to /v1/reports")
        if not isinstance(path, str) or "text" in document:
            raise InvalidInput("email_path: must be a string, and no text beside it")
        return Record(id=identity, failure=None, email_path=path, explain=explain, vocabulary=wanted, taxonomy=taxonomy)
    return Record(id=identity, failure=_failure(document), explain=explain, vocabulary=wanted, taxonomy=taxonomy)


def is_text(value: str) -> bool:
    """Whether a string is Unicode that can be written: JSON may smuggle in half of a surrogate pair."""
    return value.isascii() or not _SURROGATE.search(value)


def _failure(document: Mapping[str, Any]) -> Failure:
    text = document.get("text")
    if not isinstance(text, str):
        raise InvalidInput("text: is missing or is not a string")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise MessageTooLarge(f"text: longer than {MAX_TEXT_CHARACTERS} characters")
    text = cut(text if is_text(text) else text.encode("utf-8", "replace").decode())
    smtp_code = document.get("smtp_code")
    if smtp_code is not None and (
        isinstance(smtp_code, bool) or not isinstance(smtp_code, int) or not 200 <= smtp_code <= 599
    ):
        raise InvalidInput("smtp_code: must be a whole number from 200 to 599")
    enhanced = document.get("enhanced_code")
    if enhanced is not None and not (isinstance(enhanced, str) and _ENHANCED.fullmatch(enhanced)):
        raise InvalidInput('enhanced_code: must be a string such as "5.1.1"')
    remote_mta = document.get("remote_mta")
    if remote_mta is not None and not (isinstance(remote_mta, str) and len(remote_mta) <= 255 and is_text(remote_mta)):
        raise InvalidInput("remote_mta: must be a string of at most 255 characters")
    return Failure(
        kind=Kind.FAILURE,
        diagnostic=text,
        smtp_code=smtp_code if smtp_code is not None else find_smtp_code(text),
        enhanced_code=enhanced if enhanced is not None else find_enhanced_code(text),
        remote_mta=remote_mta,
    )
