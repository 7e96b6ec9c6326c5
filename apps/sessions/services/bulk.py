"""Planning many sessions at once: one statement, and the clashes beside what was made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from apps.sessions.clashes import clash_code
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id

_WANTED: Final = (
    "unnest(%(n)s::int[], %(course)s::bigint[], %(faculty)s::bigint[], %(section)s::bigint[], "
    "%(room)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) "
    "AS w(n, course_id, faculty_id, section_id, classroom_id, starts_at, ends_at)"
)

# Every course of the wanted sessions, with its section.
_COURSES: Final = (
    "unnest(%(k_n)s::int[], %(k_course)s::bigint[], %(k_section)s::bigint[]) "
    "AS k(n, course_id, section_id)"
)

# A row that would break a constraint is left out: which one, says `_CLASHES` afterwards.
_PLAN: Final = f"""
    WITH made AS (
        INSERT INTO class_sessions_classsession (
            campus_id, created_at, updated_at, course_id, faculty_id, section_id, classroom_id,
            starts_at, ends_at, status, topic, is_planned, revision, policy, closed_itself,
            also_codes, total_enrolled, total_attended, attendance_percentage
        )
        SELECT %(campus)s, %(now)s, %(now)s, w.course_id, w.faculty_id, w.section_id,
            w.classroom_id, w.starts_at, w.ends_at, 'scheduled', '', true, 0, '{{}}', false, '',
            0, 0, 0
        FROM {_WANTED} ORDER BY w.n
        ON CONFLICT DO NOTHING
        RETURNING id, course_id, starts_at
    )
    SELECT DISTINCT ON (made.id) w.n, made.id
    FROM made JOIN {_WANTED} ON w.course_id = made.course_id AND w.starts_at = made.starts_at
    ORDER BY made.id, w.n
"""  # noqa: S608  (constants; values are parameters)

# No session lasts longer than a day: the lower bound lets the index on the start answer.
_CLASHES: Final = f"""
    SELECT DISTINCT ON (w.n) w.n, s.id
    FROM {_WANTED} JOIN class_sessions_classsession s
        ON s.campus_id = %(campus)s AND s.status <> 'cancelled'
        AND s.starts_at < w.ends_at AND s.starts_at > w.starts_at - interval '1 day'
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(c.course_id = k.course_id), false)
                AND s.starts_at = w.starts_at AS course,
            coalesce(bool_or(c.section_id = k.section_id), false) AS section
        FROM class_sessions_sessioncourse c, {_COURSES}
        WHERE c.campus_id = %(campus)s AND c.session_id = s.id AND k.n = w.n
    ) shared
    WHERE shared.course OR (
        s.is_planned AND s.ends_at > w.starts_at AND (
            s.classroom_id = w.classroom_id OR s.faculty_id = w.faculty_id OR shared.section
        )
    )
    ORDER BY w.n, shared.course DESC, s.starts_at, s.id
"""  # noqa: S608  (constants; values are parameters)

_JOIN: Final = """
    INSERT INTO class_sessions_sessioncourse (
        campus_id, session_id, course_id, total_enrolled, total_attended
    )
    SELECT %(campus)s, j.session_id, j.course_id, 0, 0
    FROM unnest(%(sessions)s::bigint[], %(courses)s::bigint[]) AS j(session_id, course_id)
"""


@dataclass(frozen=True)
class Planned:
    """What became of the wanted sessions, by their index in the list."""

    made: dict[int, int]  # → the new session's id
    clashes: dict[int, tuple[str, ClassSession]]  # → what is shared, and with which session


def sessions_plan(*, wanted: Sequence[ClassSession], now: datetime) -> Planned:
    """Insert these unsaved sessions, leaving out those that clash with others or each other.

    Of two that clash the earlier in the list is made. Five statements, and more only where a
    course that meets with others is in the way. Writes no audit entries: the caller records the
    run.
    """
    if not wanted:
        return Planned({}, {})
    made = _made(wanted, range(len(wanted)), now)
    left_out = [n for n in range(len(wanted)) if n not in made]
    if not left_out:
        return Planned(made, {})
    with connection.cursor() as cursor:
        cursor.execute(_CLASHES, _arrays(wanted, left_out))
        found = dict(cursor.fetchall())
    others = {
        session.pk: session
        for session in ClassSession.objects.filter(pk__in=set(found.values()))
        .select_related("course__subject", "classroom__building")
        .prefetch_related("courses")
    }
    return Planned(
        made,
        {n: (clash_code(wanted[n], others[pk]), others[pk]) for n, pk in sorted(found.items())},
    )


def _made(wanted: Sequence[ClassSession], numbers: Sequence[int], now: datetime) -> dict[int, int]:
    """Number → new session's id. What breaks a constraint of further courses cannot be skipped by
    the statement: then the first half is made, and after it the second."""
    try:
        with transaction.atomic():
            return _inserted(wanted, numbers, now)
    except IntegrityError:
        if len(numbers) == 1:
            return {}
    middle = len(numbers) // 2
    first = _made(wanted, numbers[:middle], now)
    return first | _made(wanted, numbers[middle:], now)


def _inserted(
    wanted: Sequence[ClassSession], numbers: Sequence[int], now: datetime
) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_PLAN, {**_arrays(wanted, numbers), "now": now})
        made: dict[int, int] = dict(cursor.fetchall())
        joined = [(pk, course.pk) for n, pk in made.items() for course in wanted[n].also]
        if joined:
            places: dict[str, Any] = {
                "campus": current_campus_id(),
                "sessions": [session_id for session_id, _course in joined],
                "courses": [course_id for _session, course_id in joined],
            }
            cursor.execute(_JOIN, places)
    return made


def _arrays(wanted: Sequence[ClassSession], numbers: Sequence[int]) -> dict[str, Any]:
    rows = [wanted[n] for n in numbers]
    claimed = [
        (n, course_id, section_id)
        for n in numbers
        for course_id, section_id in [
            (wanted[n].course_id, wanted[n].section_id),
            *((course.pk, course.section_id) for course in wanted[n].also),
        ]
    ]
    return {
        "k_n": [n for n, _course, _section in claimed],
        "k_course": [course for _n, course, _section in claimed],
        "k_section": [section for _n, _course, section in claimed],
        "campus": current_campus_id(),
        "n": list(numbers),
        "course": [row.course_id for row in rows],
        "faculty": [row.faculty_id for row in rows],
        "section": [row.section_id for row in rows],
        "room": [row.classroom_id for row in rows],
        "starts": [row.starts_at for row in rows],
        "ends": [row.ends_at for row in rows],
    }
