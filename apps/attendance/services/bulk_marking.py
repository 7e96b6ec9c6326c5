"""Marks by hand for a whole hall: saved together, never over what somebody else marked.

`bulk_undo` takes them back. Every function takes the same number of statements for one student and
for a thousand.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.attendance.models import (
    AttendanceRecord,
    BulkChange,
    CustomStatus,
    RecordSource,
    Status,
)
from apps.attendance.selectors.policies import Editor, edit_refusal, policy_for, refuse_edit
from apps.attendance.selectors.register import board_key, register_courses
from apps.attendance.services.marking import (
    RecordState,
    change_of,
    lock_register,
    new_record,
    state_of,
)
from apps.attendance.services.totals import refresh_totals
from apps.audit.services import Actor, log_event
from apps.common.cache import touch
from apps.common.errors import Refused
from apps.sessions.models import ClassSession
from apps.tenants.inserts import rows_insert

MARK_FIELDS: Final = ("status", "label", "source")
SAVED, UNCHANGED, CONFLICT, REFUSED = "saved", "unchanged", "conflict", "refused"

MESSAGES: Final = {
    "": "",
    "student_not_found": gettext_lazy("This student is not in the register."),
    "repeated": gettext_lazy("This student is named twice."),
    "unknown_status": gettext_lazy("There is no such status."),
    "label_not_found": gettext_lazy("There is no such status on this campus."),
    "label_mismatch": gettext_lazy("This status has another meaning."),
    "reason_required": gettext_lazy("Say why you change this mark."),
    "changed_since": gettext_lazy("Somebody or something else marked this student meanwhile."),
}


@dataclass(frozen=True, kw_only=True)
class MarkInput:
    """What one student is to be marked with.

    `was` is what the register showed when this was decided: the code of the campus's own status,
    else the meaning, "" for unmarked. `label` is the code of a status of the campus's own, with
    `status` as its meaning.
    """

    student_id: int
    status: str
    was: str
    label: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class MarkResult:
    """What became of one mark: `result` and `code` (why), and what the register shows now."""

    student: int
    result: str
    code: str = ""
    message: str = ""
    status: str = ""
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class HeldRegister:
    """The part of the register that a bulk change is about, read under its locks.

    `courses`: student → the course that a mark counts for.
    """

    session: ClassSession
    marks: dict[int, AttendanceRecord]
    courses: dict[int, int]
    labels: dict[str, CustomStatus]


def records_mark_bulk(
    *,
    session: ClassSession,
    marks: Sequence[MarkInput],
    nonce: str,
    now: datetime,
    actor: Actor,
    role: Editor = Editor.LECTURER,
    reason: str = "",
    source: RecordSource | None = None,
) -> BulkChange:
    """Mark many students in one transaction; `results` of what is returned has a row for each.

    A student who is marked otherwise than the caller saw is left unchanged and reported as a
    conflict, with what the register shows. Rows that cannot be saved are reported, others saved.
    `reason` stands for rows without their own, `source` for how all of them came to be (else by
    hand, or corrected). The same nonce gets the first answer; `Refused`
    nonce_used when it was somebody else's or another session's.
    """
    answered = bulk_answered(nonce, session=session, actor=actor)
    if answered is not None:
        return answered
    try:
        with transaction.atomic():
            register = read_register(session, {m.student_id for m in marks}, role=role, now=now)
            bulk, wanted = _bulk_of(register, marks, nonce, now=now, actor=actor, reason=reason)
            _save(register, wanted, bulk, now=now, actor=actor, reason=reason, source=source)
            _conclude(register, wanted, bulk, now=now, actor=actor)
            return bulk
    except IntegrityError:
        # The same request was under way elsewhere and has finished while this one waited.
        answered = bulk_answered(nonce, session=session, actor=actor)
        if answered is None:
            raise
        return answered


def bulk_answered(nonce: str, *, session: ClassSession, actor: Actor) -> BulkChange | None:
    """What was done under this nonce, if anything; raises `Refused` nonce_used."""
    known = BulkChange.objects.filter(nonce=nonce).first()
    if known is not None and (known.session_id, known.actor_id) != (session.pk, actor.id):
        raise Refused("nonce_used", _("This nonce was used for another change."))
    return known


def _bulk_of(
    register: HeldRegister,
    marks: Sequence[MarkInput],
    nonce: str,
    *,
    now: datetime,
    actor: Actor,
    reason: str,
) -> tuple[BulkChange, list[MarkInput]]:
    """The change with its answer to each mark, and the marks that are to be saved."""
    results, wanted, seen = [], [], set()
    for mark in marks:
        code = "repeated" if mark.student_id in seen else _problem(mark, register, reason)
        seen.add(mark.student_id)
        result = _result(mark, register.marks.get(mark.student_id), code)
        results.append(result)
        if result.result == SAVED:
            wanted.append(mark)
    bulk = BulkChange.objects.create(
        session=register.session,
        nonce=nonce,
        results=[vars(result) for result in results],
        actor_id=actor.id,
        actor_label=actor.label,
        at=now,
    )
    return bulk, wanted


def _conclude(
    register: HeldRegister,
    marks: Iterable[MarkInput],
    bulk: BulkChange,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    follow_up(register.session)
    log_event(
        actor=actor,
        action="attendance.records.marked",
        now=now,
        target=bulk,
        data={
            "session": register.session.pk,
            "marks": {str(m.student_id): [m.was, m.label or m.status] for m in marks},
        },
    )


def read_register(
    session: ClassSession, student_ids: Collection[int], *, role: Editor, now: datetime
) -> HeldRegister:
    held = lock_register(session_id=session.pk, student_ids=student_ids)
    policy = policy_for(course=held.course)
    refuse_edit(edit_refusal(session=held, role=role, policy=policy, now=now))
    marks = AttendanceRecord.objects.filter(session=held, student_id__in=student_ids)
    return HeldRegister(
        session=held,
        marks={row.student_id: row for row in marks.select_related("label")},
        courses=register_courses(session_id=held.pk, students=student_ids),
        labels={own.code: own for own in CustomStatus.objects.all()},
    )


def _problem(mark: MarkInput, register: HeldRegister, reason: str) -> str:
    """Why this mark cannot be saved, as a key of `MESSAGES`; "" when it can."""
    row = register.marks.get(mark.student_id)
    before = state_of(row)
    if row is None and mark.student_id not in register.courses:
        return "student_not_found"
    if before.shown_code != mark.was:
        return "changed_since"
    if mark.status not in Status.values:
        return "unknown_status"
    changes = (before.status, before.label) != (mark.status, mark.label)
    if row is not None and changes and not (mark.reason or reason).strip():
        return "reason_required"
    return _label_problem(mark, register.labels.get(mark.label), kept=not changes)


def _label_problem(mark: MarkInput, own: CustomStatus | None, *, kept: bool) -> str:
    if not mark.label:
        return ""
    if own is None or not (own.is_active or kept):
        return "label_not_found"
    return "" if own.meaning == mark.status else "label_mismatch"


def _result(mark: MarkInput, row: AttendanceRecord | None, code: str) -> MarkResult:
    now_there = state_of(row)
    if code:
        kind = CONFLICT if code == "changed_since" else REFUSED
    elif (now_there.status, now_there.label) == (mark.status, mark.label):
        kind = UNCHANGED
    else:
        kind = SAVED
        now_there = RecordState(status=mark.status, label=mark.label)
    return MarkResult(
        student=mark.student_id,
        result=kind,
        code=code,
        message=str(MESSAGES[code]),
        status=now_there.status,
        label=now_there.label,
    )


def _save(
    register: HeldRegister,
    marks: Iterable[MarkInput],
    bulk: BulkChange,
    *,
    now: datetime,
    actor: Actor,
    reason: str,
    source: RecordSource | None,
) -> None:
    rows, before, reasons = [], [], []
    for mark in marks:
        row = register.marks.get(mark.student_id)
        before.append(state_of(row))
        by_hand = RecordSource.MANUAL if row is None else RecordSource.CORRECTED
        row = row or new_record(
            session=register.session,
            student_id=mark.student_id,
            course_id=register.courses[mark.student_id],
            now=now,
        )
        row.status, row.label = mark.status, register.labels.get(mark.label)
        row.source = source or by_hand
        rows.append(row)
        reasons.append(mark.reason or reason)
    write_marks(rows)
    rows_insert(
        [
            change_of(row=row, before=was, reason=why, now=now, actor=actor, batch=bulk)
            for row, was, why in zip(rows, before, reasons, strict=True)
        ]
    )


def write_marks(rows: list[AttendanceRecord], fields: Collection[str] = MARK_FIELDS) -> None:
    """New and changed marks in one statement. The callers hold the students: nobody is between."""
    rows_insert(rows, on=("campus", "session", "student"), updating=[*fields, "updated_at"])


def follow_up(session: ClassSession) -> None:
    if session.status == ClassSession.Status.COMPLETED:
        refresh_totals(session_id=session.pk)
    touch(board_key(session.pk))
