"""Ids that are ordered by time, of Python and of the database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from apps.common.ids import FIRST, earlier, uuid7

MOMENT = datetime(2026, 11, 28, 12, 0, 0, 123_456, tzinfo=UTC)
NANOSECONDS = int(MOMENT.timestamp() * 1_000_000) * 1000


def milliseconds(made: UUID) -> int:
    return made.int >> 80


def test_version_variant_and_time_are_where_rfc_9562_puts_them() -> None:
    made = uuid7(NANOSECONDS)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert milliseconds(made) == NANOSECONDS // 1_000_000


def test_the_example_of_the_rfc() -> None:
    """RFC 9562, appendix A.6, with its last 62 bits; its 12 bits before are random."""
    made = uuid7(1_645_557_742_000 * 1_000_000, random=0x18C4DC0C0C07398F)
    assert str(made) == "017f22e2-79b0-7000-98c4-dc0c0c07398f"


def test_ids_of_one_process_are_in_order() -> None:
    made = [uuid7(NANOSECONDS + step * 1000) for step in range(2000)]
    assert made == sorted(made)
    assert len(set(made)) == 2000


def test_the_same_random_bits_make_the_same_id() -> None:
    assert uuid7(NANOSECONDS, random=2**70 + 5) == uuid7(NANOSECONDS, random=2**70 + 5)
    assert uuid7(NANOSECONDS) != uuid7(NANOSECONDS)


def test_a_range_of_ids_is_a_range_of_time() -> None:
    bound = earlier(uuid7(NANOSECONDS), timedelta(hours=1))
    hour = 3_600_000_000_000
    assert uuid7(NANOSECONDS - hour - 1_000_000) < bound < uuid7(NANOSECONDS - hour + 1_000_000)
    assert earlier(FIRST, timedelta(days=1)) == FIRST


@pytest.mark.django_db
def test_the_databases_are_alike() -> None:
    before = uuid7()
    with connection.cursor() as cursor:
        cursor.execute("SELECT campus_uuid7() FROM generate_series(1, 1000)")
        made = [row[0] for row in cursor.fetchall()]
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert len(set(made)) == 1000
    assert made == sorted(made) or milliseconds(made[0]) <= milliseconds(made[-1])
    assert abs(milliseconds(made[0]) - milliseconds(before)) < 60_000
