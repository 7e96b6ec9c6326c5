"""Where students stand: the figures of a course, the limit that holds, what is left of the term."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from django.db.models import (
    Case,
    Count,
    DecimalField,
    Exists,
    OuterRef,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Concat

from apps.attendance.models import AttendanceSummary, Policy
from apps.enrollments.models import Enrollment
from apps.reports.asked import Asked
from apps.sessions.models import ClassSession, SessionCourse


class Standing(NamedTuple):
    """One student in one course; the figures are called as in `AttendanceSummary`.

    `limit` in percent; `remaining` as `remaining_of` counts.
    """

    student_id: int
    student_code: str
    student_name: str
    course_id: int
    course_code: str
    course_name: str
    term: str
    total_sessions: int
    attended_sessions: int
    late_sessions: int
    absent_sessions: int
    excused_sessions: int
    attendance_percentage: Decimal
    first_attendance_on: date | None
    last_attendance_on: date | None
    limit: Decimal
    remaining: int


# Where the fields of a standing are found from the summary; `_standings` adds those in SQL.
_FIELDS: Final = (
    "student_id",
    "student__code",
    "student__full_name",
    "course_id",
    "course__code",
    "course__subject__name",
    "in_term",
    "total_sessions",
    "attended_sessions",
    "late_sessions",
    "absent_sessions",
    "excused_sessions",
    "attendance_percentage",
    "first_attendance_on",
    "last_attendance_on",
    "limit",
    "remaining",
)
_PERCENT: Final = DecimalField(max_digits=5, decimal_places=2)


def standings_of_student(
    asked: Asked, *, student_id: int, course_ids: Collection[int] | None
) -> list[Standing]:
    """Newest term first, then by code; of all courses, or of these. One statement."""
    found = _standings(asked).filter(student=student_id)
    if course_ids is not None:
        found = found.filter(course__in=course_ids)
    found = found.order_by("-course__term__starts_on", "course__code")
    return [Standing(*row) for row in found.values_list(*_FIELDS)]


def standings_of(asked: Asked, *, summary_ids: list[int]) -> list[Standing]:
    """In the order of the summaries' ids. One statement."""
    rows = _standings(asked).filter(pk__in=summary_ids).order_by().values_list("pk", *_FIELDS)
    found = {pk: Standing(*row) for pk, *row in rows}
    return [found[pk] for pk in summary_ids if pk in found]


def below_the_limit(asked: Asked, *, course_ids: Collection[int]) -> list[int]:
    """Ids of the summaries below their limit, lowest first. One statement.

    Of active students who are still enrolled, once a session counted.
    """
    enrolled = Enrollment.objects.filter(
        student=OuterRef("student"),
        course=OuterRef("course"),
        status=Enrollment.Status.ENROLLED,
    )
    found = (
        AttendanceSummary.objects.filter(
            Exists(enrolled),
            course__in=course_ids,
            student__is_active=True,
            total_sessions__gt=0,
            attendance_percentage__lt=_limit(asked),
        )
        .order_by("attendance_percentage", "student__code", "course__code", "id")
        .values_list("pk", flat=True)
    )
    return list(found)


def _standings(asked: Asked) -> QuerySet[AttendanceSummary]:
    in_term = Concat(
        "course__term__name", Value(" "), "course__term__academic_year", output_field=TextField()
    )
    return AttendanceSummary.objects.annotate(
        in_term=in_term, limit=_limit(asked), remaining=_remaining(asked)
    )


def _limit(asked: Asked) -> Coalesce:
    """What was asked for, else as `policy_for`: the newest of the course's own, of the campus's,
    else the default."""
    newest = Policy.objects.order_by("-version").values("defaulter_percent")
    return Coalesce(
        Value(asked.filters.threshold, output_field=_PERCENT),
        Subquery(newest.filter(course=OuterRef("course"))[:1]),
        Subquery(newest.filter(course__isnull=True)[:1]),
        Value(Policy().defaulter_percent, output_field=_PERCENT),
        output_field=_PERCENT,
    )


def _remaining(asked: Asked) -> Case:
    """As `remaining_of`; of terms that have ended nothing is looked up."""
    ahead = (
        SessionCourse.objects.filter(
            course=OuterRef("course"),
            status=ClassSession.Status.SCHEDULED,
            starts_at__gt=asked.now,
            held_on__lte=OuterRef("course__term__ends_on"),
        )
        .order_by()
        .values("course")
        .annotate(number=Count("pk"))
        .values("number")
    )
    runs = When(course__term__ends_on__gte=asked.today, then=Coalesce(Subquery(ahead), 0))
    return Case(runs, default=Value(0))
