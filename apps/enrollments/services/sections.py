"""Who is enrolled because of their section: the section's students in the section's courses.

Only students and courses that somebody named are looked at, and what was decided by hand against
the section (`Enrollment.by_hand`) stays: dropped from one course, kept in another one.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from apps.accounts.models import Student
from apps.audit.services import Actor, record
from apps.common.rows import table_name
from apps.tenants.bulk import execute, fetch_all, hashing
from apps.tenants.scope import current_campus_id

# Courses with a section in terms that have not ended.
_COURSES: Final = """
    enrollments_course c
    JOIN enrollments_term m
        ON m.campus_id = c.campus_id AND m.id = c.term_id AND m.ends_on >= %(today)s
"""
# A null list: all students, or all courses. As subqueries, which are hashed: PostgreSQL may go
# through an array of 50,000 from its beginning for each row.
_NAMED: Final = """
    (%(students)s::bigint[] IS NULL OR {student} IN (SELECT unnest(%(students)s::bigint[])))
    AND (%(courses)s::bigint[] IS NULL OR c.id IN (SELECT unnest(%(courses)s::bigint[])))
"""
_PLACED: Final = """
    EXISTS (
        SELECT FROM enrollments_placement p
        WHERE p.campus_id = %(campus)s AND p.student_id = e.student_id
            AND p.section_id = c.section_id AND p.is_current
    )
"""
_OF_NAMED: Final = f"""
    e.campus_id = %(campus)s AND c.campus_id = %(campus)s AND e.course_id = c.id
    AND c.section_id IS NOT NULL AND {_NAMED.format(student="e.student_id")}
"""
# Who was enrolled by hand and is now placed in the section: from here on it decides again.
_AGREE: Final = f"""
    UPDATE enrollments_enrollment e SET by_hand = false, updated_at = %(now)s
    FROM {_COURSES}
    WHERE {_OF_NAMED} AND e.status = 'enrolled' AND e.by_hand AND {_PLACED}
"""
_DROP: Final = f"""
    UPDATE enrollments_enrollment e
    SET status = 'dropped', ended_on = greatest(e.enrolled_on, %(today)s), updated_at = %(now)s
    FROM {_COURSES}
    WHERE {_OF_NAMED} AND e.status = 'enrolled' AND NOT e.by_hand AND NOT {_PLACED}
"""
_ENROL: Final = f"""
    INSERT INTO enrollments_enrollment (
        campus_id, student_id, course_id, enrolled_on, status, final_grade, by_hand,
        created_at, updated_at
    )
    SELECT %(campus)s, p.student_id, c.id, %(today)s, 'enrolled', '', false, %(now)s, %(now)s
    FROM {_COURSES}
    JOIN enrollments_placement p
        ON p.campus_id = c.campus_id AND p.section_id = c.section_id AND p.is_current
    JOIN {table_name(Student)} s
        ON s.campus_id = p.campus_id AND s.id = p.student_id AND s.is_active
    WHERE c.campus_id = %(campus)s AND c.is_active AND {_NAMED.format(student="p.student_id")}
        AND NOT EXISTS (
            SELECT FROM enrollments_enrollment e
            WHERE e.campus_id = %(campus)s AND e.student_id = p.student_id AND e.course_id = c.id
                AND (e.status <> 'dropped' OR e.by_hand)
        )
    ON CONFLICT (campus_id, student_id, course_id) DO UPDATE
        SET status = 'enrolled', ended_on = NULL, updated_at = excluded.updated_at,
            enrolled_on = greatest(excluded.enrolled_on, enrollments_enrollment.ended_on)
        WHERE enrollments_enrollment.status = 'dropped' AND NOT enrollments_enrollment.by_hand
"""
_KEPT: Final = f"""
    SELECT s.code, c.code, e.status
    FROM enrollments_enrollment e
    JOIN {table_name(Student)} s ON s.campus_id = e.campus_id AND s.id = e.student_id, {_COURSES}
    WHERE {_OF_NAMED} AND e.by_hand AND c.is_active AND s.is_active
        AND e.status IN ('enrolled', 'dropped') AND (e.status = 'enrolled') <> {_PLACED}
    ORDER BY s.code, c.code
"""


@dataclass(frozen=True, kw_only=True)
class SectionSync:
    """How many were enrolled and dropped, and what was kept by hand: (student, course, status)."""

    enrolled: int = 0
    dropped: int = 0
    kept: list[tuple[str, str, str]] = field(default_factory=list)


@transaction.atomic
def section_enrollments_sync(
    *,
    today: date,
    now: datetime,
    actor: Actor,
    students: Collection[int] | None = None,
    courses: Collection[int] | None = None,
) -> SectionSync:
    """Enrol these students (null: all) in these courses (null: all) as their sections say, and
    drop those who are no longer in a course's section. `today` is the campus's.

    Only courses with a section, in terms that have not ended. Five statements for any number.
    """
    params: dict[str, Any] = {
        "campus": current_campus_id(),
        "now": now,
        "today": today,
        "students": None if students is None else list(students),
        "courses": None if courses is None else list(courses),
    }
    with hashing():
        execute(_AGREE, params)
        dropped = execute(_DROP, params)
        enrolled = execute(_ENROL, params)
        kept = [(student, course, status) for student, course, status in fetch_all(_KEPT, params)]
    if enrolled or dropped:
        data = {"enrolled": enrolled, "dropped": dropped}
        record(actor=actor, action="enrollments.sections.enrolled", now=now, data=data)
    return SectionSync(enrolled=enrolled, dropped=dropped, kept=kept)
