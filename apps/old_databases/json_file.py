"""The JSON file of a system that kept its data in dictionaries: lists of records by table."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.errors import Invalid
from apps.old_databases.spool import OldValue, Spool

MAX_BYTES: Final = 512 * 2**20  # read as a whole
KEY: Final = "_key"  # of a record that stood under one in a dictionary
Record = dict[str, Any]


def json_read(path: Path, spool: Spool, *, most: int = MAX_BYTES) -> Counter[str]:
    """Every list or dictionary of records becomes a table. Lists inside a record become rows of a
    table of their name that carry the record's key; returns what is neither. `most`: bytes."""
    if path.stat().st_size > most:
        message = _("JSON files of up to %(mb)d MB can be read.") % {"mb": most >> 20}
        raise Invalid("source_too_large", message)
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Invalid("source_unreadable", _("The file is not JSON.")) from error
    notes: Counter[str] = Counter()
    if not isinstance(found, dict):
        raise Invalid("source_unreadable", _("An object with one list for each table is expected."))
    inner: dict[str, list[Record]] = {}
    for table, content in found.items():
        records = list(_records(content))
        if not records and content:
            notes[_("key “%(key)s” that is no list of records") % {"key": str(table)[:50]}] += 1
        _write(spool, str(table), (_flat(record, str(table), inner) for record in records))
    for table, records in inner.items():
        _write(spool, table, iter(records))
    return notes


def _records(content: Any) -> Iterator[Record]:
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, dict):
                yield {KEY: key, **value}
    elif isinstance(content, list):
        yield from (value for value in content if isinstance(value, dict))


def _flat(record: Record, table: str, inner: dict[str, list[Record]]) -> Record:
    key = record.get("id", record.get(KEY))
    plain = {}
    for name, value in record.items():
        if isinstance(value, (list, dict)):
            owner = f"{table.removesuffix('s')}_id"
            rows = inner.setdefault(str(name), [])
            rows += [{owner: key, **row} for row in _inner(value)]
        else:
            plain[name] = value
    return plain


def _inner(value: Any) -> Iterator[Record]:
    """Records below a record: objects as they are, days of a list, subjects of a dictionary."""
    if isinstance(value, dict):
        for key, cell in value.items():
            yield {KEY: key, **(cell if isinstance(cell, dict) else {"value": cell})}
    else:
        for cell in value:
            yield cell if isinstance(cell, dict) else {KEY: cell}


def _write(spool: Spool, table: str, records: Iterable[Record]) -> None:
    for found in records:
        record = found or {KEY: None}  # an empty one is a row too
        spool.add_table(table, [name for name in record if name not in spool.columns(table)])
        spool.add(table, list(record), [_plain(value) for value in record.values()])


def _plain(value: Any) -> OldValue:
    """A value that SQLite keeps; what is deeper stays as its JSON."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, str):
        return value.encode(errors="surrogatepass").decode(errors="replace")
    return value if value is None or isinstance(value, (int, float)) else json.dumps(value)
