"""Marks by hand: one student at a time. Many at once: `bulk_marking`.

Locks are taken in the order of a check-in: students (by id), then the session. A check-in or the
closing of the session at the same moment comes before or after a mark, never in between.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.attendance.models import (
    AttendanceRecord,
    BulkChange,
    CustomStatus,
    RecordChange,
    RecordSource,
    Status,
)
from apps.attendance.selectors.policies import Editor, edit_refusal, policy_for, refuse_edit
from apps.attendance.selectors.register import board_key, register_courses
from apps.attendance.services.totals import refresh_totals
from apps.audit.services import Actor, log_event
from apps.common.cache import touch
from apps.common.errors import Invalid, NotFound
from apps.sessions.models import ClassSession

REASON_LENGTH = 500


@dataclass(frozen=True, kw_only=True)
class RecordState:
    """A mark as it was before a change; all "" for an unmarked student."""

    status: str = ""
    label: str = ""
    source: str = ""

    @property
    def shown_code(self) -> str:
        return self.label or self.status


UNMARKED = RecordState()


def state_of(row: AttendanceRecord | None) -> RecordState:
    """Expects `row.label` to be loaded."""
    if row is None:
        return UNMARKED
    return RecordState(
        status=row.status, label=row.label.code if row.label else "", source=row.source
    )


def change_of(
    *,
    row: AttendanceRecord,
    before: RecordState,
    reason: str,
    now: datetime,
    actor: Actor,
    batch: BulkChange | None = None,
) -> RecordChange:
    """The history's entry for a mark that now reads as `row`; the caller saves it.

    Every writer that changes a mark in a person's name makes one per mark.
    """
    return RecordChange(
        record=row,
        session_id=row.session_id,
        student_id=row.student_id,
        batch=batch,
        before=before.status,
        before_label=before.label,
        before_source=before.source,
        after=row.status,
        after_label=row.label.code if row.label else "",
        reason=reason.strip()[:REASON_LENGTH],
        actor_id=actor.id,
        actor_label=actor.label,
        at=now,
    )


def lock_register(*, session_id: int, student_ids: Collection[int]) -> ClassSession:
    """Hold these students and the session until the transaction ends; returns the session."""
    list(
        Student.objects.select_for_update(no_key=True)
        .filter(pk__in=student_ids)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    return (
        ClassSession.objects.select_for_update(no_key=True, of=("self",))
        .select_related("course")
        .get(pk=session_id)
    )


@transaction.atomic
def record_mark(
    *,
    session: ClassSession,
    student_id: int,
    status: Status,
    reason: str,
    now: datetime,
    actor: Actor,
    label: str = "",
    role: Editor = Editor.LECTURER,
) -> AttendanceRecord:
    """Mark or correct one student by hand, keeping before, after, actor and reason.

    `label` is the code of a status of the campus's own with this meaning, "" for none. A
    correction of an existing mark needs a reason. Only in open and completed sessions, as long as
    `edit_refusal` lets this role, and only for students who were enrolled on its day or are marked.
    """
    held = lock_register(session_id=session.pk, student_ids=[student_id])
    policy = policy_for(course=held.course)
    refuse_edit(edit_refusal(session=held, role=role, policy=policy, now=now))
    existing = _mark_of(held, student_id)
    row = existing or _new_mark(held, student_id, now=now)
    before = state_of(existing)
    own = _label(label, status=status, before=before)
    changed = (before.status, before.label) != (status, label)
    if existing and changed and not reason.strip():
        raise Invalid("reason_required", _("Say why you change this mark."))
    row.status, row.label = status, own
    row.source = RecordSource.CORRECTED if existing else RecordSource.MANUAL
    row.save()
    change_of(row=row, before=before, reason=reason, now=now, actor=actor).save()
    if held.status == ClassSession.Status.COMPLETED:
        refresh_totals(session_id=held.pk)
    touch(board_key(held.pk))
    log_event(
        actor=actor,
        action="attendance.record.marked",
        now=now,
        target=row,
        data={
            "before": before.shown_code,
            "after": row.shown_code,
            "reason": reason.strip()[:REASON_LENGTH],
        },
    )
    return row


def new_record(
    *, session: ClassSession, student_id: int, course_id: int, now: datetime
) -> AttendanceRecord:
    """A record under the session's policy snapshot, not yet marked nor saved."""
    return AttendanceRecord(
        session=session,
        student_id=student_id,
        course_id=course_id,
        policy_id=session.policy.get("policy_id"),
        recorded_at=now,
    )


def _mark_of(session: ClassSession, student_id: int) -> AttendanceRecord | None:
    marks = AttendanceRecord.objects.filter(session=session, student_id=student_id)
    return marks.select_related("label").first()


def _new_mark(session: ClassSession, student_id: int, *, now: datetime) -> AttendanceRecord:
    """For a student without a mark; raises `NotFound` for who is not in the register."""
    courses = register_courses(session_id=session.pk, students=[student_id])
    if student_id not in courses:
        raise NotFound("student_not_found", _("This student is not in the register."))
    return new_record(
        session=session, student_id=student_id, course_id=courses[student_id], now=now
    )


def _label(code: str, *, status: str, before: RecordState) -> CustomStatus | None:
    """The campus's own status by its code. A retired one can be kept, but not given anew."""
    if not code:
        return None
    own = CustomStatus.objects.filter(code=code).first()
    if own is None or not (own.is_active or code == before.label):
        raise Invalid("label_not_found", _("There is no such status on this campus."))
    if own.meaning != status:
        raise Invalid("label_mismatch", _("This status has another meaning."))
    return own
