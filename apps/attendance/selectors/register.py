"""Reading attendance: the check-in's context, the live board, recomputed summaries."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import Student
from apps.checkin.explanation import explain, waiting_text
from apps.attendance.models import AttendanceRecord, CountsAs, CustomStatus, RecordChange, Source, Status
from apps.checkin.models import CheckInAttempt, Outcome
from apps.attendance.models.status import MEANING_COUNTS_AS, counts_as, points_of_meaning
from apps.integrity.selectors import standing_signs
from apps.integrity.detectors import flagged
from apps.common.cache import version
from apps.enrollments.models import Enrollment, EnrollmentPeriod
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id

ATTENDED: Final = (Status.PRESENT, Status.LATE)
BY_PERSON: Final = (Source.MANUAL, Source.CORRECTED, Source.LEAVE)


def enrolled_students(*, course_id: int) -> QuerySet[Enrollment]:
    """Who is enrolled in this course now, by student number. For a register: `register_of`."""
    return (
        Enrollment.objects.filter(course_id=course_id, status=Enrollment.Status.ENROLLED)
        .select_related("student")
        .order_by("student__code")
    )


def register_of(*, session_id: int) -> QuerySet[Enrollment]:
    """Who belongs in the register of this session, by student number.

    Who was enrolled in its course, or one of its courses, on its day, whatever they are now, and
    who is marked in it. Each once: who belongs to several courses counts in the leading one.
    """
    day = Subquery(ClassSession.objects.filter(pk=session_id).values("held_on"))
    that_day = EnrollmentPeriod.objects.filter(
        Q(ended_on__isnull=True) | Q(ended_on__gt=day),
        enrollment=OuterRef("pk"),
        enrolled_on__lte=day,
    )
    marked = AttendanceRecord.objects.filter(
        session=session_id, student=OuterRef("student"), course=OuterRef("course")
    )
    return (
        Enrollment.objects.filter(
            Exists(that_day) | Exists(marked), course__meetings__session=session_id
        )
        .select_related("student")
        .order_by("student__code", "student_id", "course__meetings__id")
        .distinct("student__code", "student_id")
    )


# --- Live board ------------------------------------------------------------------------------


def board_key(session_id: int) -> str:
    return f"board:{current_campus_id()}:{session_id}"


def board_version(session_id: int) -> str:
    """Changes whenever something on the session's board did."""
    return version(board_key(session_id))


def board_rows(*, session_id: int) -> list[dict[str, Any]]:
    """Everybody in the register with record or latest attempt, by number. Four statements."""
    records = {
        record.student_id: record
        for record in AttendanceRecord.objects.filter(session_id=session_id).select_related(
            "attempt", "label"
        )
    }
    attempts: dict[int, CheckInAttempt] = {}
    waiting: dict[int, CheckInAttempt] = {}
    for attempt in CheckInAttempt.objects.filter(session_id=session_id).order_by("received_at"):
        attempts[attempt.student_id] = attempt
        if attempt.outcome == Outcome.WAITING:
            waiting[attempt.student_id] = attempt
    signs = standing_signs(session_id=session_id)
    return [
        {
            **_board_row(
                row.student,
                records.get(row.student_id),
                attempts.get(row.student_id),
                waiting.get(row.student_id),
            ),
            "signs": [{"kind": s.kind, "name": s.get_kind_display()} for s in noticed],
            "flagged": flagged(s.kind for s in noticed),
        }
        for row in register_of(session_id=session_id)
        for noticed in [signs.get(row.student_id, ())]
    ]


def _board_row(
    student: Student,
    record: AttendanceRecord | None,
    attempt: CheckInAttempt | None,
    waiting: CheckInAttempt | None,
) -> dict[str, Any]:
    """`status` is what the row shows, `mark` what the register says: "" for unmarked."""
    shown = record.attempt if record is not None and record.attempt else attempt
    status = record.status if record is not None else "unmarked"
    at: datetime | None = record.recorded_at if record is not None else None
    if record is None and attempt is not None and attempt.outcome == Outcome.PENDING:
        status, at = "pending", attempt.received_at
    elif waiting is not None and not _settled(record):
        status, at, shown = "waiting", waiting.redeemed_at or waiting.received_at, waiting
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
    }


def _settled(record: AttendanceRecord | None) -> bool:
    """Whether a waiting check-in of the student changes this mark no more."""
    return record is not None and (record.status in ATTENDED or record.source in BY_PERSON)


def _method(record: AttendanceRecord | None, attempt: CheckInAttempt | None) -> str:
    """How the row came to be: the attempt's method, or who or what marked it otherwise."""
    if record is not None and record.source != Source.CHECK_IN:
        return record.source
    return attempt.method if attempt is not None else ""


def board_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many students stand in each state, and how many are enrolled and refused."""
    counts = dict.fromkeys((*Status.values, "pending", "waiting", "unmarked"), 0)
    for row in rows:
        counts[row["status"]] += 1
    refused = sum(1 for row in rows if row["refused"])
    return {"enrolled": len(rows), "refused": refused, **counts}


# --- Marks by hand ---------------------------------------------------------------------------


def changes_of_session(*, session_id: int) -> QuerySet[RecordChange]:
    """Every change by hand in a session's register, newest first, with its student."""
    return (
        RecordChange.objects.filter(session_id=session_id)
        .select_related("student")
        .order_by("-at", "-pk")
    )


def every_status() -> list[dict[str, Any]]:
    """The fixed meanings, then the campus's own statuses, as `StatusOutput` shows them."""
    fixed = [
        {
            "id": None,
            "code": meaning.value,
            "name": str(meaning.label),
            "meaning": meaning.value,
            "points": points_of_meaning(meaning),
            "counts_as": MEANING_COUNTS_AS[meaning],
            "colour": "",
            "position": 0,
            "is_active": True,
        }
        for meaning in Status
    ]
    return [*fixed, *CustomStatus.objects.values(*fixed[0])]


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
    rows = list(
        AttendanceRecord.objects.filter(student_id=student_id, course_id=course_id).values_list(
            "status", "label__counts_as"
        )
    )
    statuses = [status for status, _own in rows]
    counted = [own or MEANING_COUNTS_AS[status] for status, own in rows]
    attended = counted.count(CountsAs.ATTENDED)
    total = attended + counted.count(CountsAs.MISSED)
    percentage = Decimal(100 * attended) / total if total else Decimal(0)
    return Counts(
        total=total,
        attended=attended,
        late=statuses.count(Status.LATE),
        absent=statuses.count(Status.ABSENT),
        excused=statuses.count(Status.EXCUSED),
        percentage=percentage.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP"),
    )


def attended_counts(*, session_id: int) -> dict[int, int]:
    """How many of a session's marks count as attended, by label or meaning, for each course."""
    marks = AttendanceRecord.objects.filter(session_id=session_id).annotate(counted=counts_as())
    attended = marks.filter(counted=CountsAs.ATTENDED).order_by()
    return dict(attended.values_list("course_id").annotate(number=Count("pk")))
