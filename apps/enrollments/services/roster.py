"""Sections, enrolments and grades in bulk, from the staged sheet (see `apps.tenants.bulk`)."""

from datetime import date, datetime
from typing import Any, Final

from apps.audit.services import Actor, record
from apps.enrollments.models import Enrollment, Grade
from apps.tenants.bulk import Stage, UpsertCounts
from apps.tenants.scope import current_campus_id

_WHOLE: Final = """
    s.department IS NOT NULL AND s.section IS NOT NULL AND s.year_of_study IS NOT NULL
"""
_NEW_DEPARTMENTS: Final = f"""
    INSERT INTO enrollments_department (campus_id, code, name, created_at, updated_at)
    SELECT DISTINCT ON (lower(s.department))
        %(campus)s, s.department, s.department, %(now)s, %(now)s
    FROM {{stage}} s WHERE {_WHOLE}
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
        FROM {{stage}} s
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
    UPDATE {{stage}} s SET section_id = x.id
    FROM enrollments_section x, enrollments_department d
    WHERE d.campus_id = %(campus)s AND lower(d.code) = lower(s.department) AND {_SAME_SECTION}
"""
_LEAVE_SECTIONS: Final = """
    UPDATE enrollments_placement p SET is_current = false, updated_at = %(now)s
    FROM {stage} s
    WHERE p.campus_id = %(campus)s AND p.student_id = s.id AND p.is_current
        AND s.section_id IS NOT NULL AND p.section_id <> s.section_id
"""
_ENTER_SECTIONS: Final = """
    INSERT INTO enrollments_placement
        (campus_id, student_id, section_id, is_current, created_at, updated_at)
    SELECT %(campus)s, s.id, s.section_id, true, %(now)s, %(now)s
    FROM {stage} s WHERE s.section_id IS NOT NULL
    ON CONFLICT (campus_id, student_id, section_id) DO UPDATE
        SET is_current = true, updated_at = excluded.updated_at
        WHERE NOT enrollments_placement.is_current
"""


def placements_import(stage: Stage, *, now: datetime, actor: Actor) -> tuple[int, list[str]]:
    """Put staged students (id, department, section, year_of_study) into their sections.

    Departments and sections that do not exist yet are made; rows without all three are left
    alone. Returns how many students were placed or moved, and what was made.
    """
    params = {"campus": current_campus_id(), "now": now}
    made = stage.rows(_NEW_DEPARTMENTS, params) + stage.rows(_NEW_SECTIONS, params)
    stage.execute(_FIND_SECTIONS, params)
    stage.execute(_LEAVE_SECTIONS, params)
    placed = stage.execute(_ENTER_SECTIONS, params)
    if placed:
        data = {"placed": placed}
        record(actor=actor, action="enrollments.placement.imported", now=now, data=data)
    return placed, [name for (name,) in made]


# What a row asks for, over the stage (s) and what is there (t): its own days, else {today}.
_STATUS: Final = """
    (CASE WHEN coalesce(s.status, 'enrolled') = 'enrolled' AND s.ended_on <= {today}
        THEN 'dropped' ELSE coalesce(s.status, 'enrolled') END)
"""
_FIRST: Final = "coalesce(s.enrolled_on, least({today}, s.ended_on))"
_FIRST_NOW: Final = f"""
    coalesce(s.enrolled_on, CASE
        WHEN t.status <> 'enrolled' AND {_STATUS} = 'enrolled' THEN greatest({{today}}, t.ended_on)
        ELSE t.enrolled_on END)
"""
_END: Final = f"""
    (CASE WHEN {_STATUS} = 'enrolled' THEN NULL
        ELSE coalesce(s.ended_on, greatest({{today}}, {_FIRST})) END)
"""
_END_NOW: Final = f"""
    (CASE WHEN {_STATUS} = 'enrolled' THEN NULL
        ELSE coalesce(s.ended_on, t.ended_on, greatest({{today}}, {_FIRST_NOW})) END)
"""
_WRONG_DAYS: Final = f"""
    SELECT s.n FROM {{stage}} s
    LEFT JOIN enrollments_enrollment t ON t.campus_id = %(campus)s AND t.id = s.id
    WHERE (t.id IS NULL AND {_END} < {_FIRST})
        OR (t.id IS NOT NULL AND {_END_NOW} < {_FIRST_NOW})
        OR EXISTS (
            SELECT FROM enrollments_enrollmentperiod p
            WHERE p.campus_id = %(campus)s AND p.enrollment_id = t.id
                AND p.enrolled_on < t.enrolled_on AND p.ended_on > {_FIRST_NOW}
        )
"""


def enrollments_with_wrong_days(stage: Stage, *, today: date) -> list[int]:
    """Numbers of staged rows that end before they begin, or begin in an earlier stay."""
    _match(stage, "enrollments_enrollment", ("student_id", "course_id"))
    statement = _WRONG_DAYS.replace("{today}", _literal(today))
    return stage.numbers(statement, {"campus": current_campus_id()})


def enrollments_import(
    stage: Stage, *, today: date, source: str, now: datetime, actor: Actor
) -> UpsertCounts:
    """Stage: student_id, course_id, status, final_grade, enrolled_on, ended_on.

    Empty cells leave what is there. Without days somebody comes and goes today. Who is named here
    against what their section says is kept so (`Enrollment.by_hand`).
    """
    _match(stage, "enrollments_enrollment", ("student_id", "course_id"))
    status, first, first_now, end, end_now = (
        part.replace("{today}", _literal(today))
        for part in (_STATUS, _FIRST, _FIRST_NOW, _END, _END_NOW)
    )
    counts = stage.upsert(
        Enrollment,
        insert={
            "student_id": "s.student_id",
            "course_id": "s.course_id",
            "enrolled_on": first,
            "ended_on": end,
            "status": status,
            "final_grade": "coalesce(s.final_grade, '')",
            "by_hand": "false",
        },
        update={
            "enrolled_on": first_now,
            "ended_on": end_now,
            "status": status,
            "final_grade": "coalesce(s.final_grade, t.final_grade)",
        },
        now=now,
    )
    _log("enrollments.enrollment.imported", counts, source, now=now, actor=actor)
    return counts


def _literal(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


def grades_import(stage: Stage, *, source: str, now: datetime, actor: Actor) -> UpsertCounts:
    """Stage: student_id, subject_id, given_on, points, grade. One per student, subject, day."""
    _match(stage, "enrollments_grade", ("student_id", "subject_id", "given_on"))
    names = ("student_id", "subject_id", "given_on", "points", "grade")
    counts = stage.upsert(
        Grade,
        insert={name: f"s.{name}" for name in names},
        update={"points": "s.points", "grade": "s.grade"},
        now=now,
    )
    _log("enrollments.grade.imported", counts, source, now=now, actor=actor)
    return counts


def _match(stage: Stage, table: str, key: tuple[str, ...]) -> None:
    same = " AND ".join(f"t.{column} = s.{column}" for column in key)
    stage.execute(
        f'UPDATE {{stage}} s SET id = t.id FROM "{table}" t WHERE t.campus_id = %s AND {same}',
        [current_campus_id()],
    )


def _log(action: str, counts: UpsertCounts, source: str, **log: Any) -> None:
    data = {"new": counts.new, "changed": counts.changed, "source": source}
    record(action=action, data=data, **log)
