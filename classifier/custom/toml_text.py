"""A document as TOML text: the standard library reads TOML and writes none, and stored taxonomies are for people to read."""

import json
from collections.abc import Mapping
from typing import Any


def toml_of(document: Mapping[str, Any]) -> str:
    """Return a draft's document (`draft.to_document`) as TOML."""
    lines = [_line(key, value) for key, value in document.items() if key != "category"]
    for entry in document["category"]:
        lines += ["", "[[category]]", *(_line(key, value) for key, value in entry.items())]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    if isinstance(value, list):
        inside = "".join(f"    {_scalar(item)},\n" for item in value)
        return f"{key} = [\n{inside}]"
    return f"{key} = {_scalar(value)}"


def _scalar(value: Any) -> str:
    # JSON's escapes are TOML's, but for DEL, and for surrogates, which JSON text may not hold unescaped anyway.
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
