"""The rows of the live board: everybody in the register with what is known of each."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, RecordSource, Status
from apps.attendance.selectors.register import ATTENDED, BY_PERSON, register_of
from apps.checkin.explanation import explain, waiting_text
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.integrity.detectors import flagged
from apps.integrity.selectors import undismissed_findings


def board_rows(*, session_id: int) -> list[dict[str, Any]]:
    """Everybody in the register with record or latest attempt, by number. Four statements."""
    records = {
        record.student_id: record
        for record in AttendanceRecord.objects.filter(session_id=session_id).select_related("label")
    }
    attempts: dict[int, CheckInAttempt] = {}
    by_id: dict[UUID, CheckInAttempt] = {}
    waiting: dict[int, CheckInAttempt] = {}
    for attempt in CheckInAttempt.objects.filter(session_id=session_id).order_by("received_at"):
        attempts[attempt.student_id] = by_id[attempt.pk] = attempt
        if attempt.outcome == Outcome.WAITING:
            waiting[attempt.student_id] = attempt
    findings = undismissed_findings(session_id=session_id)
    return [
        {
            **_board_row(
                row.student,
                record,
                attempts.get(row.student_id),
                waiting.get(row.student_id),
                made_by=by_id.get(record.attempt_id) if record and record.attempt_id else None,
            ),
            "findings": [{"kind": s.kind, "name": s.get_kind_display()} for s in noticed],
            "flagged": flagged(s.kind for s in noticed),
        }
        for row in register_of(session_id=session_id)
        for noticed in [findings.get(row.student_id, ())]
        for record in [records.get(row.student_id)]
    ]


def _board_row(
    student: Student,
    record: AttendanceRecord | None,
    attempt: CheckInAttempt | None,
    waiting: CheckInAttempt | None,
    *,
    made_by: CheckInAttempt | None,
) -> dict[str, Any]:
    """`status` is what the row shows, `mark` what the register says: "" for unmarked.

    `made_by` is the attempt that made the record, `attempt` the latest one.
    """
    shown = made_by or attempt
    status = record.status if record is not None else "unmarked"
    at: datetime | None = record.recorded_at if record is not None else None
    if record is None and attempt is not None and attempt.outcome == Outcome.PENDING:
        status, at = "pending", attempt.received_at
    elif waiting is not None and not _settled(record):
        status, at, shown = "waiting", waiting.scanned_at, waiting
    refused = record is None and attempt is not None and attempt.outcome == Outcome.REFUSED
    return {
        "student_id": student.pk,
        "code": student.code,
        "name": student.full_name,
        "status": status,
        "mark": record.status if record is not None else "",
        "label": record.label.code if record is not None and record.label else "",
        "label_name": record.label.name if record is not None and record.label else "",
        "score": float(shown.score) if shown is not None else None,
        "at": at.isoformat() if at else None,
        "factors": {
            name: factor["passed"] for name, factor in (shown.factors if shown else {}).items()
        },
        "explanation": explain(shown) if shown is not None else "",
        "waits_for": waiting_text(shown) if shown is not None and status == "waiting" else "",
        "method": _method(None if status == "waiting" else record, shown),
        "offline": shown is not None and shown.offline,
        "refused": attempt.reason if refused and attempt is not None else "",
        "refused_text": _refusal(attempt) if refused and attempt is not None else "",
    }


def _refusal(attempt: CheckInAttempt) -> str:
    """What the student was told."""
    return str(Reason(attempt.reason).label) if attempt.reason in Reason.values else ""


def _settled(record: AttendanceRecord | None) -> bool:
    """Whether a waiting check-in of the student changes this mark no more."""
    return record is not None and (record.status in ATTENDED or record.source in BY_PERSON)


def _method(record: AttendanceRecord | None, attempt: CheckInAttempt | None) -> str:
    """How the row came to be: the attempt's method, or who or what marked it otherwise."""
    if record is not None and record.source != RecordSource.CHECK_IN:
        return record.source
    return attempt.method if attempt is not None else ""


def board_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many students stand in each state, and how many are enrolled and refused."""
    counts = dict.fromkeys((*Status.values, "pending", "waiting", "unmarked"), 0)
    for row in rows:
        counts[row["status"]] += 1
    refused = sum(1 for row in rows if row["refused"])
    return {"enrolled": len(rows), "refused": refused, **counts}
