"""Varies templates the way the world does: other wrappers, other codes, typing errors, cut ends, synonyms, damage.

    template -> template, the label unchanged

Codes are dropped or changed only where the words decide, that is, where at least `_ENOUGH` of them remain.
"""

import random
import re
from collections.abc import Callable

from training.damage import damage, typed, words_in, words_of

_ENOUGH = 5
_ENOUGH_FOREIGN = 3
_FOREIGN_DROP = 0.5
_DAMAGED = 0.35
_HEAD = re.compile(r"^(?P<reply>[245]\d\d)?[ -]?(?P<enhanced>#?[245]\.\d{1,3}\.\d{1,3})?[ :-]*")
_GENERIC = (
    "550",
    "554",
    "550 5.7.1",
    "554 5.7.1",
    "550 5.0.0",
    "451 4.7.1",
    "550 5.1.1",
    "450",
    "421",
    "553",
    "5.0.0",
    "4.0.0",
    "550 5.2.0",
    "571",
    "451",
    "552",
    "550 5.5.0",
    "554 5.0.0",
    "554 5.4.0",
)
_WRAPPERS = (
    "host [HOST][[IP]] said: {} (in reply to RCPT TO command)",
    "host [HOST][[IP]] said: {} (in reply to end of DATA command)",
    "host [HOST][[IP]] said: {} (in reply to MAIL FROM command)",
    "host [HOST][[IP]] said: {}",
    "SMTP error from remote mail server after RCPT TO:<[ADDR]>: host [HOST] [[IP]]: {}",
    "SMTP error from remote mail server after end of data: host [HOST] [[IP]]: {}",
    "SMTP error from remote server after RCPT command: host: [HOST] {}",
    "[IP] does not like recipient. Remote host said: {} Giving up on [IP].",
    "[IP] failed after I sent the message. Remote host said: {}",
    "Remote host said: {}",
    "Remote server replied: {}",
    "<[ADDR]>: {}",
    "smtp; {}",
    "[HOST] #{}#SMTP#",
    "{} [[ID]]",
    "{} [ID] - gsmtp",
    "{} (state [NUM])",
    "{} [[HOST]]",
    "delivery temporarily suspended: {}",
    "{} (delivery attempts: [NUM])",
    "'{}' on [DATE] ([HOST])",
    "The error that the other server returned was: {}",
    "[HOST] gave this error: {}",
    "Error: {}",
    "<<< {}",
    "[HOST] said: {}",
    "Diagnostic-Code: smtp; {}",
    "While talking to [HOST]: {}",
)
_BEFORE = (
    "Your message could not be delivered.",
    "Delivery failed.",
    "This is the mail system at host [HOST].",
    "Message from [HOST].",
    "The following address failed: [ADDR]",
    "Mail delivery error",
    "Sorry,",
    "Undeliverable:",
)
_AFTER = (
    "Please contact your postmaster.",
    "This is a permanent error.",
    "See [URL help.example.com/mail]",
    "Contact your system administrator for help.",
    "Giving up.",
    "No further attempts will be made.",
    "Ref [ID]",
    "For assistance visit [URL support.example.net]",
    "Thank you.",
)
_SYNONYMS = {
    "recipient": ("addressee", "receiver", "user"), "mailbox": ("inbox", "mail box", "account"), "rejected": ("refused", "denied", "declined", "not accepted"),
    "refused": ("rejected", "declined", "turned away"), "blocked": ("denied", "barred", "banned"), "message": ("mail", "email", "e-mail"), "mail": ("email", "message"),
    "email": ("e-mail", "mail"), "server": ("host", "system"), "exceeded": ("surpassed", "went over", "passed"), "unknown": ("not known", "unrecognised"), "failed": ("did not succeed", "failure"),
    "address": ("addr", "mail address"), "user": ("account", "recipient"), "denied": ("refused", "rejected", "not allowed"), "full": ("filled up", "out of space"), "domain": ("mail domain",),
    "listed": ("on the list", "found"), "disabled": ("deactivated", "turned off"), "temporarily": ("for the moment", "for now"), "allowed": ("permitted",), "permitted": ("allowed",),
    "connection": ("link", "session"), "invalid": ("not valid", "bad"), "sender": ("originator",), "policy": ("rules",), "large": ("big",), "limit": ("maximum",), "spam": ("junk", "unsolicited mail"),
    "cannot": ("can't", "can not"), "not": ("NOT",), "does": ("did",), "try": ("retry",), "later": ("afterwards",), "too": ("far too",), "many": ("numerous",), "found": ("located",),
}  # fmt: skip


def augment(template: str, chance: random.Random, *, lang: str = "en") -> str:
    """Return a variant of a template; a third of them come back unchanged.

    A text that is not English loses its codes more often: its words are the rarer thing to learn from, and a code beside
    them would be the easier one.
    """
    if chance.random() < 0.33 or not template:
        return template
    text = template
    if lang != "en" and chance.random() < _FOREIGN_DROP:
        text = _without_codes(text)
    for step, probability in _STEPS:
        if chance.random() < probability:
            text = step(text, chance)
    if chance.random() < _DAMAGED:
        return damage(text, chance, lang)
    return " ".join(text.split())


def _without_codes(text: str) -> str:
    head = _HEAD.match(text)
    rest = text[head.end() :] if head else text
    return rest if words_of(rest) >= _ENOUGH_FOREIGN else text


def _codes(text: str, chance: random.Random) -> str:
    head = _HEAD.match(text)
    rest = text[head.end() :] if head else text
    if words_of(rest) < _ENOUGH:
        return text
    drawn = chance.random()
    if drawn < 0.40:
        return rest
    if drawn < 0.55 and head and head["reply"]:
        return f"{head['reply']} {rest}"
    return f"{chance.choice(_GENERIC)} {rest}"


def _wrap(text: str, chance: random.Random) -> str:
    return chance.choice(_WRAPPERS).replace("{}", text)


def _frame(text: str, chance: random.Random) -> str:
    return f"{chance.choice(_BEFORE)} {text}" if chance.random() < 0.4 else f"{text} {chance.choice(_AFTER)}"


def _synonyms(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    for i, word in enumerate(words):
        core = word.strip(".,;:!()").lower()
        if core in _SYNONYMS and chance.random() < 0.4:
            words[i] = word.lower().replace(core, chance.choice(_SYNONYMS[core]))
    return " ".join(words)


def _truncate(text: str, chance: random.Random) -> str:
    if words_of(text) < 8:
        return text
    keep = chance.uniform(0.6, 0.95)
    return text[: int(len(text) * keep)] if chance.random() < 0.75 else text[int(len(text) * (1 - keep)) :]


def _glue(text: str, chance: random.Random) -> str:
    blanks = [
        i
        for i, c in enumerate(text)
        if c == " " and 0 < i < len(text) - 1 and text[i - 1].isalpha() and text[i + 1].isalpha()
    ]
    if not blanks:
        return text
    for at in sorted(chance.sample(blanks, min(len(blanks), chance.choice((1, 1, 2)))), reverse=True):
        text = text[:at] + text[at + 1 :]
    return text


def _split_word(text: str, chance: random.Random) -> str:
    long = [match for match in words_in(text) if len(match.group()) >= 6]
    if not long:
        return text
    match = chance.choice(long)
    at = match.start() + chance.randrange(2, len(match.group()) - 2)
    return text[:at] + chance.choice((" ", "- ", "= ", "-")) + text[at:]


def _drop_words(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    if len(words) < 8:
        return text
    return " ".join(word for word in words if word.startswith("[") or len(word) > 4 or chance.random() > 0.25)


def _upper(text: str, chance: random.Random) -> str:
    return text.upper() if chance.random() < 0.5 else text.lower()


_STEPS: tuple[tuple[Callable[[str, random.Random], str], float], ...] = (
    (_synonyms, 0.30),
    (_drop_words, 0.10),
    (_codes, 0.35),
    (_truncate, 0.10),
    (typed, 0.15),
    (_glue, 0.07),
    (_split_word, 0.05),
    (_upper, 0.05),
    (_frame, 0.10),
    (_wrap, 0.22),
)
