"""The encoding of a CSV file.

UTF-8 and UTF-16 with a mark are certain. Of the older ones those are left in which the words look
like words; where these read the same, it does not matter which it was; else it is asked.
"""

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.errors import Invalid
from apps.tabular_files.questions import Choice, FileAnswers, Question, examples

KEY: Final = "encoding"
OLDER: Final = {
    "cp1252": gettext_lazy("Western European (Windows-1252)"),
    "cp1254": gettext_lazy("Turkish (Windows-1254)"),
    "cp1250": gettext_lazy("Central European (Windows-1250)"),
    "cp1257": gettext_lazy("Baltic (Windows-1257)"),
    "cp1251": gettext_lazy("Cyrillic (Windows-1251)"),
    "cp1253": gettext_lazy("Greek (Windows-1253)"),
    "cp1255": gettext_lazy("Hebrew (Windows-1255)"),
    "cp1256": gettext_lazy("Arabic (Windows-1256)"),
    "cp874": gettext_lazy("Thai (Windows-874)"),
    "gb18030": gettext_lazy("Simplified Chinese (GB 18030)"),
    "big5": gettext_lazy("Traditional Chinese (Big5)"),
    "cp932": gettext_lazy("Japanese (Shift JIS)"),
    "cp949": gettext_lazy("Korean (Windows-949)"),
    "mac_roman": gettext_lazy("Mac OS Roman"),
    "cp850": gettext_lazy("Western European (DOS 850)"),
}
OFFERED: Final = 6  # choices, the most plausible ones
JUDGED: Final = 2_000  # different lines by which an encoding is judged
JUDGED_LINE: Final = 1_000  # characters of each
ODD_LINE: Final = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*")
WORD: Final = re.compile(r"[^\s\x00-\x40\x5b-\x60\x7b-\x7f]+")
EAST_ASIAN: Final = ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")
MOSTLY: Final = 0.8  # Latin words have fewer letters beyond ASCII than this


def decoded(bodies: Mapping[str, bytes], answers: FileAnswers) -> dict[str, str]:
    """The text of each file of one origin, by its name. Raises `Invalid` for what is no text."""
    texts = {name: _undoubted(data) for name, data in bodies.items()}
    older = {name: bodies[name] for name, text in texts.items() if text is None}
    for name, data in older.items():
        _refuse_broken(name, data)
    coding = _coding(older, answers) if older else ""
    return {
        name: older[name].decode(coding) if text is None else text for name, text in texts.items()
    }


def _undoubted(data: bytes) -> str | None:
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _refuse_broken(name: str, data: bytes) -> None:
    """UTF-8 of which a few bytes are broken is read as nothing else: every letter would be wrong.

    Raises `Invalid`.
    """
    broken = data.decode("utf-8-sig", "replace")
    letters = sum(not character.isascii() for character in broken)
    if letters - broken.count("\ufffd") > 2 * broken.count("\ufffd"):
        row = broken[: broken.index("\ufffd")].count("\n") + 1
        where = f"{name}: " if name else ""
        message = _("%(where)sRow %(row)d has a character that is no UTF-8, as the others are.")
        raise Invalid("bad_text", message % {"where": where, "row": row})


def _coding(older: Mapping[str, bytes], answers: FileAnswers) -> str:
    """Raises `Invalid` where no encoding reads all of it."""
    lines = list(dict.fromkeys(ODD_LINE.findall(b"\n".join(older.values()))))
    readings: dict[bytes, _Reading] = {}
    for coding in OLDER:
        _read(lines, coding, readings)
    if not readings:
        raise Invalid("bad_text", _("The letters of this file cannot be read. Save it as UTF-8."))
    ranked = sorted(readings.values(), key=lambda reading: reading.oddities)
    if len(ranked) == 1:
        return ranked[0].codings[0]
    likeliest = [one for one in ranked if one.oddities == ranked[0].oddities]
    is_certain = len(likeliest) == 1 and ranked[0].oddities == 0
    offered = ranked if len(likeliest) == 1 else likeliest
    return answers.ask(
        Question(
            key=KEY,
            text=_("In which encoding was this file saved? Its letters fit several."),
            choices=tuple(_choice(reading.codings) for reading in offered[:OFFERED]),
            examples=examples(_shown(older, lines, offered[:OFFERED])),
            certain=ranked[0].codings[0] if is_certain else "",
        )
    )


@dataclass(frozen=True)
class _Reading:
    """What the first odd lines are, how many hardly are words, and in which encodings."""

    lines: tuple[str, ...]
    oddities: int
    codings: list[str]


def _read(lines: list[bytes], coding: str, readings: dict[bytes, _Reading]) -> None:
    """One encoding after the other: of the whole text a hash is kept, that the readings of a large
    file do not lie in memory together."""
    try:
        whole = b"\n".join(lines).decode(coding)
    except UnicodeDecodeError:
        return
    read = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()
    if read not in readings:
        first = tuple(line.decode(coding)[:JUDGED_LINE] for line in lines[:JUDGED])
        readings[read] = _Reading(first, sum(map(_oddities, first)), [])
    readings[read].codings.append(coding)


def _choice(codings: list[str]) -> Choice:
    label = " / ".join(str(OLDER[coding]) for coding in codings[:3])
    return Choice(codings[0], label, tuple(codings[1:]))


def _shown(
    older: Mapping[str, bytes], lines: list[bytes], offered: list[_Reading]
) -> list[tuple[str, int, str, tuple[str, ...]]]:
    """The first lines that the choices read differently."""
    found = []
    for number, line in enumerate(lines[:JUDGED]):
        texts = tuple(reading.lines[number] for reading in offered)
        if len(set(texts)) > 1:
            name = next(name for name, data in older.items() if line in data)
            data = older[name]
            row = data[: data.index(line)].count(b"\n") + 1
            found.append((name, row, line.decode("ascii", "replace"), texts))
    return found[:10]


def _oddities(line: str) -> int:
    return sum(_is_odd(word) for word in WORD.findall(line) if not word.isascii())


@lru_cache(maxsize=10_000)
def _is_odd(word: str) -> bool:
    """Whether this is hardly a word: signs or another script among letters, capitals inside."""
    kinds = [unicodedata.category(character) for character in word]
    while kinds and kinds[0][0] in "PZ":
        kinds, word = kinds[1:], word[1:]
    while kinds and kinds[-1][0] in "PZ":
        kinds, word = kinds[:-1], word[:-1]
    if not word or word.isascii():
        return False
    if kinds[0][0] == "M" or any(kind[0] not in "LM" and kind not in INNER for kind in kinds):
        return True
    letters = [c for c, kind in zip(word, kinds, strict=True) if kind[0] == "L"]
    marks = [c for c, kind in zip(word, kinds, strict=True) if kind[0] == "M"]
    scripts = {_script(character) for character in (*letters, *marks)} - {"COMBINING"}
    if len(scripts) > 1:
        return True
    beyond = [character for character in letters if not character.isascii()]
    if scripts == {"LATIN"} and len(letters) > 3 and len(beyond) > MOSTLY * len(letters):
        return True
    inside = any(c.isupper() and not c.isascii() for c in word[1:])
    return inside and any(character.islower() for character in word)


INNER: Final = ("Pd", "Pf", "Pi", "Po")


def _script(character: str) -> str:
    script = unicodedata.name(character, "NONE").split()[0]
    return "CJK" if script in EAST_ASIAN else script
