"""What a text says beside its cause: when to come back, which DNS list, who runs the receiving system.

    diagnostic text -> seconds | name of a list | name of a provider

Facts read from the words, never judgements about the category.
"""

import re
import tomllib
from functools import lru_cache

from classifier.normalise import dns_list_of
from classifier.resources import resource

MAX_RETRY_AFTER_S = 172_800
"""Two days: what a server asks beyond that is no advice on one message any more."""

_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_UNITS = (
    r"(?P<unit{n}>s|secs?|seconds?|sekunden?|secondes?|segundos?|secondi|m|mins?|minutes?|minuten?|minutos?|minuti|h|hrs?|"
    r"hours?|stunden?|heures?|horas?|ore|d|days?|tage?n?|jours?|dias?|giorni)(?:\(s\))?(?![a-z])"
)
# The time must follow a word for trying again, so that "queued for 5 days" is no advice.
_RETRY = re.compile(
    r"\b(?:re-?try(?:ing)?|try(?:ing)?(?: it| this)? (?:again|back|later)|(?:come|call|check) back|resend|send (?:it )?again|"
    r"reconnect|wait(?:ing)?|greylist(?:ed|ing)?|graylist(?:ed|ing)?|deferred|erneut|wieder|r[ée]essaye[rz]|reintente|intente|"
    r"tente|riprova(?:re)?)\b[^.;!?\d]{0,60}?(?P<n1>\d{1,6})(?::(?P<mm>\d{2})(?::(?P<ss>\d{2}))?)?(?:\s?"
    + _UNITS.format(n=1)
    + r"(?:,?(?: and)? (?P<n2>\d{1,4}) ?"
    + _UNITS.format(n=2)
    + r")?)?",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?<![\w.@-])(?:[A-Za-z0-9_-]{1,63}\.){1,10}[A-Za-z][A-Za-z-]{1,23}(?!\w)")
# "blocked using bl.example.net", "listed in", "found in", "on the ... list": names a list that we do not know.
_LISTED = re.compile(
    r"\b(?:(?:blocked|rejected|denied|refused|blacklisted|blocklisted|listed|found|present) (?:using|by|in|on|at|with) "
    r"|(?:rbl|dnsbl|rhsbl|dns-?list|block-?list|black-?list)[ :=(]{1,3})(?:the )?(?:(?:rbl|dnsbl|dns|list|blacklist|blocklist)[ :=]{1,3})?"
    r"(?P<zone>(?:[A-Za-z0-9_-]{1,63}\.){1,8}[A-Za-z]{2,24})",
    re.IGNORECASE,
)
# A list operator's answer to a resolver that it does not serve is a fault of the receiver's, no listing
# (127.255.255.252-255 in Spamhaus's documentation, "Query Refused" of URIBL).
_NO_LISTING = re.compile(
    r"open resolver|public resolver|query refused|queries refused|127\.255\.255\.25\d|127\.0\.0\.1\b|"
    r"error: (?:open|excessive|typing|rate|query)|(?:query|rate) limit (?:exceeded|reached)|over quota|excessive number of queries",
    re.IGNORECASE,
)


def retry_after_s(text: str) -> int | None:
    """Return how many seconds the server asks to wait, 1 to `MAX_RETRY_AFTER_S`; None if it names no time.

    >>> retry_after_s("450 4.7.1 Greylisted, please try again in 1 hour(s) 25 minute(s)")
    5100
    """
    if not (found := _RETRY.search(text)):
        return None
    first = int(found["n1"])
    if found["mm"]:
        parts = [first, int(found["mm"]), int(found["ss"] or 0)]
        seconds = parts[0] * 3_600 + parts[1] * 60 + parts[2] if found["ss"] else parts[0] * 60 + parts[1]
    elif found["unit1"]:
        seconds = first * _unit(found["unit1"]) + (int(found["n2"]) * _unit(found["unit2"]) if found["n2"] else 0)
    else:
        return None
    return min(seconds, MAX_RETRY_AFTER_S) if seconds > 0 else None


def _unit(word: str) -> int:
    letter = word[0].lower()
    if word.lower().startswith(("stund", "heur", "hora", "ore")):
        letter = "h"
    elif word.lower().startswith(("tag", "jour", "gior")):
        letter = "d"
    return _UNIT_S[letter]


def blocklist(text: str) -> str | None:
    """Return the DNS list that the text names as listing the sender, in lower case; None if it names none.

    A refusal that quotes a list's error answer ("blocked using zen.spamhaus.org; Error: open resolver") names no
    listing: the receiver's resolver is refused by the list, and the sender is not on it.
    """
    found = next(filter(None, map(dns_list_of, _HOST.findall(text))), None)
    if found is None and (named := _LISTED.search(text)):
        found = named["zone"].lower()
    return None if found is None or _NO_LISTING.search(text) else found


@lru_cache(maxsize=1)
def _providers() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    table = tomllib.loads(resource("providers.toml").read_text(encoding="utf-8"))
    hosts = {host: name for name, entry in table.items() for host in entry["hosts"]}
    marks = [
        (re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, entry['marks']))})(?![A-Za-z])"), name)
        for name, entry in table.items()
        if entry["marks"]
    ]
    return hosts, marks


def provider(text: str, remote_mta: str | None) -> str | None:
    """Return who runs the receiving system, such as "google", by its mail host or else by its reply; None if unknown."""
    hosts, marks = _providers()
    for host in ([remote_mta] if remote_mta else []) + _HOST.findall(text)[:20]:
        labels = host.lower().strip(".[] ").split(".")
        for start in range(len(labels) - 1):
            if name := hosts.get(".".join(labels[start:])):
                return name
    return next((name for mark, name in marks if mark.search(text)), None)
