"""Sessions that another system held: written as completed or cancelled, never opened here."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from apps.audit.services import Actor, log_event
from apps.sessions.models import ClassSession
from apps.tenants.bulk import Stage, UpsertCounts, execute
from apps.tenants.scope import current_campus_id

_STARTS: Final = "s.starts_at::timestamptz"  # a stage holds no moments
_ENDS: Final = "s.ends_at::timestamptz"
_MATCH: Final = """
    UPDATE {stage} s SET id = t.id
    FROM class_sessions_classsession t
    WHERE t.campus_id = %s AND t.course_id = s.course_id AND t.starts_at = s.starts_at::timestamptz
        AND (t.status = 'cancelled') = (s.status = 'cancelled')
"""
# What is open, or was held here, is not touched; a plan that was held elsewhere is filled in.
_PLANNED: Final = "t.status = 'scheduled' AND s.status = 'completed'"
_TOTALS: Final = """
    UPDATE class_sessions_classsession t
    SET total_attended = w.attended, total_enrolled = w.marked, attendance_percentage =
        CASE WHEN w.marked = 0 THEN 0 ELSE round(100.0 * w.attended / w.marked, 2) END
    FROM unnest(%(ids)s::bigint[], %(attended)s::int[], %(marked)s::int[])
        AS w(id, attended, marked)
    WHERE t.campus_id = %(campus)s AND t.id = w.id AND t.also_codes = ''
        AND (t.total_attended, t.total_enrolled) IS DISTINCT FROM (w.attended, w.marked)
"""


def sessions_import(stage: Stage, *, source: str, now: datetime, actor: Actor) -> UpsertCounts:
    """Stage: course_id, faculty_id, classroom_id, topic, status (completed or cancelled), and as
    texts starts_at and ends_at. A course and a start are one session: each pair is staged once.

    They may overlap: nobody asked the old system about clashes. One that is here is left as it is,
    but for an empty topic, and a plan that was held.
    """
    stage.execute(_MATCH, [current_campus_id()])
    counts = stage.upsert(
        ClassSession,
        insert={
            **{name: f"s.{name}" for name in ("course_id", "faculty_id", "classroom_id")},
            "starts_at": _STARTS,
            "ends_at": _ENDS,
            "status": "s.status",
            "topic": "coalesce(s.topic, '')",
            "is_planned": "false",
            "revision": "0",
            "policy": "'{}'",
            "closed_itself": "false",
            "also_codes": "''",
            "opened_at": f"CASE WHEN s.status = 'completed' THEN {_STARTS} END",
            "closed_at": f"CASE WHEN s.status = 'completed' THEN {_ENDS} END",
            "total_enrolled": "0",
            "total_attended": "0",
            "attendance_percentage": "0",
        },
        update={
            "topic": "CASE WHEN t.topic = '' THEN coalesce(s.topic, '') ELSE t.topic END",
            "status": f"CASE WHEN {_PLANNED} THEN s.status ELSE t.status END",
            "opened_at": f"CASE WHEN {_PLANNED} THEN {_STARTS} ELSE t.opened_at END",
            "closed_at": f"CASE WHEN {_PLANNED} THEN {_ENDS} ELSE t.closed_at END",
        },
        now=now,
    )
    data = {"new": counts.new, "changed": counts.changed, "source": source}
    log_event(actor=actor, action="sessions.session.imported", now=now, data=data)
    return counts


def imported_totals_set(*, totals: Collection[tuple[int, int, int]]) -> int:
    """Write (session id, attended, marked) of sessions of one course; returns how many changed."""
    ids, attended, marked = zip(*totals, strict=True) if totals else ((), (), ())
    params = {
        "campus": current_campus_id(),
        "ids": list(ids),
        "attended": list(attended),
        "marked": list(marked),
    }
    return execute(_TOTALS, params)
