"""Where a notice ends and the copy of the original message begins.

Text after that line was written by whoever sent the original: nothing in it may be read as a report.
"""

import re

_DECORATION = r"[\s\-=*_#>~+:|.]*"
# A line that is nothing but one of these, apart from dashes and punctuation.
_TITLES = (
    r"(?:start of |text of |begin )?(?:the |your )?(?:original|returned|unsent|undelivered|bounced|rejected|old|failed)"
    r" (?:message|e-?mail|mail|content|header)s?(?: (?:headers?|text|body|contents?))?(?: (?:follows?|as follows|"
    r"below|attached"
    r"|is attached|as received is as follows|included))?",
    r"(?:the )?(?:message|mail) (?:headers?|text|body|contents?)(?: follows?| suppressed| below)?",
    r"(?:the )?headers? (?:of|from) the original (?:message|mail)(?: is following)?",
    r"rfc-?822 headers?",
    r"message follows",
    r"begin forwarded message",
    r"(?:oorspronkelijk bericht|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|"
    r"mensagem original)",
    r"(?:元のメッセージ|原始邮件|送信されたメール)",
)
# A line that contains one of these, whatever else it says.
_PHRASES = (
    r"below (?:this line|the next line) is (?:a copy|the)",
    r"below is (?:a copy of )?(?:the|your) (?:original|returned|undelivered)? ?(?:message|mail)",
    r"(?:this|here|included|following|attached) is a copy of (?:the|your)",
    r"(?:the )?original (?:message|mail) (?:follows|as follows|headers|is (?:as follows|attached|included|below))",
    r"(?:a copy of|the text of|the first .{1,20} of) (?:the|your) (?:original )?(?:message|mail|headers?)"
    r" (?:is|follows|below|appears|was)",
    r"the header of the original message is following",
    r"(?:unsent|returned|undelivered|bounced) (?:message|mail) follows",
    r"message headers? follows?",
    r"the following (?:message|mail) is (?:the|your) original",
    r"your (?:original )?(?:message|mail) (?:follows|is attached below|reads|is reproduced)",
)
_TITLE = re.compile(rf"^{_DECORATION}(?:{'|'.join(_TITLES)}){_DECORATION}(?:\([^)]{{0,60}}\)\s*)?$", re.IGNORECASE)
_PHRASE = re.compile("|".join(_PHRASES), re.IGNORECASE)
_HEADER = re.compile(
    r"^[\s>|]{0,10}(received|return-path|message-id|mime-version|delivered-to|dkim-signature|domainkey-signature"
    r"|x-received|x-mailer|x-original-to|content-type|from|to|cc|date|subject|reply-to|sender|user-agent|references"
    r"|in-reply-to|list-[a-z-]{1,20}|precedence|x-spam-[a-z-]{1,20}|content-transfer-encoding|"
    r"authentication-results)[ \t]{0,2}:",
    re.IGNORECASE,
)
# People's mail programs write From, To, Date and Subject above a quotation, PMDF writes Message-Id with them to say
# which message it means; only a copy has these.
_TRACE = frozenset({"received", "return-path", "mime-version", "delivered-to", "dkim-signature", "x-received"})


def cut_original(text: str) -> tuple[str, str]:
    """Split a notice before the copy of the original message; the second part is empty if there is no copy."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if _starts_copy(line) and _says_something(lines[:index]):
            return "\n".join(lines[:index]), "\n".join(lines[index + 1 :])
        if _starts_headers(lines, index) and _says_something(lines[:index]):
            return "\n".join(lines[:index]), "\n".join(lines[index:])
    return text, ""


def _starts_copy(line: str) -> bool:
    """Whether the line announces the copy."""
    return len(line) < 200 and bool(_TITLE.match(line) or _PHRASE.search(line))


def _says_something(lines: list[str]) -> bool:
    """A notice that begins with the title still has its words to come."""
    return any(line.strip(" -=*_#>\t") for line in lines)


def _starts_headers(lines: list[str], index: int) -> bool:
    """Whether header fields of a message begin here: three in a row, one of them a trace field."""
    first = _HEADER.match(lines[index])
    if not first:
        return False
    names = [first[1].lower()]
    for line in lines[index + 1 : index + 12]:
        match = _HEADER.match(line)
        if match:
            names.append(match[1].lower())
        elif not line[:1].isspace() and not re.match(r"[\s>]{0,4}[A-Za-z][\w-]{1,40}:", line):
            break
    return len(names) >= 3 and not _TRACE.isdisjoint(names)


def dedent(text: str) -> str:
    """Remove the marks that a forwarding program put before every line of a quoted message."""
    lines = text.lstrip("\n").split("\n")
    if not lines[0].startswith(("> ", ">")):
        return "\n".join(lines)
    return "\n".join(line[2:] if line.startswith("> ") else line.removeprefix(">") for line in lines)
