"""A name for one answer that needs no memory: whoever keeps it can say later what the answer should have been.

<template id>.<taxonomy's name>.<8 hexadecimal digits>

It holds nothing of the bounce; the digits tell two answers of one template apart in a caller's own log.
"""

import os
import re
from dataclasses import dataclass

from classifier.errors import InvalidInput
from classifier.pipeline import Answer

TEMPLATE_ID = re.compile(r"[0-9a-f]{16}")
TEMPLATE_ID_PATTERN = f"^{TEMPLATE_ID.pattern}$"
"""The same for a schema: what matches nothing else is refused before a database sees it."""
_SHAPE = re.compile(rf"({TEMPLATE_ID.pattern})\.([a-z][a-z0-9_-]{{1,47}})\.[0-9a-f]{{8}}")


@dataclass(frozen=True, slots=True)
class Named:
    """What a request id tells: a template and the name of the taxonomy that it was answered under."""

    template_id: str
    taxonomy: str


def request_id(answer: Answer) -> str:
    """Return a new name for an answer.

    Two of 2**32 that are equal by chance do no harm: the digits are never looked up.
    """
    return f"{answer.template_id}.{answer.verdict.taxonomy.partition('/')[0]}.{os.urandom(4).hex()}"


def read_request_id(value: str) -> Named:
    """Return what a request id names.

    Raises:
        InvalidInput: It is none.
    """
    found = _SHAPE.fullmatch(value)
    if not found:
        raise InvalidInput("request_id: is not one that an answer carried")
    return Named(template_id=found[1], taxonomy=found[2])
