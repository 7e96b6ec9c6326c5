"""Sections, enrolments and marks in bulk, from the staged sheet (see `apps.tenants.bulk`)."""

from datetime import date, datetime
from typing import Any, Final

from apps.audit.services import Actor, record
from apps.enrollments.models import Enrollment, Mark
from apps.tenants.bulk import Counts, hashing, rows_of, run, upsert
from apps.tenants.scope import current_campus_id

_WHOLE: Final = """
    s.department IS NOT NULL AND s.section IS NOT NULL AND s.year_of_study IS NOT NULL
"""
_NEW_DEPARTMENTS: Final = f"""
    INSERT INTO enrollments_department (campus_id, code, name, created_at, updated_at)
    SELECT DISTINCT ON (lower(s.department))
        %(campus)s, s.department, s.department, %(now)s, %(now)s
    FROM import_stage s WHERE {_WHOLE}
    ON CONFLICT (campus_id, lower(code)) DO NOTHING
    RETURNING code
"""
_SAME_SECTION: Final = """
    x.campus_id = %(campus)s AND x.department_id = d.id AND x.year = s.year_of_study
    AND upper(x.name) = upper(s.section)
"""
_NEW_SECTIONS: Final = f"""
    WITH made AS (
        INSERT INTO enrollments_section
            (campus_id, department_id, year, name, created_at, updated_at)
        SELECT DISTINCT %(campus)s, d.id, s.year_of_study, upper(s.section), %(now)s, %(now)s
        FROM import_stage s
        JOIN enrollments_department d
            ON d.campus_id = %(campus)s AND lower(d.code) = lower(s.department)
        WHERE {_WHOLE} AND NOT EXISTS (SELECT FROM enrollments_section x WHERE {_SAME_SECTION})
        RETURNING department_id, year, name
    )
    SELECT d.code || '-' || made.year || made.name
    FROM made
    JOIN enrollments_department d ON d.campus_id = %(campus)s AND d.id = made.department_id
"""
_FIND_SECTIONS: Final = f"""
    UPDATE import_stage s SET section_id = x.id
    FROM enrollments_section x, enrollments_department d
    WHERE d.campus_id = %(campus)s AND lower(d.code) = lower(s.department) AND {_SAME_SECTION}
"""
_LEAVE_SECTIONS: Final = """
    UPDATE enrollments_placement p SET is_current = false, updated_at = %(now)s
    FROM import_stage s
    WHERE p.campus_id = %(campus)s AND p.student_id = s.id AND p.is_current
        AND s.section_id IS NOT NULL AND p.section_id <> s.section_id
"""
_ENTER_SECTIONS: Final = """
    INSERT INTO enrollments_placement
        (campus_id, student_id, section_id, is_current, created_at, updated_at)
    SELECT %(campus)s, s.id, s.section_id, true, %(now)s, %(now)s
    FROM import_stage s WHERE s.section_id IS NOT NULL
    ON CONFLICT (campus_id, student_id, section_id) DO UPDATE
        SET is_current = true, updated_at = excluded.updated_at
        WHERE NOT enrollments_placement.is_current
"""
_RUNNING_COURSES: Final = """
    enrollments_course c
    JOIN enrollments_term m
        ON m.campus_id = c.campus_id AND m.id = c.term_id AND m.ends_on >= %(today)s
"""
_DROP_LEAVERS: Final = f"""
    UPDATE enrollments_enrollment e SET status = 'dropped', updated_at = %(now)s
    FROM {_RUNNING_COURSES}
    WHERE e.campus_id = %(campus)s AND c.campus_id = %(campus)s AND e.course_id = c.id
        AND e.status = 'enrolled'
        AND EXISTS (
            SELECT FROM enrollments_placement p
            WHERE p.campus_id = %(campus)s AND p.student_id = e.student_id
                AND p.section_id = c.section_id AND NOT p.is_current
        )
"""
_ENROL_SECTIONS: Final = f"""
    INSERT INTO enrollments_enrollment (
        campus_id, student_id, course_id, enrolled_on, status, final_grade, created_at, updated_at
    )
    SELECT %(campus)s, p.student_id, c.id, %(today)s, 'enrolled', '', %(now)s, %(now)s
    FROM {_RUNNING_COURSES}
    JOIN enrollments_placement p
        ON p.campus_id = c.campus_id AND p.section_id = c.section_id AND p.is_current
    JOIN accounts_student s
        ON s.campus_id = p.campus_id AND s.id = p.student_id AND s.is_active
    WHERE c.campus_id = %(campus)s AND c.is_active
    ON CONFLICT (campus_id, student_id, course_id) DO UPDATE
        SET status = 'enrolled', updated_at = excluded.updated_at
        WHERE enrollments_enrollment.status = 'dropped'
"""


def placements_import(*, now: datetime, actor: Actor) -> tuple[int, list[str]]:
    """Put staged students (id, department, section, year_of_study) into their sections.

    Departments and sections that do not exist yet are made; rows without all three are left
    alone. Returns how many students were placed or moved, and what was made.
    """
    params = {"campus": current_campus_id(), "now": now}
    made = rows_of(_NEW_DEPARTMENTS, params) + rows_of(_NEW_SECTIONS, params)
    run(_FIND_SECTIONS, params)
    run(_LEAVE_SECTIONS, params)
    placed = run(_ENTER_SECTIONS, params)
    if placed:
        data = {"placed": placed}
        record(actor=actor, action="enrollments.placement.imported", now=now, data=data)
    return placed, [name for (name,) in made]


def section_enrollments_sync(*, today: date, now: datetime, actor: Actor) -> tuple[int, int]:
    """Enrol everybody in the courses of their section in terms that have not ended; drop those
    who left the section. Returns (enrolled, dropped).

    Enrolments in courses without a section stay as they are.
    """
    params = {"campus": current_campus_id(), "now": now, "today": today}
    with hashing():
        dropped = run(_DROP_LEAVERS, params)
        enrolled = run(_ENROL_SECTIONS, params)
    if enrolled or dropped:
        data = {"enrolled": enrolled, "dropped": dropped}
        record(actor=actor, action="enrollments.sections.enrolled", now=now, data=data)
    return enrolled, dropped


def enrollments_import(*, today: date, source: str, now: datetime, actor: Actor) -> Counts:
    """Stage: student_id, course_id, status, final_grade. Empty cells leave what is there."""
    _match("enrollments_enrollment", ("student_id", "course_id"))
    counts = upsert(
        Enrollment,
        insert={
            "student_id": "s.student_id",
            "course_id": "s.course_id",
            "enrolled_on": f"DATE '{today.isoformat()}'",
            "status": "coalesce(s.status, 'enrolled')",
            "final_grade": "coalesce(s.final_grade, '')",
        },
        update={
            "status": "coalesce(s.status, 'enrolled')",
            "final_grade": "coalesce(s.final_grade, t.final_grade)",
        },
        now=now,
    )
    _log("enrollments.enrollment.imported", counts, source, now=now, actor=actor)
    return counts


def marks_import(*, source: str, now: datetime, actor: Actor) -> Counts:
    """Stage: student_id, subject_id, given_on, marks, grade. One mark per student, subject, day."""
    _match("enrollments_mark", ("student_id", "subject_id", "given_on"))
    names = ("student_id", "subject_id", "given_on", "marks", "grade")
    counts = upsert(
        Mark,
        insert={name: f"s.{name}" for name in names},
        update={"marks": "s.marks", "grade": "s.grade"},
        now=now,
    )
    _log("enrollments.mark.imported", counts, source, now=now, actor=actor)
    return counts


def _match(table: str, key: tuple[str, ...]) -> None:
    same = " AND ".join(f"t.{column} = s.{column}" for column in key)
    run(
        f'UPDATE import_stage s SET id = t.id FROM "{table}" t WHERE t.campus_id = %s AND {same}',
        [current_campus_id()],
    )


def _log(action: str, counts: Counts, source: str, **log: Any) -> None:
    data = {"new": counts.new, "changed": counts.changed, "source": source}
    record(action=action, data=data, **log)
