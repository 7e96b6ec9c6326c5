"""What an approved leave does to marks, and how it is undone.

A leave turns “absent” into “excused” and nothing else: what somebody attended, and what a person
marked otherwise, stands. Marks that a leave made have the source `leave`, so that a later check-in
improves them and a withdrawn leave finds them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from apps.attendance.models import (
    AttendanceRecord,
    CustomStatus,
    RecordChange,
    RecordSource,
    Status,
)
from apps.attendance.selectors.policies import Editor, edit_refusal, policies_for
from apps.attendance.selectors.register import board_key
from apps.attendance.services.totals import refresh_totals
from apps.audit.services import Actor
from apps.common.cache import touch
from apps.leave.models import LeaveRequest
from apps.leave.selectors import approved_leaves, touched_sessions
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone, meeting

MAY_CLOSE_MEANWHILE: Final = (ClassSession.Status.SCHEDULED, ClassSession.Status.OPEN)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How many marks a decision changed, and how many it could not, being out of time or locked."""

    changed: int = 0
    kept: int = 0


class MarkState(NamedTuple):
    """What a record says: status, the campus's own label, and where it came from."""

    status: str
    label_id: int | None
    source: str


EXCUSED: Final = MarkState(Status.EXCUSED, None, RecordSource.LEAVE)
ABSENT: Final = MarkState(Status.ABSENT, None, RecordSource.CLOSING)


def sessions_lock(leave: LeaveRequest) -> None:
    """Hold every session of the leave that somebody could be closing now, in order of their ids.

    Closing waits for us and then reads the leave as we leave it; or we wait for it and then find
    the marks that it made.
    """
    mine = ClassSession.objects.filter(
        touched_sessions(leave),
        meeting(course__enrollments__student=leave.student_id),
        status__in=MAY_CLOSE_MEANWHILE,
    )
    list(mine.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk"))


def leave_apply(
    *, leave: LeaveRequest, role: Editor, reason: str, now: datetime, actor: Actor
) -> Effect:
    """Excuse the student wherever the register says absent. For any number the same statements.

    Expects student and sessions to be locked.
    """
    marks = _marks(leave).filter(status=Status.ABSENT)
    return _rewrite(
        leave, [(row, EXCUSED) for row in marks], role=role, reason=reason, now=now, actor=actor
    )


def leave_revert(
    *, leave: LeaveRequest, role: Editor, reason: str, now: datetime, actor: Actor
) -> Effect:
    """Undo what the leave did: marks it made, and nobody changed since, become what they were.

    Sessions that another approved leave covers stay excused. Expects the leave to be no longer
    approved, and student and sessions to be locked.
    """
    others = list(approved_leaves(student_id=leave.student_id))
    marks = [
        row
        for row in _marks(leave).filter(status=Status.EXCUSED, source=RecordSource.LEAVE)
        if not any(other.covers(row.session, course_id=row.course_id) for other in others)
    ]
    before = _before_leave(marks)
    return _rewrite(
        leave,
        [(row, before.get(row.pk, ABSENT)) for row in marks],
        role=role,
        reason=reason,
        now=now,
        actor=actor,
    )


def _marks(leave: LeaveRequest) -> QuerySet[AttendanceRecord]:
    """The student's marks in the sessions that the leave touches."""
    touched = ClassSession.objects.filter(touched_sessions(leave))
    meant = Q(course=leave.course_id) if leave.course_id else Q()
    return (
        AttendanceRecord.objects.filter(meant, student=leave.student_id, session__in=touched)
        .select_related("session", "label")
        .order_by("pk")
    )


def _before_leave(marks: Iterable[AttendanceRecord]) -> dict[int, MarkState]:
    """What these marks were before a leave excused them, by record; absent at closing for none."""
    changes: dict[int, RecordChange] = {}
    rows = RecordChange.objects.filter(
        record__in=[row.pk for row in marks], leave_id__isnull=False, after=Status.EXCUSED
    )
    for change in rows.order_by("at", "pk"):
        assert change.record_id is not None  # filtered by it
        changes[change.record_id] = change
    codes = {change.before_label for change in changes.values()} - {""}
    labels = dict(CustomStatus.objects.filter(code__in=codes).values_list("code", "pk"))
    return {
        pk: MarkState(change.before, labels.get(change.before_label), change.before_source)
        for pk, change in changes.items()
    }


def _rewrite(
    leave: LeaveRequest,
    wanted: list[tuple[AttendanceRecord, MarkState]],
    *,
    role: Editor,
    reason: str,
    now: datetime,
    actor: Actor,
) -> Effect:
    """Write these marks where the register may still be changed, with their history."""
    zone = campus_zone()
    policies = policies_for(course_ids={row.session.course_id for row, _mark in wanted})
    allowed = [
        (row, mark)
        for row, mark in wanted
        if not edit_refusal(
            session=row.session,
            role=role,
            policy=policies[row.session.course_id],
            now=now,
            zone=zone,
        )
    ]
    facts = {
        "leave_id": leave.pk,
        "reason": reason[:500],
        "actor_id": actor.id,
        "actor_label": actor.label,
        "at": now,
    }
    labels = CustomStatus.objects.in_bulk({mark.label_id for _row, mark in allowed} - {None})
    RecordChange.objects.bulk_create(
        [
            _change(row, mark, label=labels[mark.label_id].code if mark.label_id else "", **facts)
            for row, mark in allowed
        ]
    )
    _update(allowed, now)
    return Effect(changed=len(allowed), kept=len(wanted) - len(allowed))


def _change(row: AttendanceRecord, mark: MarkState, *, label: str, **facts: Any) -> RecordChange:
    return RecordChange(
        record=row,
        session_id=row.session_id,
        student_id=row.student_id,
        before=row.status,
        before_label=row.label.code if row.label else "",
        before_source=row.source,
        after=mark.status,
        after_label=label,
        **facts,
    )


def _update(allowed: list[tuple[AttendanceRecord, MarkState]], now: datetime) -> None:
    """One statement for each different mark, of which there are few."""
    by_mark = sorted(allowed, key=lambda pair: (pair[1].source, pair[1].label_id or 0))
    for mark, pairs in groupby(by_mark, key=lambda pair: pair[1]):
        AttendanceRecord.objects.filter(pk__in=[row.pk for row, _mark in pairs]).update(
            status=mark.status, label_id=mark.label_id, source=mark.source, updated_at=now
        )
    for row, mark in allowed:
        if row.label_id or mark.label_id:  # a label may count as attended, absent or not
            refresh_totals(session_id=row.session_id)
        touch(board_key(row.session_id))
