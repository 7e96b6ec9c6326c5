"""The hottest statements find their rows by an index, however many there are.

With 36,000 marks; `python -m bench.plans` does the same with a million.
"""

from collections.abc import Iterator

import pytest
from django.db import connections

from bench.many_rows import TABLES, Size
from bench.plans import Statement, _walk, as_lines
from bench.requests import Requests
from tests import services, tables
from tests.factories import make_cast

FEW = Size(students=400, days=15)

pytestmark = pytest.mark.skipif(
    services.STACK is None, reason="fills the tables as a superuser: not those of others"
)


@pytest.fixture
def crowded(transactional_db: None) -> Iterator[Requests]:
    requests = Requests(make_cast("north"))
    with tables._connection() as root:
        made = requests.fill(root, FEW)
    assert made["attendance_attendancerecord"] == FEW.marks
    yield requests
    connections.close_all()
    tables.empty()
    with tables._connection() as root:  # what the planner knows, too
        for table, _kind, _changes in TABLES:
            root.execute(f"VACUUM ANALYZE {table}")


def bad(found: list[Statement]) -> str:
    return "\n".join(as_lines([one for one in found if one.is_bad]))


def test_every_statement_of_the_hottest_requests_uses_an_index(crowded: Requests) -> None:
    found = crowded.explained(index_only=True)
    assert len({one.request for one in found}) >= 20
    assert len(found) >= 100
    assert bad(found) == ""


def test_what_is_read_as_a_whole_or_for_few_of_its_rows_is_bad() -> None:
    rows = {"Actual Rows": 3, "Actual Loops": 1, "Rows Removed by Filter": 5000}
    for kind, is_bad in (("Seq Scan", True), ("Index Scan", True), ("Hash", False)):
        node = {"Node Type": kind, "Relation Name": "marks", **rows}
        statement = Statement(request="", sql="")
        _walk({"Node Type": "Limit", "Plans": [node]}, statement, {"marks": 20_000})
        assert statement.is_bad is is_bad
