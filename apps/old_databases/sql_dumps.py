"""Dumps of MySQL (`mysqldump`) and PostgreSQL (`pg_dump`, plain): rows of INSERT and COPY.

Nothing is executed: the parser knows CREATE TABLE (for the columns), INSERT … VALUES and COPY …
FROM stdin, and passes over everything else.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final, TextIO

from django.utils.translation import gettext as _

from apps.old_databases.spool import OldValue, Spool
from apps.old_databases.sql_tokens import Token, Tokens, plain_name, plain_string

_NO_COLUMNS: Final = {
    *("primary", "key", "unique", "constraint", "index", "fulltext", "spatial", "check"),
    *("foreign", "exclude", "like"),
}
_NAMES: Final = ("word", "name")
_COPY_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CONSTANTS: Final[dict[str, OldValue]] = {"null": None, "true": 1, "false": 0, "default": None}
MAX_DIGITS: Final = 18
_END: Final = ("sign", ";")


def dump_read(stream: TextIO, spool: Spool, *, mysql: bool, in_utc: bool = False) -> Counter[str]:
    """Write the dump's rows into the spool; what could not be read, and how often. `in_utc`: its
    TIMESTAMP columns (of MySQL, which writes no zone beside them) are."""
    return _Dump(stream, spool, mysql=mysql, in_utc=in_utc).read()


def moment_in_utc(value: OldValue) -> OldValue:
    """A TIMESTAMP of MySQL that was written in UTC, with its zone."""
    return f"{value}+00:00" if isinstance(value, str) else value


class _Dump:
    def __init__(self, stream: TextIO, spool: Spool, *, mysql: bool, in_utc: bool) -> None:
        self.tokens = Tokens(stream, mysql=mysql)
        self.spool = spool
        self.in_utc = in_utc
        self.moments: dict[str, set[str]] = {}  # table → its TIMESTAMP columns
        self.notes: Counter[str] = Counter()

    def read(self) -> Counter[str]:
        for kind, text in self.tokens:
            word = text.lower() if kind == "word" else ""
            if word in ("insert", "replace"):
                self._insert()
            elif word == "create":
                self._create()
            elif word == "copy":
                self._copy()
            elif word == "delimiter":
                self._skip_delimited()
            elif (kind, text) != _END:
                self._skip()
        return self.notes

    def _skip(self) -> None:
        for token in self.tokens:
            if token == _END:
                return

    def _skip_delimited(self) -> None:
        """Bodies of triggers and procedures, whose statements end by a sign of their own."""
        self.tokens.line()
        while not self.tokens.ended:
            if self.tokens.line().strip().lower().startswith("delimiter"):
                return

    def _next(self) -> Token:
        return next(self.tokens, _END)

    def _name(self, first: Token | None = None) -> tuple[str, Token]:
        """A name, of which the last part counts (schema.table), and the token after it."""
        kind, text = first or self._next()
        name = plain_name(kind, text)
        after = self._next()
        while after == ("sign", "."):
            name = plain_name(*self._next())
            after = self._next()
        return name, after

    def _create(self) -> None:
        token = self._next()
        while token[0] == "word" and token[1].lower() in ("temporary", "unlogged"):
            token = self._next()
        if token[1].lower() != "table":
            if token != _END:
                self._skip()
            return
        token = self._next()
        while token[0] == "word" and token[1].lower() in ("if", "not", "exists"):
            token = self._next()
        table, after = self._name(token)
        if after != ("sign", "("):
            if after != _END:
                self._skip()
            return
        self.spool.add_table(table, self._defined_columns(table))
        self._skip()

    def _defined_columns(self, table: str) -> list[str]:
        columns: list[str] = []
        depth, first, typed = 1, True, False
        moments = self.moments.setdefault(table.lower(), set())
        while depth:
            kind, text = self._next()
            if (kind, text) == _END:
                break
            if typed and text.lower() == "timestamp":
                moments.add(columns[-1].lower())
            typed = first and kind in _NAMES
            typed = typed and not (kind == "word" and text.lower() in _NO_COLUMNS)
            if typed:
                columns.append(plain_name(kind, text))
            first = (kind, text) == ("sign", ",") and depth == 1
            depth += (text == "(") - (text == ")") if kind == "sign" else 0
        return columns

    def _listed_columns(self) -> list[str]:
        """Names up to the closing bracket."""
        columns = []
        for kind, text in self.tokens:
            if kind in _NAMES:
                columns.append(plain_name(kind, text))
            elif text != ",":
                break
        return columns

    def _insert(self) -> None:
        token = self._next()
        while token[0] == "word" and token[1].lower() in ("ignore", "low_priority", "delayed"):
            token = self._next()
        table, after = self._name(None if token[1].lower() == "into" else token)
        columns = self.spool.columns(table)
        if after == ("sign", "("):
            columns = self._listed_columns()
            after = self._next()
        if after[1].lower() not in ("values", "value"):
            self.notes[_("INSERT into %(table)s that names no values") % {"table": table}] += 1
            if after != _END:
                self._skip()
            return
        self.spool.add_table(table, columns)
        known = self.moments.get(table.lower(), set()) if self.in_utc else set()
        moments = [n for n, column in enumerate(columns) if column.lower() in known]
        for values in self._tuples(table):
            if len(values) == len(columns):
                for n in moments:
                    values[n] = moment_in_utc(values[n])
                self.spool.add(table, columns, values)
            else:
                note = _("row of %(table)s with another number of values than columns")
                self.notes[note % {"table": table}] += 1

    def _tuples(self, table: str) -> Iterator[list[OldValue]]:
        """Each (…) after VALUES; what follows, as ON CONFLICT, is passed over."""
        for token in self.tokens:
            if token == _END:
                return
            if token == ("sign", "("):
                yield self._values(table)
            elif token != ("sign", ","):
                self._skip()
                return

    def _values(self, table: str) -> list[OldValue]:
        values: list[OldValue] = []
        parts: list[Token] = []
        depth = 0
        for token in self.tokens:
            if depth == 0 and token in (("sign", ","), ("sign", ")")):
                values.append(self._value(parts, table))
                parts = []
                if token[1] == ")":
                    return values
                continue
            if token[0] == "sign":
                depth += (token[1] == "(") - (token[1] == ")")
            parts.append(token)
        return values

    def _value(self, parts: list[Token], table: str) -> OldValue:
        binary = len(parts) == 2 and parts[0][1].lower() == "_binary"
        if binary:
            parts = parts[1:]
        if len(parts) > 1 and parts[1] == ("sign", ":"):  # a cast of PostgreSQL
            parts = parts[:1]
        negative = len(parts) == 2 and parts[0] == ("sign", "-")
        kind, text = parts[-1] if parts else ("word", "null")
        if len(parts) == 1 + negative:
            if kind in ("string", "escaped"):
                return self._string(kind, text, binary=binary)
            if kind == "number":
                return number_of(f"-{text}" if negative else text)
            if kind == "hex":
                return bytes.fromhex(text[2:].zfill(len(text[2:]) + len(text) % 2))
            if kind == "word" and text.lower() in _CONSTANTS:
                return _CONSTANTS[text.lower()]
        self.notes[_("value of %(table)s that is calculated") % {"table": table}] += 1
        return None

    def _string(self, kind: str, text: str, *, binary: bool) -> OldValue:
        plain = plain_string(kind, text, mysql=self.tokens.mysql)
        return as_text(plain, binary=binary)

    def _copy(self) -> None:
        table, after = self._name()
        columns = self.spool.columns(table)
        if after == ("sign", "("):
            columns = self._listed_columns()
        words = []
        for kind, text in self.tokens:
            if (kind, text) == _END:
                break
            words.append(text.lower())
        if "stdin" not in words:
            self.notes[_("COPY of %(table)s from elsewhere") % {"table": table}] += 1
            return
        self.tokens.line()
        self.spool.add_table(table, columns)
        while not self.tokens.ended and (line := self.tokens.line()) != "\\.":
            values = [copied_cell(cell) for cell in line.split("\t")]
            if len(values) == len(columns):
                self.spool.add(table, columns, values)
            else:
                note = _("row of %(table)s with another number of values than columns")
                self.notes[note % {"table": table}] += 1


def number_of(text: str) -> OldValue:
    """SQLite keeps integers of 64 bits; a longer one stays as its digits."""
    if set(text) & set(".eE"):
        return float(text)
    return int(text) if len(text) <= MAX_DIGITS else text


def as_text(text: str, *, binary: bool = False) -> OldValue:
    """Text; bytes where it was none (the stream is read with surrogates for such bytes)."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogateescape")
    return data if binary else text


def copied_cell(cell: str) -> OldValue:
    """A cell as PostgreSQL's COPY writes it."""
    if cell == "\\N":
        return None
    if "\\" not in cell:
        return as_text(cell)
    plain, signs = [], iter(cell)
    for sign in signs:
        if sign == "\\":
            sign = next(signs, "\\")
            plain.append(_COPY_ESCAPES.get(sign, sign))
        else:
            plain.append(sign)
    return as_text("".join(plain))
