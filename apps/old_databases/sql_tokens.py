"""The words of an SQL dump, from a stream: strings, names, numbers, signs; comments left out."""

import re
from collections.abc import Iterator
from typing import Final, TextIO

from django.utils.translation import gettext as _

from apps.common.errors import Invalid

CHUNK: Final = 2**20  # characters that are read together
LONGEST: Final = 64 * 2**20  # characters of one string: a photo in a column
_COMMENTS: Final = r"--[^\n]*+|/\*.*?\*/"
_WORDS: Final = (
    r"(?P<hex>0x[0-9A-Fa-f]++)|(?P<number>[0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)"
    r"|(?P<word>[^\W\d][\w$]*+)|(?P<sign>.)"
)
MYSQL: Final = re.compile(
    rf"(?P<gap>\s++|\#[^\n]*+|{_COMMENTS})"
    r"|(?P<string>'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\")"
    rf"|(?P<name>`(?:[^`]++|``)*+`)|{_WORDS}",
    re.DOTALL,
)
POSTGRESQL: Final = re.compile(
    rf"(?P<gap>\s++|{_COMMENTS}|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"
    r"|(?P<escaped>[eE]'(?:[^'\\]++|\\.|'')*+')|(?P<string>'(?:[^']++|'')*+')"
    rf"|(?P<name>\"(?:[^\"]++|\"\")*+\")|{_WORDS}",
    re.DOTALL,
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "Z": "\x1a", "b": "\b", "f": "\f"}
_ESCAPED: Final = re.compile(r"\\(.)|''", re.DOTALL)
_QUOTES: Final = ("'", '"', "`")
_TAG: Final = re.compile(r"[$\w]")
Token = tuple[str, str]  # kind, text


class Tokens:
    """Reads ahead no more than one chunk, or one string."""

    def __init__(self, stream: TextIO, *, mysql: bool) -> None:
        self._stream = stream
        self._pattern = MYSQL if mysql else POSTGRESQL
        self.mysql = mysql
        self._buffer = ""
        self._place = 0
        self._ended = False

    def __iter__(self) -> Iterator[Token]:
        return self

    def __next__(self) -> Token:
        while True:
            found = self._pattern.match(self._buffer, self._place)
            if self._is_whole(found):
                if found is None:
                    raise StopIteration
                self._place = found.end()
                kind = str(found.lastgroup)
                if kind not in ("gap", "tag"):
                    return kind, found.group()
            else:
                self._read_more()

    def line(self) -> str:
        """The rest of the line, without its end: for data between statements."""
        while (end := self._buffer.find("\n", self._place)) < 0 and not self._ended:
            self._read_more()
        end = len(self._buffer) if end < 0 else end
        line = self._buffer[self._place : end]
        self._place = min(end + 1, len(self._buffer))
        return line.removesuffix("\r")

    @property
    def ended(self) -> bool:
        return self._ended and self._place >= len(self._buffer)

    def _is_whole(self, found: re.Match[str] | None) -> bool:
        """Whether more text could not make this token another one."""
        if self._ended:
            return True
        if found is None or found.end() == len(self._buffer):
            return False
        return not self._opens(found.group(), found.end())

    def _opens(self, text: str, end: int) -> bool:
        """Whether this sign begins a string or comment that does not end in the buffer."""
        after = self._buffer[end : end + 1]
        if text in _QUOTES:
            return True
        if text == "/":
            return after == "*"
        if self.mysql:
            return False
        return (text in ("e", "E") and after == "'") or (text == "$" and bool(_TAG.match(after)))

    def _read_more(self) -> None:
        kept = self._buffer[self._place :]
        if len(kept) > LONGEST:
            raise too_long()
        more = self._stream.read(max(CHUNK, len(kept)))
        self._ended = not more
        self._buffer, self._place = kept + more, 0


def too_long() -> Invalid:
    return Invalid("source_too_large", _("The source holds a value of more than 64 MB."))


def plain_string(kind: str, text: str, *, mysql: bool) -> str:
    """What a string says: without quotes, its escapes read."""
    if kind == "escaped":
        return _ESCAPED.sub(_unescaped, text[2:-1])
    body = text[1:-1]
    if not mysql:
        return body.replace("''", "'")
    body = body.replace('""', '"') if text[0] == '"' else body
    return _ESCAPED.sub(_unescaped, body)


def _unescaped(found: re.Match[str]) -> str:
    sign = found[1]
    return "'" if sign is None else _ESCAPES.get(sign, sign)


def plain_name(kind: str, text: str) -> str:
    if kind == "name":
        quote = text[0]
        return text[1:-1].replace(quote * 2, quote)
    return text
