"""A few texts say it in few ways: light variants of an example, so that codes and wrappers are not what is learned.

example's template -> variants, its words unchanged
"""

import re

_HEAD = re.compile(r"^(?P<reply>[245]\d\d)?[ -]?(?P<enhanced>#?[245]\.\d{1,3}\.\d{1,3})?[ :-]*")
_SAID = re.compile(r"^.{0,160}?\bsaid: (?P<reply>.+?)(?: \(in reply to [^)]{1,60}\))?$")
_ENOUGH = 4
"""Words that must remain for a text to stand without its codes."""
_WRAPPED = "host [HOST][[IP]] said: {} (in reply to RCPT TO command)"
_GENERIC = "550 5.7.1 {}"


def variants(template: str) -> list[str]:
    """Return up to three other shapes of a template: bare, under a generic code, as quoted by a sending server."""
    said = _SAID.match(template)
    reply = said["reply"] if said else template
    bare = reply[match.end() :] if (match := _HEAD.match(reply)) else reply
    made = [] if said else [_WRAPPED.format(reply)]
    if len(bare.split()) >= _ENOUGH:
        made += [bare, _GENERIC.format(bare)]
    return [text for text in dict.fromkeys(made) if text != template]
