"""Planning many sessions at once: one statement, and the clashes beside what was made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from apps.sessions.clashes import clash_code
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id

_WANTED: Final = (
    "unnest(%(n)s::int[], %(course)s::bigint[], %(faculty)s::bigint[], %(section)s::bigint[], "
    "%(room)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) "
    "AS w(n, course_id, faculty_id, section_id, classroom_id, starts_at, ends_at)"
)

# A row that would break a constraint is left out: which one, says `_CLASHES` afterwards.
_PLAN: Final = f"""
    WITH made AS (
        INSERT INTO class_sessions_classsession (
            campus_id, created_at, updated_at, course_id, faculty_id, section_id, classroom_id,
            starts_at, ends_at, status, topic, is_planned, revision, policy, closed_itself,
            total_enrolled, total_attended, attendance_percentage
        )
        SELECT %(campus)s, %(now)s, %(now)s, w.course_id, w.faculty_id, w.section_id,
            w.classroom_id, w.starts_at, w.ends_at, 'scheduled', '', true, 0, '{{}}', false,
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
        AND (
            (s.course_id = w.course_id AND s.starts_at = w.starts_at)
            OR (
                s.is_planned AND s.ends_at > w.starts_at AND (
                    s.classroom_id = w.classroom_id OR s.faculty_id = w.faculty_id
                    OR s.section_id = w.section_id
                )
            )
        )
    ORDER BY w.n, (s.course_id = w.course_id AND s.starts_at = w.starts_at) DESC, s.starts_at, s.id
"""  # noqa: S608  (constants; values are parameters)


@dataclass(frozen=True)
class Planned:
    """What became of the wanted sessions, by their index in the list."""

    made: dict[int, int]  # → the new session's id
    clashes: dict[int, tuple[str, ClassSession]]  # → what is shared, and with which session


def sessions_plan(*, wanted: Sequence[ClassSession], now: datetime) -> Planned:
    """Insert these unsaved sessions, leaving out those that clash with others or each other.

    Of two that clash the earlier in the list is made. At most three statements. Writes no audit
    entries: the caller records the run.
    """
    if not wanted:
        return Planned({}, {})
    with connection.cursor() as cursor:
        cursor.execute(_PLAN, {**_arrays(wanted, range(len(wanted))), "now": now})
        made = dict(cursor.fetchall())
        left_out = [n for n in range(len(wanted)) if n not in made]
        if not left_out:
            return Planned(made, {})
        cursor.execute(_CLASHES, _arrays(wanted, left_out))
        found = dict(cursor.fetchall())
    others = {
        session.pk: session
        for session in ClassSession.objects.filter(pk__in=set(found.values())).select_related(
            "course__subject", "classroom__building"
        )
    }
    return Planned(
        made,
        {n: (clash_code(wanted[n], others[pk]), others[pk]) for n, pk in sorted(found.items())},
    )


def _arrays(wanted: Sequence[ClassSession], numbers: Sequence[int]) -> dict[str, Any]:
    rows = [wanted[n] for n in numbers]
    return {
        "campus": current_campus_id(),
        "n": list(numbers),
        "course": [row.course_id for row in rows],
        "faculty": [row.faculty_id for row in rows],
        "section": [row.section_id for row in rows],
        "room": [row.classroom_id for row in rows],
        "starts": [row.starts_at for row in rows],
        "ends": [row.ends_at for row in rows],
    }
