"""What no two planned sessions may share at the same time, as PostgreSQL's constraints."""

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db.models import Func, Q


class Period(Func):
    """`starts_at` ≤ t < `ends_at`: sessions that follow each other do not overlap."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class OneAtATime(ExclusionConstraint):
    """Kept by the database. Forms ask `clashes.clash_refusal`, which names the other session."""

    def validate(self, *args: Any, **kwargs: Any) -> None:
        pass


def one_at_a_time(*, field: str, name: str) -> OneAtATime:
    """No two planned, uncancelled sessions with the same `field` overlap. Null never clashes."""
    return OneAtATime(
        name=name,
        expressions=[
            ("campus", RangeOperators.EQUAL),
            (field, RangeOperators.EQUAL),
            (Period("starts_at", "ends_at", RangeBoundary()), RangeOperators.OVERLAPS),
        ],
        condition=Q(is_planned=True) & ~Q(status="cancelled"),
    )
