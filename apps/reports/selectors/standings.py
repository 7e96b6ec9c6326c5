"""Where students stand: the figures of a course, the limit that holds, what is left of the term.

Read by statements written by hand, for the promises of bench/reports (one student ≤ 10 ms,
defaulters ≤ 60 ms over HTTP). Through the ORM, with the policies as subqueries, medians were, both
in turn on its one term and a busy machine: one student 0.4 → 5.9 ms, the ids below the limit
27 → 61 ms, a page of 50 rows 1.4 → 9.3 ms.
"""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connections

from apps.accounts.models import Student
from apps.attendance.models import AttendanceSummary, Policy
from apps.common.rows import table_name
from apps.enrollments.models import Course, Enrollment, Subject, Term
from apps.reports.asked import Asked
from apps.sessions.models import SessionCourse
from apps.tenants.replica import reading_alias
from apps.tenants.scope import current_campus_id


class CourseStanding(NamedTuple):
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


# As `policy_for`: the newest of the course's own, else the campus's, else the default.
_NEWEST: Final = f"""
newest AS (
    SELECT DISTINCT ON (course_id) course_id, defaulter_percent
    FROM {table_name(Policy)}
    WHERE campus_id = %(campus)s
    ORDER BY course_id, version DESC
)
"""  # noqa: S608  (names of our models)
_POLICIES: Final = """
LEFT JOIN newest own ON own.course_id = course.id
LEFT JOIN newest everywhere ON everywhere.course_id IS NULL
"""
_LIMIT: Final = """
    coalesce(%(threshold)s, own.defaulter_percent, everywhere.defaulter_percent, %(default_limit)s)
"""

_STANDINGS: Final = f"""
WITH {_NEWEST}
SELECT student.id, student.code, student.full_name, course.id, course.code, subject.name,
    term.name || ' ' || term.academic_year, summary.total_sessions, summary.attended_sessions,
    summary.late_sessions, summary.absent_sessions, summary.excused_sessions,
    summary.attendance_percentage, summary.first_attendance_on, summary.last_attendance_on,
    {_LIMIT}, CASE WHEN term.ends_on >= %(today)s THEN (
        SELECT count(*) FROM {table_name(SessionCourse)} session
        WHERE session.course_id = course.id AND session.status = 'scheduled'
            AND session.starts_at > %(now)s
            AND session.held_on <= term.ends_on
    ) ELSE 0 END
FROM {table_name(AttendanceSummary)} summary
JOIN {table_name(Student)} student ON student.id = summary.student_id
JOIN {table_name(Course)} course ON course.id = summary.course_id
JOIN {table_name(Subject)} subject ON subject.id = course.subject_id
JOIN {table_name(Term)} term ON term.id = course.term_id
{_POLICIES}
"""  # noqa: S608

_OF_STUDENT: Final = f"""{_STANDINGS}
WHERE summary.campus_id = %(campus)s AND summary.student_id = %(student)s
    AND (%(courses)s::bigint[] IS NULL OR summary.course_id = ANY(%(courses)s))
ORDER BY term.starts_on DESC, course.code
"""

_OF_IDS: Final = f"""{_STANDINGS}
JOIN unnest(%(ids)s::bigint[]) WITH ORDINALITY AS wanted (id, place) ON wanted.id = summary.id
WHERE summary.campus_id = %(campus)s
ORDER BY wanted.place
"""

# Each part is finished before the next one, because students, courses and enrolments depend on
# each other, which the planner does not know: it would expect few rows and look each of them up.
_BELOW: Final = f"""
WITH {_NEWEST}, asked AS MATERIALIZED (
    SELECT course.id, course.code, {_LIMIT} AS limit_percent
    FROM {table_name(Course)} course {_POLICIES}
    WHERE course.campus_id = %(campus)s AND course.id = ANY(%(courses)s)
), below AS MATERIALIZED (
    SELECT summary.id, summary.student_id, summary.course_id, summary.attendance_percentage,
        student.code AS student_code, asked.code AS course_code
    FROM asked
    JOIN {table_name(AttendanceSummary)} summary ON summary.course_id = asked.id
    JOIN {table_name(Student)} student ON student.id = summary.student_id
    WHERE summary.campus_id = %(campus)s AND summary.total_sessions > 0
        AND summary.attendance_percentage < asked.limit_percent AND student.is_active
), enrolled AS MATERIALIZED (
    SELECT enrollment.student_id, enrollment.course_id
    FROM asked JOIN {table_name(Enrollment)} enrollment ON enrollment.course_id = asked.id
    WHERE enrollment.campus_id = %(campus)s AND enrollment.status = 'enrolled'
)
SELECT array_agg(id ORDER BY attendance_percentage, student_code, course_code, id)
FROM below JOIN enrolled USING (student_id, course_id)
"""  # noqa: S608


def standings_of_student(
    asked: Asked, *, student_id: int, course_ids: Collection[int] | None
) -> list[CourseStanding]:
    """Newest term first, then by code; of all courses, or of these. One statement."""
    courses = None if course_ids is None else list(course_ids)
    return _standings(asked, _OF_STUDENT, student=student_id, courses=courses)


def standings_of(asked: Asked, *, summary_ids: list[int]) -> list[CourseStanding]:
    """In the order of the summaries' ids. One statement."""
    return _standings(asked, _OF_IDS, ids=summary_ids)


def below_the_limit(asked: Asked, *, course_ids: Collection[int]) -> list[int]:
    """Ids of the summaries below their limit, lowest first. One statement.

    Of active students who are still enrolled, once a session counted.
    """
    with connections[reading_alias()].cursor() as cursor:
        cursor.execute(_BELOW, {**_values(asked), "courses": list(course_ids)})
        return cursor.fetchone()[0] or []


def _standings(asked: Asked, statement: str, **values: Any) -> list[CourseStanding]:
    with connections[reading_alias()].cursor() as cursor:
        cursor.execute(statement, {**_values(asked), **values})
        return [CourseStanding(*row) for row in cursor.fetchall()]


def _values(asked: Asked) -> dict[str, Any]:
    return {
        "campus": current_campus_id(),
        "threshold": asked.filters.threshold,
        "default_limit": Policy().defaulter_percent,
        "now": asked.now,
        "today": asked.today,
    }
