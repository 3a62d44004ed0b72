"""Damages texts the way their journey does: wrong character sets, broken lines, logs, quoting, copying by hand.

    template -> template as it looks after a bad journey, the label unchanged

Every step is pure and leaves placeholders, codes and enough of the words alone that the cause can still be read. What
the normaliser undoes or masks in service it undoes and masks here: `damage` ends with it. Texts in scripts other than
Latin lose single words at most to a wrong character set, for a text of which nothing is left teaches nothing. Random
capitals are no step: every tokenizer of ours reads lower case.
"""

import html
import random
import re
import unicodedata
from collections.abc import Callable
from html.entities import codepoint2name

from classifier.normalise import normalise
from training.surroundings import CLOSINGS, LOG_LINES, OPENINGS, WRAPPERS

Step = Callable[[str, random.Random], str]

_WORD = re.compile(r"[^\W\d_]{3,}")
_PIECE = re.compile(r"\[[A-Z]{2,4}(?: [^\]]{0,100})?\]|([^\W\d_]{3,})")
_BETWEEN_LETTERS = re.compile(r"\[[A-Z]{2,4} [^\]]{0,100}\]|(?<=[^\W\d_]) (?=[^\W\d_])")
_OTHER_SCRIPTS = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
# A blank whose loss cannot grow a code together with something else.
_SAFE_BLANK = re.compile(r"(?<!\d) (?!\d)")
_ENOUGH_TO_CUT = 8
_LEAST_WORDS = 2
_ENOUGH_WITHOUT_CODE = 5
_CODES = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_PLAIN = str.maketrans(
    {"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d"}
)
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_LOOKS_LIKE = {
    "o": "0", "O": "0", "l": "1", "I": "l", "i": "1", "s": "5", "S": "5", "B": "8", "g": "9", "m": "rn", "w": "vv",
    "e": "c", "h": "b", "t": "f", "u": "ii", "о": "o", "п": "n", "и": "n", "ш": "щ", "ソ": "ン", "口": "ロ", "ー": "一", "己": "已",
}  # fmt: skip


def words_of(text: str) -> int:
    """Count the words that may carry the meaning."""
    return (
        len(_WORD.findall(text))
        if text.isascii()
        else max(len(_WORD.findall(text)), sum(ord(c) > 0x2E80 for c in text) // 2)
    )


def words_in(text: str) -> list[re.Match[str]]:
    """Find the words that are no placeholder."""
    return [match for match in _PIECE.finditer(text) if match[1]]


def damage(text: str, chance: random.Random, lang: str = "en") -> str:
    """Return the text after one bad journey: letters damaged, surroundings added, characters miscoded, or several.

    Args:
        text: A template.
        chance: Source of all chance.
        lang: Language of the text, for the courtesies around it.
    """
    steps: list[Step] = []
    if words_of(text) >= _LEAST_WORDS and chance.random() < 0.65:
        steps += chance.sample(_LETTERS, 2 if chance.random() < 0.15 else 1)
    if not steps or chance.random() < 0.35:
        steps.append(chance.choice(_AROUND))
    if chance.random() < (0.25 if text.isascii() else 0.5):
        steps.append(chance.choice(_CODING))
    damaged = text
    for step in steps:
        damaged = step(damaged, chance)
    if chance.random() < 0.15:
        damaged = boilerplate(damaged, chance, lang)
    damaged = normalise(damaged)
    # Where few words stand beside a code, the code is the cause.
    few = words_of(text) < _ENOUGH_WITHOUT_CODE
    return text if few and not set(_CODES.findall(text)) <= set(_CODES.findall(damaged)) else damaged


def _replaced(text: str, matches: list[re.Match[str]], new: Callable[[str], str]) -> str:
    for match in sorted(matches, key=lambda m: -m.start()):
        text = text[: match.start()] + new(match.group()) + text[match.end() :]
    return text


def _some(text: str, chance: random.Random, most: int, *, longer_than: int = 2) -> list[re.Match[str]]:
    words = [match for match in words_in(text) if len(match.group()) > longer_than]
    return chance.sample(words, min(len(words), chance.randint(1, most)))


# --- letters


def misread(text: str, chance: random.Random) -> str:
    """Swap letters for others that look alike, one a word at most: "mai1box fu1l"."""

    def new(word: str) -> str:
        places = [i for i, c in enumerate(word) if c in _LOOKS_LIKE]
        if not places:
            return word
        at = chance.choice(places)
        return word[:at] + _LOOKS_LIKE[word[at]] + word[at + 1 :]

    return _replaced(text, _some(text, chance, 4), new)


def typed(text: str, chance: random.Random) -> str:
    """Make a typing error or two in any alphabet; a wrong letter is one that the text has elsewhere."""
    letters = [c for c in text if c.isalpha()]

    def new(word: str) -> str:
        at = chance.randrange(1, len(word))
        return chance.choice(
            (
                word[:at] + word[at + 1 :],
                word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + chance.choice(letters) + word[at + 1 :],
            )
        )

    return _replaced(text, _some(text, chance, 3), new)


def spaced(text: str, chance: random.Random) -> str:
    """Space letters out, of some words or of all: "m a i l b o x full"."""
    chosen = words_in(text) if chance.random() < 0.15 else _some(text, chance, 3)
    return _replaced(text, chosen, " ".join)


def run_together(text: str, chance: random.Random) -> str:
    """Lose blanks between words: all, or each second one on average."""
    share = chance.choice((1.0, 0.5, 0.5))
    return _BETWEEN_LETTERS.sub(lambda m: "" if m[0] == " " and chance.random() < share else m[0], text)


def broken_lines(text: str, chance: random.Random) -> str:
    """Break lines in mid-word after 12 to 60 characters; a third of the breaks eat a letter."""
    width, mark = chance.randint(12, 60), chance.choice(("-\n", "\n", " ", "= ", "- ", "! ", "=\r\n ", "\n> "))
    due, out, last = width, [], 0
    for match in words_in(text):
        # The scripts of East Asia have words of a whole line.
        while match.end() > due and len(match.group()) > 3:
            at = min(max(due, match.start() + 2), match.end() - 1)
            out += [text[last:at], mark]
            last = at + (chance.random() < 0.33 and at + 2 < match.end())
            due = at + width
    return "".join([*out, text[last:]])


def cut_short(text: str, chance: random.Random) -> str:
    """Lose 5 to 30 % of the bytes at the end, or up to 15 % at the start, in mid-character if it happens so."""
    if words_of(text) < _ENOUGH_TO_CUT:
        return text
    raw = text.encode()
    if chance.random() < 0.7:
        kept = raw[: int(len(raw) * chance.uniform(0.7, 0.95))]
    else:
        kept = raw[int(len(raw) * chance.uniform(0.02, 0.15)) :]
    return kept.decode(errors=chance.choice(("replace", "ignore")))


def punctuated(text: str, chance: random.Random) -> str:
    """Lose all punctuation between words, or have too much of it."""
    kind = chance.randrange(4)
    if kind == 0:
        return re.sub(r"(?<=\w)[.,;:!]+(?= |$)|(?<=\w)['’](?=\w)", " ", text)
    if kind == 1:
        return re.sub(r"[.!。](?= |$)", chance.choice(("...", "!!!", " !!", "?!", "。。。")), text + ".")
    mark = chance.choice(("***", "---", "===", "!!!", "###", "::", "~", "+++", "…"))
    return f"{mark} {text} {mark}" if kind == 2 else f"{text}{mark}"


_LETTERS: tuple[Step, ...] = (misread, typed, spaced, run_together, broken_lines, broken_lines, cut_short, punctuated)

# --- around


def logged(text: str, chance: random.Random) -> str:
    """Put the text into the line of a log, a session record or a program's error message."""
    return _filled(chance.choice(LOG_LINES), text)


def wrapped_abroad(text: str, chance: random.Random) -> str:
    """Quote the text in a sentence of whatever language, that says only that another server said it."""
    return _filled(chance.choice(WRAPPERS[chance.choice(sorted(WRAPPERS))]), text)


def _filled(frame: str, text: str) -> str:
    frame = frame.replace("{addr}", "<[ADDR]>").replace("{host}", "[HOST]").replace("{ip}", "[IP]")
    return frame.replace("{}", text)


def boilerplate(text: str, chance: random.Random, lang: str = "en") -> str:
    """Add a courteous sentence before, after or both, in the text's language or in English."""
    spoken = lang if lang in OPENINGS and chance.random() < 0.7 else "en"
    before, after = chance.choice(((1, 0), (0, 1), (1, 1)))
    return " ".join([*chance.sample(OPENINGS[spoken], before), text, *chance.sample(CLOSINGS[spoken], after)])


def quoted(text: str, chance: random.Random) -> str:
    """Put marks of quoting before each line, or quotes around the whole."""
    mark = chance.choice(("> ", ">> ", "| ", "' ", "> > ", "# ", "* ", '"', "'", "«", "“", "[...] "))
    if mark.strip() in {'"', "'", "«", "“", "[...]"}:
        return mark + text + {"«": "»", "“": "”"}.get(mark, mark.rstrip())
    width = chance.randint(4, 12)
    words = text.split(" ")
    lines = [" ".join(words[i : i + width]) for i in range(0, len(words), width)]
    # A program that joins lines before it passes them on leaves the marks in the middle.
    return chance.choice(("\n", " ")).join(mark + line for line in lines)


def doubled(text: str, chance: random.Random) -> str:
    """Say the whole twice, or its head or its tail."""
    between = chance.choice((" ", "\n", " / ", "; ", " - ", "" if text[-1:].isalpha() else " "))
    words, kind = text.split(" "), chance.randrange(3)
    part = len(words) // 2
    if kind == 0 or part == 0:
        return text + between + text
    return text + between + " ".join(words[part:]) if kind == 1 else " ".join(words[:part]) + between + text


_AROUND: tuple[Step, ...] = (logged, logged, wrapped_abroad, wrapped_abroad, quoted, doubled)

# --- character sets and encodings


def _latin(text: str) -> bool:
    """Tell whether a text is written in Latin letters, but for two at most."""
    return len(_OTHER_SCRIPTS.findall(text)) <= 2


def _misdecoded(text: str, charset: str) -> str:
    raw = text.encode()
    # Programs that read cp1252 pass on the five bytes it does not know.
    return "".join(bytes([byte]).decode(charset, "ignore") or chr(byte) for byte in raw)


def mojibake(text: str, chance: random.Random) -> str:
    """Read UTF-8 as another character set, once or twice; typographic marks and blanks of English texts as well."""
    if text.isascii():
        text = text.replace("'", "’").replace(" - ", " – ")
        text = _SAFE_BLANK.sub(lambda _: "\u00a0" if chance.random() < 0.15 else " ", text)
    charset = chance.choice(("latin-1", "cp1252", "cp1252", "cp850"))
    if not _latin(text):
        return _replaced(text, _some(text, chance, 2), lambda word: _misdecoded(word[:4], charset) + word[4:])
    once = _misdecoded(text, charset)
    return _misdecoded(once, charset) if chance.random() < 0.15 else once


def lost_accents(text: str, chance: random.Random) -> str:
    """Lose what is not ASCII: bare letters, question marks, blanks, nothing; other scripts lose single characters."""
    if text.isascii():
        return text
    if not _latin(text):
        share, mark = chance.uniform(0.03, 0.10), chance.choice(("?", "\ufffd", "", "□", "??"))
        return _OTHER_SCRIPTS.sub(lambda m: mark if chance.random() < share else m[0], text)
    kind = chance.randrange(4)
    if kind == 0:
        return text.translate(_GERMAN)
    if kind == 1:
        parts = unicodedata.normalize("NFD", text.translate(_PLAIN))
        return "".join(c for c in parts if not unicodedata.combining(c))
    mark = chance.choice(("?", "?", "??", " ", "", "\ufffd", "_", "#", "*"))
    return "".join(c if c.isascii() else mark for c in text)


def quoted_printable(text: str, chance: random.Random) -> str:
    """Leave marks of quoted-printable: accents, some blanks, ends of lines, or the whole as an encoded word."""
    latin = _latin(text)
    charset = chance.choice(("utf-8", "latin-1"))
    if latin:
        text = "".join(c if c.isascii() else "".join(f"={b:02X}" for b in c.encode(charset, "replace")) for c in text)
    if latin and chance.random() < 0.2:
        return f"=?{charset}?Q?{text.replace(' ', '_')}?="
    share, mark = chance.choice((0.1, 0.3, 1.0)), chance.choice(("=20", "=20", "= ", "=0A", "=3D ", " =", "=20\n"))
    return _SAFE_BLANK.sub(lambda _: mark if chance.random() < share else " ", text)


def escaped(text: str, chance: random.Random) -> str:
    r"""Leave marks of HTML, JSON or URLs: entities escaped twice, broken tags, "\u00e9", "%20"."""
    kind = chance.randrange(4)
    if kind == 0:
        return text.encode("ascii", "backslashreplace").decode() if _latin(text) else text.replace(" ", "\\n", 1)
    if kind == 1:
        share = chance.choice((0.2, 1.0))
        return _SAFE_BLANK.sub(lambda _: "%20" if chance.random() < share else " ", text)
    if kind == 2:
        text = "".join(
            f"&{codepoint2name[ord(c)]};" if ord(c) > 127 and ord(c) in codepoint2name else c for c in html.escape(text)
        )
        text = _SAFE_BLANK.sub(lambda _: "&nbsp;" if chance.random() < 0.3 else " ", text)
        return text.replace("&", "&amp;")
    before, after = chance.choice(
        (("", "<br"), ("p>", "</p"), ("<o:p>", "</o:p>"), ("<![CDATA[", "]]>"), ("\\u003cb\\u003e", "\\u003c/b\\u003e"),
         ('font-family:Arial">', "</span"), ("&ltp&gt", "&lt/p&gt"), ("<pre>", "</pr"), ("<message>", "</message>"))
    )  # fmt: skip
    return before + text + after


_CODING: tuple[Step, ...] = (mojibake, mojibake, lost_accents, lost_accents, quoted_printable, escaped)
