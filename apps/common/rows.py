"""SQL by hand: names of tables, and rows that every request asks for."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)
T = TypeVar("T")


def table_name(model: type[models.Model]) -> str:
    """The table's name, for SQL by hand that reads another app: a literal name there would not be
    found when the model is renamed or moved (tests/test_architecture.py)."""
    return model._meta.db_table


def batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` rows, the last one shorter."""
    rest = iter(rows)
    while batch := list(islice(rest, size)):
        yield batch


class FixedQuery(Generic[M]):
    """The first row of a model for a fixed condition, or None: `FixedQuery(User, "id = %s")`.

    For the few queries of nearly every request: building one through the ORM takes several times as
    long as the database does to answer it (bench/check_in). The condition is SQL that the code
    itself wrote, and names the campus where the model belongs to one: managers do not add it here.

    `beside` is one more expression, whose value the row carries as an attribute of that name.
    """

    def __init__(self, model: type[M], condition: str, *, beside: str = "") -> None:
        self.model = model
        self.has_beside = bool(beside)
        self.fields = [field.attname for field in model._meta.concrete_fields]
        # What the driver leaves to the field: JSON.
        self.converted = [
            (place, converter)
            for place, field in enumerate(model._meta.concrete_fields)
            for converter in field.get_db_converters(connection)
        ]
        columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
        columns += f", {beside}" if beside else ""
        table = model._meta.db_table
        self.statement = f'SELECT {columns} FROM "{table}" WHERE {condition} LIMIT 1'  # noqa: S608

    def first(self, *values: Any) -> M | None:
        with connection.cursor() as cursor:
            cursor.execute(self.statement, values)
            found = cursor.fetchone()
        if found is None:
            return None
        row = list(found)
        for place, convert in self.converted:
            row[place] = convert(row[place], None, connection)
        beside = row.pop() if self.has_beside else None
        found_row = self.model.from_db(connection.alias, self.fields, row)
        if self.has_beside:
            found_row.beside = beside  # type: ignore[attr-defined]
        return found_row
