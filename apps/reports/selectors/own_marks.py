"""A student's own marks, each with its explanation, as the student's page shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, Status
from apps.attendance.selectors.policies import Editor, policies_for, time_refusal
from apps.checkin.explanation import explain
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.checkin.selectors.attempts import attempts_behind
from apps.leave.models import Appeal


@dataclass(frozen=True, kw_only=True)
class MarkRow:
    """One row of the register and how it was recorded.

    `attempt`: the check-in behind it, else the last one that was tried; `proof`: its score in
    words; `refusal`: why it did not count. `appeal`: the newest against this mark.
    `appeal_until`: when the time to appeal ends; None where there is nothing to appeal now.
    """

    record: AttendanceRecord
    attempt: CheckInAttempt | None
    proof: str
    refusal: str
    appeal: Appeal | None
    appeal_until: datetime | None

    @property
    def factors(self) -> dict[str, Any]:
        """Factor → proven, not proven, or None where it could not be told."""
        tried = self.attempt.factors if self.attempt else {}
        return {name: factor["passed"] for name, factor in tried.items()}


def marks_of(
    *, student: Student, records: Iterable[AttendanceRecord], now: datetime
) -> list[MarkRow]:
    """Explain these records of one student. Four statements, whatever their number."""
    rows = list(records)
    behind = attempts_behind(records=rows)
    sessions = [row.session_id for row in rows]
    attempts = _newest(
        CheckInAttempt.objects.filter(student=student, session__in=sessions), "-received_at"
    )
    appeals = _newest(Appeal.objects.filter(student=student, session__in=sessions), "-requested_at")
    ends = _appeal_ends(rows, now)
    return [
        _mark(
            row,
            behind.get(row.attempt_id) or attempts.get(row.session_id),
            appeals.get(row.session_id),
            ends.get(row.pk),
            now,
        )
        for row in rows
    ]


def _newest(rows: QuerySet[Any], newest_first: str) -> dict[int, Any]:
    """The newest row of each session."""
    found = rows.order_by("session_id", newest_first, "-pk").distinct("session_id")
    return {row.session_id: row for row in found}


def _appeal_ends(rows: Sequence[AttendanceRecord], now: datetime) -> dict[int, datetime]:
    """Record id → when the time to appeal ends. Marks that nobody may change are left out."""
    zone = timezone.get_current_timezone()
    policies = policies_for(course_ids={row.session.course_id for row in rows})
    ends = {}
    for row in rows:
        policy = policies[row.session.course_id]
        if not time_refusal(
            session=row.session, role=Editor.OFFICE, policy=policy, now=now, zone=zone
        ):
            ends[row.pk] = row.session.ends_at + timedelta(days=policy.appeal_days)
    return ends


def _mark(
    record: AttendanceRecord,
    attempt: CheckInAttempt | None,
    appeal: Appeal | None,
    until: datetime | None,
    now: datetime,
) -> MarkRow:
    refused = attempt is not None and attempt.outcome == Outcome.REFUSED
    is_open = until is not None and now <= until and _can_be_wrong(record, appeal)
    return MarkRow(
        record=record,
        attempt=attempt,
        proof=explain(attempt) if attempt and attempt.factors else "",
        refusal=str(Reason(attempt.reason).label) if attempt and refused else "",
        appeal=appeal,
        appeal_until=until if is_open else None,
    )


def _can_be_wrong(record: AttendanceRecord, appeal: Appeal | None) -> bool:
    """Whether an appeal makes sense: for a better mark, and not twice against the same one."""
    if record.status == Status.PRESENT:
        return False
    if appeal is None:
        return True
    declined = appeal.status == Appeal.State.REJECTED and appeal.against == record.status
    return appeal.status != Appeal.State.OPEN and not declined
