"""Sealed columns of a campus's rows: renewed with the master key, and when the campus moves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models

from apps.tenants.moving import Keys, MovedRows, Row, add_moved_rows, moved_value
from apps.tenants.rotation import add_sealed_rows, resealed_value


@dataclass(frozen=True, kw_only=True)
class SealedColumns:
    """Binary columns, empty or sealed for `purpose` under the campus's key.

    `bound_to`: the column whose text they are bound to as context, so that a value does not open
    in another row; "" where they are bound to none. `renewed` is told each row that was renewed.
    """

    model: type[models.Model]
    columns: tuple[str, ...]
    purpose: str
    bound_to: str = ""
    renewed: Callable[[Any], None] | None = None

    def reseal(self) -> int:
        """Under the key in force, in the entered campus; returns how many rows."""
        rows = self.model._default_manager.order_by("pk")
        return sum(self._reseal_row(row) for row in rows)

    def _reseal_row(self, row: Any) -> int:
        context = self._context(getattr(row, self.bound_to)) if self.bound_to else b""
        new: dict[str, bytes] = {}
        for name in self.columns:
            if value := getattr(row, name):
                sealed = resealed_value(self.purpose, bytes(value), context=context)
                if sealed is not None:
                    new[name] = sealed
        if not new:
            return 0
        done = self.model._default_manager.filter(pk=row.pk).update(**new)
        if self.renewed is not None:
            self.renewed(row)
        return done

    def move(self, row: Row, before: Row, source: Keys, target: Keys) -> None:
        context = self._context(before[self.bound_to]) if self.bound_to else b""
        for name in self.columns:
            if value := before[name]:
                row[name] = moved_value(value, self.purpose, source, target, context=context)

    def _context(self, value: object) -> bytes:
        return str(value).encode()


def add_sealed_columns(name: str, sealed: SealedColumns) -> None:
    """For `rotate_master_key` and for a campus that moves. Adding twice counts once."""
    add_sealed_rows(name, sealed.reseal)
    table = sealed.model._meta.db_table
    add_moved_rows(name, MovedRows(table=table, columns=sealed.columns, reseal=sealed.move))
