"""HTML to the plain text that a reader sees: Microsoft 365 and Gmail write notices in HTML only.

Not `html.parser`: it starts anew at every tag that is left open, and 60 KB of `<a/` cost it half a minute. Here a tag
is what stands between `<` and the next `>`, which is all that notices need.
"""

import re
from html import unescape

# What a browser starts on a new line. Cells count: notices put "Remote server returned" in one, the reply in the next.
_BREAKING = frozenset(
    {"address", "article", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"}
    | {"ol", "p", "pre", "table", "td", "th", "tr", "ul"}
)
_APART = frozenset({"p", "table", "hr"})
_SILENT = frozenset({"head", "script", "style", "title"})
_TAG = re.compile(r"<([/!?]?)([A-Za-z][^\s<>/]{0,150})?([^<>]{0,4000})>")
_BLANK_LINES = re.compile(r"\n[ \t\r\f\v\n]*\n")


def html_to_text(markup: str) -> str:
    """Return the visible text of an HTML document, one line for each block element; the caller caps its size."""
    markup = _without_comments(markup)
    pieces: list[str] = []
    position, silent = 0, ""
    for tag in _TAG.finditer(markup):
        name = (tag[2] or "").lower()
        if not silent:
            pieces.append(_visible(markup[position : tag.start()]))
            pieces.append(_rendered(tag, name))
        position = tag.end()
        if silent and tag[1] == "/" and name == silent:
            silent = ""
        elif not silent and not tag[1] and name in _SILENT:
            silent = name
    if not silent:
        pieces.append(_visible(markup[position:]))
    lines = (line.strip() for line in "".join(pieces).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _visible(data: str) -> str:
    """Character data: line ends of the source mean nothing, entities mean a character."""
    return unescape(re.sub(r"\s+", " ", data))


def _rendered(tag: re.Match[str], name: str) -> str:
    """What a tag leaves in the text: a line end, nothing, or itself where it is an address left unescaped (Yahoo)."""
    if "@" in name:
        return tag[0]
    if name not in _BREAKING:
        return ""
    return "\n\n" if name in _APART and not tag[1] else "\n"


def _without_comments(markup: str) -> str:
    """Drop comments, with what they hide; one left open hides the rest."""
    kept: list[str] = []
    position = 0
    while (start := markup.find("<!--", position)) >= 0:
        kept.append(markup[position:start])
        end = markup.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        position = end + 3
    return "".join([*kept, markup[position:]])
