"""How PostgreSQL answers the hottest statements, with many rows.

    python -m bench.plans [--marks 1000000]

Starts its own servers in a temporary folder, fills a campus (bench/many_rows.py), plays the
requests that people send most, and explains every statement that they came to. Prints for each the
tables that it reads and the rows that it looks at, most first, and what reads a large table from
one end to the other. tests/test_plans.py does the same with few rows.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LARGE: Final = 300  # rows; smaller tables may be read as a whole
MANY: Final = 10_000  # rows; of tables with as many
MOST: Final = 2000  # rows that one statement may look at
_READS: Final = ("SELECT", "WITH")
_OF_THE_TRANSACTION: Final = ("set_config", "pg_advisory")
_CHANGES: Final = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Statement:
    """One statement of a request, and what its plan does with large tables."""

    request: str
    sql: str
    looked_at: dict[str, int] = field(default_factory=dict)  # rows by table
    whole: set[str] = field(default_factory=set)  # tables that are read from one end to the other

    @property
    def most(self) -> int:
        return max(self.looked_at.values(), default=0)

    @property
    def is_bad(self) -> bool:
        return bool(self.whole) or self.most > MOST


def sizes(cursor: Any) -> dict[str, int]:
    """Rows of the large tables, as the last ANALYZE estimated them."""
    cursor.execute(
        "SELECT relname, reltuples::bigint FROM pg_class WHERE relkind = 'r' AND reltuples >= %s",
        [LARGE],
    )
    return dict(cursor.fetchall())


def explained(
    cursor: Any, request: str, statements: Iterable[str], large: dict[str, int]
) -> Iterator[Statement]:
    """Each statement once. Those that read are run; of those that write the plan is made."""
    for sql in dict.fromkeys(statements):
        if any(function in sql for function in _OF_THE_TRANSACTION):
            continue
        verb = sql.lstrip(" (\n").partition(" ")[0].upper().strip()
        if verb in _READS and not _writes(sql):
            how = "ANALYZE, TIMING OFF, FORMAT JSON"
        elif verb in (*_CHANGES, *_READS):
            how = "FORMAT JSON"
        else:
            continue
        cursor.execute(f"EXPLAIN ({how}) {sql}")
        found = cursor.fetchone()[0]
        plan = json.loads(found) if isinstance(found, str) else found
        statement = Statement(request=request, sql=sql)
        _walk(plan[0]["Plan"], statement, large)
        yield statement


def _writes(sql: str) -> bool:
    """Whether running it once more would change something."""
    words = sql.upper()
    return any(word in words for word in ("INSERT INTO", "DELETE FROM", " SET ", "NEXTVAL"))


def _walk(node: dict[str, Any], statement: Statement, large: dict[str, int]) -> None:
    table = node.get("Relation Name")
    if table in large and "Scan" in node["Node Type"]:
        if node["Node Type"] == "Seq Scan":
            statement.whole.add(table)
        if large[table] >= MANY:
            statement.looked_at[table] = statement.looked_at.get(table, 0) + _rows(node)
    for child in node.get("Plans", []):
        _walk(child, statement, large)


def _rows(node: dict[str, Any]) -> int:
    """That it looked at, those that it passed over included; 0 where it was planned only."""
    passed_over = node.get("Rows Removed by Filter", 0)
    passed_over += node.get("Rows Removed by Index Recheck", 0)
    return int((node.get("Actual Rows", 0) + passed_over) * node.get("Actual Loops", 1))


def as_lines(statements: list[Statement]) -> Iterator[str]:
    for one in sorted(statements, key=lambda one: (one.is_bad, one.most), reverse=True):
        reads = ", ".join(f"{table} {rows}" for table, rows in sorted(one.looked_at.items()))
        whole = f"  READS ALL OF {', '.join(sorted(one.whole))}" if one.whole else ""
        yield f"{one.request:40} {reads}{whole}\n    {' '.join(one.sql.split())[:160]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--marks", type=int, default=1_000_000)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-plans-") as folder:
        layout = Layout(Path(folder))
        with EmbeddedStack(layout):
            from bench.check_in import set_up

            set_up(Path(folder))
            sys.exit(measure(layout, options.marks))


def measure(layout: Any, marks: int) -> int:
    import psycopg
    from django.conf import settings

    from bench.many_rows import ENROLMENTS, Size
    from bench.requests import Requests
    from tests.factories import make_cast

    days = 42
    size = Size(students=max(marks // (ENROLMENTS * days), 1), days=days)
    requests = Requests(make_cast("north"))
    facts = {"host": str(layout.socket_directory), "user": "postgres"}
    started = time.perf_counter()
    with psycopg.connect(
        **facts, dbname=settings.DATABASES["default"]["NAME"], autocommit=True
    ) as root:
        made = requests.fill(root, size)
    seconds = time.perf_counter() - started
    print(f"{sum(made.values())} rows in {seconds:.0f} s, {size.marks} of them marks.")
    found = requests.explained(index_only=False)
    print("\n".join(as_lines(found)))
    bad = [one for one in found if one.is_bad]
    print(f"{len(found)} statements, {len(bad)} of them bad.")
    return 1 if bad else 0


if __name__ == "__main__":
    main()
