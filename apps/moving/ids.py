"""Ids on their way: kept, but for those that another installation gives itself."""

import re
from collections.abc import Callable
from typing import Any, Final

from apps.moving.catalogue import ACCOUNTS, ACTORS, KEYS, REPLACED, Table
from apps.tenants.moving import Row

_ACTOR: Final = re.compile(r"user:(\d+)")
_USER: Final = "accounts.user"


class Ids:
    """How a row of the archive looks here, and back.

    Accounts that the archive does not have (a platform administrator who changed something) keep
    their number with `mark` behind it, so that no account of this installation is meant.
    """

    def __init__(self, *, campus: tuple[int, int], mark: str) -> None:
        self._campus = campus
        self._mark = mark
        self._new: dict[str, dict[Any, Any]] = {table: {} for table in REPLACED}
        self._old: dict[str, dict[Any, Any]] = {table: {} for table in REPLACED}

    def replace(self, table: str, old: Any, new: Any) -> None:
        self._new[table][old] = new
        self._old[table][new] = old

    def all(self, table: str) -> dict[Any, Any]:
        """Old ids and new ones."""
        return dict(self._new[table])

    def here(self, table: Table, row: Row) -> Row:
        """Raises `KeyError` for an id that the archive does not have."""
        return self._rewritten(table, row, self._new, self._actor_here, self._campus)

    def there(self, table: Table, row: Row) -> Row:
        return self._rewritten(table, row, self._old, self._actor_there, self._campus[::-1])

    def key_here(self, key: str) -> str:
        """A storage key, with the id of the campus in it."""
        return _moved_key(key, *self._campus)

    def _rewritten(
        self,
        table: Table,
        row: Row,
        ids: dict[str, dict[Any, Any]],
        actor: Callable[[str], str],
        campus: tuple[int, ...],
    ) -> Row:
        moved = dict(row)
        for column, target in table.refers.items():
            if row[column] is not None:
                moved[column] = ids[target][row[column]]
        if table.name in REPLACED:
            moved["id"] = ids[table.name][row["id"]]
        for column in ACTORS:
            if column in row:
                moved[column] = actor(row[column])
        if row.get("target_type") == _USER:
            moved["target_id"] = actor(f"user:{row['target_id']}").removeprefix("user:")
        if table.name in KEYS:
            moved["key"] = _own_key(row["key"], *campus)
        return moved

    def _actor_here(self, actor: str) -> str:
        found = _ACTOR.fullmatch(actor)
        if found is None:
            return actor
        new = self._new[ACCOUNTS].get(int(found[1]))
        return f"{actor}@{self._mark}" if new is None else f"user:{new}"

    def _actor_there(self, actor: str) -> str:
        if actor.endswith(f"@{self._mark}"):
            return actor.removesuffix(f"@{self._mark}")
        found = _ACTOR.fullmatch(actor)
        return actor if found is None else f"user:{self._old[ACCOUNTS][int(found[1])]}"


def _moved_key(key: str, old: int, new: int) -> str:
    folder, _slash, name = key.rpartition("/")
    parent, _slash, campus = folder.rpartition("/")
    return f"{parent}/{new}/{name}" if campus == str(old) else key


def _own_key(key: str, old: int, new: int) -> str:
    """Raises `ValueError`: what lies elsewhere would be deleted with the row of this campus."""
    moved = _moved_key(key, old, new)
    if moved == key and old != new:
        message = f"{key} lies in the folder of another campus"
        raise ValueError(message)
    return moved
