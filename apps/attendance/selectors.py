"""Reading attendance: the check-in's context, the live board, recomputed summaries."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, CheckInAttempt, Outcome, Source, Status
from apps.common.cache import version
from apps.enrollments.models import Enrollment
from apps.tenants.scope import current_campus_id

ATTENDED: Final = (Status.PRESENT, Status.LATE)


def enrolled_students(*, course_id: int) -> QuerySet[Enrollment]:
    """Who belongs in the register of this course now, by student number."""
    return (
        Enrollment.objects.filter(course_id=course_id, status=Enrollment.Status.ENROLLED)
        .select_related("student")
        .order_by("student__code")
    )


# --- Live board ------------------------------------------------------------------------------


def board_key(session_id: int) -> str:
    return f"board:{current_campus_id()}:{session_id}"


def board_version(session_id: int) -> str:
    """Changes whenever something on the session's board did."""
    return version(board_key(session_id))


def board_rows(*, session_id: int, course_id: int) -> list[dict[str, Any]]:
    """Every enrolled student with record or latest attempt, by student number. Three statements."""
    records = {
        record.student_id: record
        for record in AttendanceRecord.objects.filter(session_id=session_id).select_related(
            "attempt"
        )
    }
    attempts: dict[int, CheckInAttempt] = {}
    for attempt in CheckInAttempt.objects.filter(session_id=session_id).order_by("received_at"):
        attempts[attempt.student_id] = attempt
    return [
        _board_row(row.student, records.get(row.student_id), attempts.get(row.student_id))
        for row in enrolled_students(course_id=course_id)
    ]


def _board_row(
    student: Student, record: AttendanceRecord | None, attempt: CheckInAttempt | None
) -> dict[str, Any]:
    shown = record.attempt if record is not None and record.attempt else attempt
    status = record.status if record is not None else "unmarked"
    at: datetime | None = record.recorded_at if record is not None else None
    if record is None and attempt is not None and attempt.outcome == Outcome.PENDING:
        status, at = "pending", attempt.received_at
    refused = record is None and attempt is not None and attempt.outcome == Outcome.REFUSED
    return {
        "student_id": student.pk,
        "code": student.code,
        "name": student.full_name,
        "status": status,
        "score": float(shown.score) if shown is not None else None,
        "at": at.isoformat() if at else None,
        "factors": {
            name: factor["passed"] for name, factor in (shown.factors if shown else {}).items()
        },
        "method": _method(record, shown),
        "refused": attempt.reason if refused and attempt is not None else "",
    }


def _method(record: AttendanceRecord | None, attempt: CheckInAttempt | None) -> str:
    """How the row came to be: the attempt's method, or who or what marked it otherwise."""
    if record is not None and record.source != Source.CHECK_IN:
        return record.source
    return attempt.method if attempt is not None else ""


def board_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many students stand in each state, and how many are enrolled and refused."""
    counts = dict.fromkeys((*Status.values, "pending", "unmarked"), 0)
    for row in rows:
        counts[row["status"]] += 1
    refused = sum(1 for row in rows if row["refused"])
    return {"enrolled": len(rows), "refused": refused, **counts}


# --- Summaries -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Counts:
    """A summary's counters, computed from the records themselves."""

    total: int
    attended: int
    late: int
    absent: int
    excused: int
    percentage: Decimal


def recomputed_counts(*, student_id: int, course_id: int) -> Counts:
    """The source of truth that the triggers' summary must equal at all times."""
    statuses = list(
        AttendanceRecord.objects.filter(
            student_id=student_id, session__course_id=course_id
        ).values_list("status", flat=True)
    )
    excused = statuses.count(Status.EXCUSED)
    total = len(statuses) - excused
    attended = sum(1 for status in statuses if status in ATTENDED)
    percentage = Decimal(100 * attended) / total if total else Decimal(0)
    return Counts(
        total=total,
        attended=attended,
        late=statuses.count(Status.LATE),
        absent=statuses.count(Status.ABSENT),
        excused=excused,
        percentage=percentage.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP"),
    )


def attended_count(*, session_id: int) -> int:
    return AttendanceRecord.objects.filter(Q(status__in=ATTENDED), session_id=session_id).count()
