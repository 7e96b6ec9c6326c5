"""A bulk change taken back: each mark becomes what it would be had the change not been made."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.attendance.models import AttendanceRecord, BulkChange, RecordChange, RecordSource, Status
from apps.attendance.registry import earned_marks, excused_students, undecided_students
from apps.attendance.selectors.policies import Editor
from apps.attendance.selectors.register import may_improve
from apps.attendance.services.bulk_marking import (
    CONFLICT,
    MARK_FIELDS,
    MESSAGES,
    SAVED,
    HeldRegister,
    MarkResult,
    follow_up,
    read_register,
    write_marks,
)
from apps.attendance.services.marking import change_of, state_of
from apps.attendance.services.unmarked import closing_mark
from apps.audit.services import Actor, log_event
from apps.common.errors import NotFound, Refused
from apps.sessions.models import ClassSession
from apps.tenants.inserts import rows_insert

BY_CAMERA: Final = "camera:"
"""With which the ids of actors begin that are cameras: what they mark is taken back apart."""


def last_bulk(*, session: ClassSession) -> BulkChange:
    """The newest bulk change of a session by a person that was not undone; raises `NotFound`."""
    standing = BulkChange.objects.filter(session=session, undone_at=None)
    by_people = standing.exclude(actor_id__startswith=BY_CAMERA)
    bulk = by_people.order_by("-at", "-pk").first()
    if bulk is None:
        raise NotFound("nothing_to_undo", _("There is nothing to undo."))
    return bulk


@transaction.atomic
def bulk_undo(
    *, bulk: BulkChange, now: datetime, actor: Actor, role: Editor = Editor.LECTURER
) -> list[MarkResult]:
    """Restore what a bulk change changed and nobody changed since; the rest is reported.

    What happened while the change stood counts now: check-ins that were accepted, leaves that were
    approved or withdrawn. Who was unmarked before is unmarked again, or what the closing makes of
    them when the session has been completed.
    """
    changes = {change.student_id: change for change in bulk.changes.all()}
    register = read_register(bulk.session, changes.keys(), role=role, now=now)
    if not BulkChange.objects.filter(pk=bulk.pk, undone_at=None).update(undone_at=now):
        raise Refused("already_undone", _("This change has been undone already."))
    bulk.undone_at = now
    newest = dict(
        RecordChange.objects.filter(session=register.session, student_id__in=changes)
        .values_list("student_id")
        .annotate(Max("pk"))
    )
    undoable = [
        change
        for student_id, change in changes.items()
        if newest[student_id] == change.pk and student_id in register.marks
    ]
    _restore(register, undoable, bulk, now=now, actor=actor)
    follow_up(register.session)
    shown = {c.student_id: state_of(register.marks.get(c.student_id)) for c in undoable}
    log_event(
        actor=actor,
        action="attendance.records.undone",
        now=now,
        target=bulk,
        data={
            "session": register.session.pk,
            "marks": {
                str(c.student_id): [c.after_label or c.after, shown[c.student_id].shown_code]
                for c in undoable
            },
        },
    )
    return _results(register, changes.values(), undone=shown.keys())


def _restore(
    register: HeldRegister,
    changes: Collection[RecordChange],
    bulk: BulkChange,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """The marks as they would be, in the same statements for any number; `register.marks` follows.

    A change of history is kept for each.
    """
    rows = {change.student_id: register.marks[change.student_id] for change in changes}
    undone = {student_id: state_of(row) for student_id, row in rows.items()}
    for change in changes:
        _put_back(rows[change.student_id], change, register)
    excused = excused_students(session=register.session)
    _without_withdrawn_leave(register, rows, excused)
    fields = {*MARK_FIELDS, *_count_check_ins(register.session, rows)}
    _excuse_and_close(register.session, rows, excused)
    gone = {student_id for student_id, row in rows.items() if not row.status}
    history = []
    for student_id, row in rows.items():
        entry = change_of(
            row=row, before=undone[student_id], reason=_("Undone"), now=now, actor=actor
        )
        entry.batch = bulk
        if student_id in gone:
            entry.record = None
        history.append(entry)
    _remove([register.marks.pop(student_id).pk for student_id in gone])
    write_marks([row for student_id, row in rows.items() if student_id not in gone], fields)
    rows_insert(history)


def _put_back(row: AttendanceRecord, change: RecordChange, register: HeldRegister) -> None:
    """The mark as it was before this change; without status where there was none."""
    row.status, row.source = change.before, change.before_source
    row.label = register.labels.get(change.before_label)


def _without_withdrawn_leave(
    register: HeldRegister, rows: dict[int, AttendanceRecord], excused: Collection[int]
) -> None:
    """Marks of a leave that no longer stands become what they were before it, else absent."""
    withdrawn = [
        student_id
        for student_id, row in rows.items()
        if row.source == RecordSource.LEAVE and student_id not in excused
    ]
    for student_id in withdrawn:
        rows[student_id].status, rows[student_id].source = closing_mark(excused=False)
    by_leave = RecordChange.objects.filter(
        session=register.session,
        student_id__in=withdrawn,
        leave_id__isnull=False,
        after=Status.EXCUSED,
    )
    for change in by_leave.order_by("at", "pk"):
        _put_back(rows[change.student_id], change, register)


def _count_check_ins(session: ClassSession, rows: dict[int, AttendanceRecord]) -> set[str]:
    """What check-ins made meanwhile, which a person's mark kept out; returns the fields written."""
    fields: set[str] = set()
    for student_id, values in earned_marks(session=session, students=rows.keys()).items():
        row = rows[student_id]
        if may_improve(values["status"], status=row.status, source=row.source):
            for field, value in values.items():
                setattr(row, field, value)
            fields |= values.keys()
    return fields


def _excuse_and_close(
    session: ClassSession, rows: dict[int, AttendanceRecord], excused: Collection[int]
) -> None:
    """A completed session leaves nobody unmarked, and a leave excuses whom it made absent."""
    closed = session.status == ClassSession.Status.COMPLETED
    undecided = undecided_students(session=session) if closed else set()
    for student_id, row in rows.items():
        unmarked = closed and not row.status and student_id not in undecided
        if unmarked or (row.source == RecordSource.CLOSING and student_id in excused):
            row.status, row.source = closing_mark(excused=student_id in excused)
            row.label = None


def _remove(record_ids: list[int]) -> None:
    """Delete marks; changes and appeals stay, found by session and student: the database
    empties what pointed at the mark from above.

    By hand, because Django's deletion works in batches: more statements for more students.
    """
    RecordChange.objects.filter(record__in=record_ids).update(record=None)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM attendance_attendancerecord WHERE id = ANY(%s)", [record_ids])


def _results(
    register: HeldRegister, changes: Iterable[RecordChange], *, undone: Collection[int]
) -> list[MarkResult]:
    results = []
    for change in changes:
        shown = state_of(register.marks.get(change.student_id))
        code = "" if change.student_id in undone else "changed_since"
        results.append(
            MarkResult(
                student=change.student_id,
                result=CONFLICT if code else SAVED,
                code=code,
                message=str(MESSAGES[code]),
                status=shown.status,
                label=shown.label,
            )
        )
    return results
