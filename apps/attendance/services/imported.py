"""Registers of another system, in bulk: marks of sessions that it held."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db.models import Count, Q

from apps.attendance.models import AttendanceRecord, RecordSource
from apps.attendance.selectors.register import ATTENDED
from apps.audit.services import Actor, log_event
from apps.sessions.services import imported_totals_set
from apps.tenants.bulk import Stage, UpsertCounts, execute
from apps.tenants.scope import current_campus_id

STAGED: Final = {
    "session_id": "bigint",
    "student_id": "bigint",
    "course_id": "bigint",
    "status": "text",
    "recorded_at": "text",
    "score": "numeric(3,2)",
    "face": "boolean",
    "place": "boolean",
    "beacon": "boolean",
    "notes": "text",
}
_REPEATED: Final = """
    DELETE FROM {stage} s USING (
        SELECT n, lead(n) OVER (PARTITION BY session_id, student_id ORDER BY n) AS later
        FROM {stage}
    ) w
    WHERE w.n = s.n AND w.later IS NOT NULL
    RETURNING s.student_id, s.status
"""
_MATCH: Final = """
    UPDATE {stage} s SET id = t.id FROM attendance_attendancerecord t
    WHERE t.campus_id = %s AND t.session_id = s.session_id AND t.student_id = s.student_id
"""
_KEPT: Final = """
    DELETE FROM {stage} s USING attendance_attendancerecord t
    WHERE t.campus_id = %s AND t.id = s.id AND t.source <> 'imported'
    RETURNING s.student_id, s.status
"""
# Written from an earlier state of the old system, which no longer says so.
_EARLIER: Final = """
    SELECT t.student_id, t.status FROM attendance_attendancerecord t
    WHERE t.campus_id = %s AND t.source = 'imported'
        AND t.session_id IN (SELECT session_id FROM {stage})
        AND NOT EXISTS (SELECT FROM {stage} s WHERE s.id = t.id)
"""
_COLUMNS: Final = {
    "status": "s.status",
    "recorded_at": "s.recorded_at::timestamptz",
    "verification_score": "coalesce(s.score, 0)",
    "biometric_verified": "coalesce(s.face, false)",
    "location_verified": "coalesce(s.place, false)",
    "bluetooth_verified": "coalesce(s.beacon, false)",
    "notes": "coalesce(s.notes, '')",
}
Told = Counter[tuple[int, bool]]  # (student, attended) → rows


@dataclass
class RecordsImported:
    """What became of the rows. `repeated`: an earlier row about the same student and session;
    `kept`: the student was marked here meanwhile, and that stays. `earlier`: marks that an earlier
    state of the old system had and this one has not; they stay too."""

    counts: UpsertCounts
    repeated: Told = field(default_factory=Counter)
    kept: Told = field(default_factory=Counter)
    earlier: Told = field(default_factory=Counter)


def records_import(stage: Stage, *, source: str, now: datetime, actor: Actor) -> RecordsImported:
    """Stage: the columns of `STAGED`. Of several rows about one student and session the last one
    counts. Nothing is told to anybody: this happened long ago."""
    repeated = _told(stage.rows(_REPEATED))
    stage.execute(_MATCH, [current_campus_id()])
    kept = _told(stage.rows(_KEPT, [current_campus_id()]))
    execute("SELECT attendance_history_analyze()")
    counts = stage.upsert(
        AttendanceRecord,
        insert={
            **{name: f"s.{name}" for name in ("session_id", "student_id", "course_id")},
            **_COLUMNS,
            "source": f"'{RecordSource.IMPORTED.value}'",
            "minutes_late": "0",
        },
        update=_COLUMNS,
        now=now,
    )
    data = {"new": counts.new, "changed": counts.changed, "source": source}
    log_event(actor=actor, action="attendance.record.imported", now=now, data=data)
    earlier = _told(stage.rows(_EARLIER, [current_campus_id()]))
    return RecordsImported(counts, repeated, kept, earlier)


def _told(rows: Collection[tuple]) -> Told:
    return Counter((student, status in ATTENDED) for student, status in rows)


def imported_totals_refresh(*, session_ids: Collection[int]) -> int:
    """Bring the counters of these sessions up to their marks; returns how many changed."""
    found = (
        AttendanceRecord.objects.filter(session_id__in=session_ids)
        .values_list("session_id")
        .annotate(attended=Count("pk", filter=Q(status__in=ATTENDED)), marked=Count("pk"))
        .order_by("session_id")
    )
    return imported_totals_set(totals=list(found))
