"""Who is in danger: defaulters below the limit, and absences in a row."""

from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Final

from django.db import connections
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary, CustomStatus
from apps.attendance.selectors.policies import policies_for
from apps.common.rows import table_name
from apps.enrollments.models import Course, Enrollment
from apps.reports.asked import Asked
from apps.reports.percentages import outlook
from apps.reports.selectors.courses import courses_now
from apps.reports.selectors.standings import (
    CourseStanding,
    below_the_limit,
    standings_of,
)
from apps.reports.tables import PagedRows, Row
from apps.sessions.models import ClassSession, SessionCourse
from apps.tenants.replica import reading_alias
from apps.tenants.scope import current_campus_id


def named(standing: CourseStanding) -> Row:
    """The cells that say who and where."""
    return {
        "student": standing.student_id,
        "code": standing.student_code,
        "name": standing.student_name,
        "course": standing.course_id,
        "course_code": standing.course_code,
        "course_name": standing.course_name,
    }


# --- Defaulters ------------------------------------------------------------------------------


def defaulters(asked: Asked) -> PagedRows:
    """Whose percentage, as it is shown, is below the limit, lowest first.

    One row per student and course. Nobody is listed before a session counted.
    """
    courses = courses_now(asked).values_list("pk", flat=True)
    return PagedRows(below_the_limit(asked, course_ids=courses), partial(_with_outlook, asked))


def _with_outlook(asked: Asked, summary_ids: list[int]) -> list[Row]:
    return [
        {**named(row), **risk_of(row, row.limit, row.remaining)}
        for row in standings_of(asked, summary_ids=summary_ids)
    ]


def risk_of(summary: AttendanceSummary | CourseStanding, limit: Decimal, remaining: int) -> Row:
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

# Asked per course: how many in a row are too many, and the day of the n-th last session that was
# held. A student who attended after that day cannot have missed the last n and is not looked at.
STREAKS: Final = f"""
SELECT summary.id, streak.missed, streak.since
FROM unnest(%(courses)s::bigint[], %(numbers)s::int[], %(days)s::date[])
    AS asked (course_id, number, held_on)
JOIN {table_name(Course)} course ON course.id = asked.course_id
JOIN {table_name(AttendanceSummary)} summary ON summary.course_id = asked.course_id
    AND (summary.last_attendance_on IS NULL OR summary.last_attendance_on <= asked.held_on)
    AND summary.total_sessions - summary.attended_sessions >= asked.number
JOIN {table_name(Student)} student ON student.id = summary.student_id AND student.is_active
JOIN {table_name(Enrollment)} enrollment ON enrollment.student_id = summary.student_id
    AND enrollment.course_id = summary.course_id AND enrollment.status = 'enrolled'
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
            FROM {table_name(AttendanceRecord)} r
            JOIN {table_name(ClassSession)} s ON s.id = r.session_id
            LEFT JOIN {table_name(CustomStatus)} label ON label.id = r.label_id
            WHERE r.student_id = summary.student_id AND r.course_id = summary.course_id
        ) counted
    ) newest_first
    WHERE newest_first.counts = 'missed' AND NOT newest_first.is_over
) streak
WHERE summary.campus_id = %(campus)s AND streak.missed >= asked.number
ORDER BY streak.missed DESC, student.code, course.code
"""  # noqa: S608  (names of our models)


def consecutive_absences(asked: Asked) -> PagedRows:
    """Whose newest sessions of a course were missed n times or more in a row, longest first.

    n is asked for, else the course's policy says. Excused sessions neither count nor end a row.
    """
    ids = list(courses_now(asked).values_list("pk", flat=True))
    policies = policies_for(course_ids=ids)
    numbers = {i: asked.filters.absences or policies[i].consecutive_absences for i in ids}
    held = _held_on(numbers)
    with connections[reading_alias()].cursor() as cursor:
        cursor.execute(
            STREAKS,
            {
                "campus": current_campus_id(),
                "courses": list(held),
                "numbers": [numbers[i] for i in held],
                "days": [str(day) for day in held.values()],
            },
        )
        streaks = {pk: (missed, since) for pk, missed, since in cursor.fetchall()}
    return PagedRows(list(streaks), partial(_with_streaks, asked, streaks))


def _held_on(numbers: dict[int, int]) -> dict[int, date]:
    """The day of each course's n-th last session with a register; courses with fewer are left out.

    One statement.
    """
    newest = Window(RowNumber(), partition_by=F("course_id"), order_by=F("starts_at").desc())
    rows = (
        SessionCourse.objects.filter(course_id__in=numbers, session__opened_at__isnull=False)
        .order_by()
        .annotate(place=newest)
        .filter(place__lte=max(numbers.values(), default=0))
        .values_list("course_id", "place", "held_on")
    )
    return {course: day for course, place, day in rows if place == numbers[course]}


def _with_streaks(
    asked: Asked, streaks: dict[int, tuple[int, datetime]], summary_ids: list[int]
) -> list[Row]:
    standings = standings_of(asked, summary_ids=summary_ids)
    return [
        _streak_row(standing, *streaks[pk])
        for pk, standing in zip(summary_ids, standings, strict=True)
    ]


def _streak_row(standing: CourseStanding, missed: int, since: datetime) -> Row:
    return {
        **named(standing),
        "missed": missed,
        "since": since,
        "last_attended": standing.last_attendance_on,
        "percentage": standing.attendance_percentage if standing.total_sessions else None,
    }
