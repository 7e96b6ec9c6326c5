"""Who is in danger: defaulters below the limit, and absences in a row."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber, TruncDate

from apps.attendance.models import AttendanceSummary
from apps.attendance.policies import policies_for
from apps.enrollments.models import Course, Enrollment
from apps.reports.asked import Asked
from apps.reports.percentages import outlook
from apps.reports.selectors.courses import courses_now, limits_of, remaining_of
from apps.reports.tables import Found, Row
from apps.sessions.models import ClassSession

ENROLLED: Final = Exists(
    Enrollment.objects.filter(
        student=OuterRef("student"), course=OuterRef("course"), status=Enrollment.Status.ENROLLED
    )
)


def people_of(summaries: QuerySet[AttendanceSummary]) -> QuerySet[AttendanceSummary]:
    """With all that a row names: active students who are still enrolled."""
    return summaries.filter(ENROLLED, student__is_active=True).select_related(
        "student", "course__subject"
    )


def person(summary: AttendanceSummary) -> Row:
    """The cells that say who and where."""
    return {
        "student": summary.student_id,
        "code": summary.student.code,
        "name": summary.student.full_name,
        "course": summary.course_id,
        "course_code": summary.course.code,
        "course_name": summary.course.subject.name,
    }


# --- Defaulters ------------------------------------------------------------------------------


def defaulters(asked: Asked) -> Found:
    """Whose percentage, as it is shown, is below the limit, lowest first.

    One row per student and course. Nobody is listed before a session counted.
    """
    courses = courses_now(asked)
    limits = limits_of(list(courses.values_list("pk", flat=True)), asked.filters.threshold)
    below = _below(limits, courses)
    found = people_of(AttendanceSummary.objects.filter(below, total_sessions__gt=0))
    ordered = found.order_by("attendance_percentage", "student__code", "course__code", "id")
    return Found(ordered, _with_outlook(asked, limits))


def _below(limits: dict[int, Decimal], courses: QuerySet[Course]) -> Q:
    """Where one limit holds for all, the courses stay a subquery: hundreds of ids in the statement
    cost more than the search itself."""
    if len(set(limits.values())) == 1:
        (limit,) = set(limits.values())
        return Q(course__in=courses, attendance_percentage__lt=limit)
    by_limit: dict[Decimal, list[int]] = defaultdict(list)
    for course_id, limit in limits.items():
        by_limit[limit].append(course_id)
    below = Q(pk__in=[])
    for limit, ids in by_limit.items():
        below |= Q(course_id__in=ids, attendance_percentage__lt=limit)
    return below


def _with_outlook(
    asked: Asked, limits: dict[int, Decimal]
) -> Callable[[list[AttendanceSummary]], list[Row]]:
    def finish(page: list[AttendanceSummary]) -> list[Row]:
        courses = {summary.course_id for summary in page}
        left = remaining_of(courses, now=asked.now, zone=asked.zone)
        return [
            {**person(row), **risk_of(row, limits[row.course_id], left.get(row.course_id, 0))}
            for row in page
        ]

    return finish


def risk_of(summary: AttendanceSummary, limit: Decimal, remaining: int) -> Row:
    """The summary's figures, the limit, and what is still within reach."""
    ahead = outlook(
        attended=summary.attended_sessions,
        counted=summary.total_sessions,
        remaining=remaining,
        limit=limit,
    )
    return {
        "sessions": summary.total_sessions,
        "attended": summary.attended_sessions,
        "late": summary.late_sessions,
        "absent": summary.absent_sessions,
        "excused": summary.excused_sessions,
        "percentage": summary.attendance_percentage if summary.total_sessions else None,
        "limit": limit,
        "remaining": ahead.remaining,
        "highest": ahead.highest,
        "must_attend": ahead.must_attend,
        "may_miss": ahead.may_miss,
        "in_a_row": ahead.in_a_row,
    }


# --- Absences in a row -----------------------------------------------------------------------

# {0}: course id, how many in a row are too many, the day of the n-th last session that was held.
# Whoever attended after that day cannot have missed the last n: only the others are looked at.
STREAKS: Final = """
SELECT summary.id, streak.missed, streak.since
FROM unnest(%s::bigint[], %s::int[], %s::date[]) AS asked (course_id, number, held_on)
JOIN attendance_attendancesummary summary ON summary.course_id = asked.course_id
    AND (summary.last_attendance_on IS NULL OR summary.last_attendance_on <= asked.held_on)
    AND summary.total_sessions - summary.attended_sessions >= asked.number
CROSS JOIN LATERAL (
    SELECT count(*) AS missed, min(newest_first.starts_at) AS since
    FROM (
        SELECT counted.counts, counted.starts_at,
            bool_or(counted.counts = 'attended')
                OVER (ORDER BY counted.starts_at DESC, counted.id DESC) AS is_over
        FROM (
            SELECT s.id, s.starts_at, coalesce(label.counts_as, CASE r.status
                WHEN 'present' THEN 'attended' WHEN 'late' THEN 'attended'
                WHEN 'excused' THEN 'neutral' ELSE 'missed' END) AS counts
            FROM attendance_attendancerecord r
            JOIN class_sessions_classsession s ON s.id = r.session_id
            LEFT JOIN attendance_customstatus label ON label.id = r.label_id
            WHERE r.student_id = summary.student_id AND s.course_id = summary.course_id
        ) counted
    ) newest_first
    WHERE newest_first.counts = 'missed' AND NOT newest_first.is_over
) streak
WHERE streak.missed >= asked.number
ORDER BY streak.missed DESC, summary.id
"""


def consecutive_absences(asked: Asked) -> Found:
    """Whose newest sessions of a course were missed n times or more in a row, longest first.

    n is asked for, else the course's policy says. Excused sessions neither count nor end a row.
    """
    ids = list(courses_now(asked).values_list("pk", flat=True))
    policies = policies_for(course_ids=ids)
    numbers = {i: asked.filters.absences or policies[i].consecutive_absences for i in ids}
    held = _held_on(numbers, asked.zone)
    with connection.cursor() as cursor:
        cursor.execute(
            STREAKS, [list(held), [numbers[i] for i in held], [str(day) for day in held.values()]]
        )
        streaks = {pk: (missed, since) for pk, missed, since in cursor.fetchall()}
    found = people_of(AttendanceSummary.objects.filter(pk__in=streaks))
    rows = sorted(found, key=lambda row: (-streaks[row.pk][0], row.student.code, row.course.code))
    return Found([_streak_row(row, *streaks[row.pk]) for row in rows])


def _held_on(numbers: dict[int, int], zone: Any) -> dict[int, date]:
    """The day of each course's n-th last session with a register; courses with fewer are left out.

    One statement.
    """
    newest = Window(RowNumber(), partition_by=F("course_id"), order_by=F("starts_at").desc())
    rows = (
        ClassSession.objects.filter(course_id__in=numbers, opened_at__isnull=False)
        .order_by()
        .annotate(place=newest, day=TruncDate("starts_at", tzinfo=zone))
        .filter(place__lte=max(numbers.values(), default=0))
        .values_list("course_id", "place", "day")
    )
    return {course: day for course, place, day in rows if place == numbers[course]}


def _streak_row(summary: AttendanceSummary, missed: int, since: Any) -> Row:
    return {
        **person(summary),
        "missed": missed,
        "since": since,
        "last_attended": summary.last_attendance_on,
        "percentage": summary.attendance_percentage if summary.total_sessions else None,
    }
