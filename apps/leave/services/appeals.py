"""Appeals against marks: made by students in time, decided by the lecturer or administrators."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, Status
from apps.attendance.selectors.policies import Editor, policy_for, refuse_edit, time_refusal
from apps.attendance.services.marking import record_mark
from apps.audit.services import Actor, record
from apps.common.errors import Invalid, Refused
from apps.leave import notices
from apps.leave.attachments import AttachmentFile
from apps.leave.models import Appeal, Attachment
from apps.leave.services.attachments import attachment_add, attachment_erase, attachment_write
from apps.leave.services.leave import refuse_own

State = Appeal.State


def appeal_deadline(*, mark: AttendanceRecord) -> datetime:
    """Until when this mark can be appealed against: `appeal_days` after the session's end.

    By the policy that holds now for the course, like everything about corrections.
    """
    days = policy_for(course=mark.session.course).appeal_days
    return mark.session.ends_at + timedelta(days=days)


def appeal_create(
    *,
    student: Student,
    mark: AttendanceRecord,
    wanted: str,
    text: str,
    nonce: str,
    file: AttachmentFile | None = None,
    now: datetime,
    actor: Actor,
) -> tuple[Appeal, bool]:
    """Appeal against an own mark; returns the appeal and whether it is new.

    The same nonce again returns the first appeal. Raises `Refused`: appeal_too_late,
    register_locked, nothing_to_appeal (it reads as wanted already), appeal_open (one is waiting),
    appeal_decided (one against this very mark was declined), storage_unavailable.
    """
    first = _by_nonce(student, nonce)
    if first is not None:
        return first, False
    deadline = appeal_deadline(mark=mark)
    _check(mark, wanted, deadline, now)
    try:
        with transaction.atomic():
            values = {"wanted": wanted, "text": text, "nonce": nonce, "deadline_at": deadline}
            return _make(student, mark, file, now, actor, **values), True
    except IntegrityError as error:
        first = _by_nonce(student, nonce)
        if first is None:  # not the same request: another appeal was faster
            raise _already_open() from error
        return first, False


def _by_nonce(student: Student, nonce: str) -> Appeal | None:
    return Appeal.objects.filter(student=student, nonce=nonce).first()


def _check(mark: AttendanceRecord, wanted: str, deadline: datetime, now: datetime) -> None:
    if now > deadline:
        raise Refused(
            "appeal_too_late",
            _("The time to appeal is over. Speak with your lecturer."),
            deadline=deadline.isoformat(),
        )
    policy = policy_for(course=mark.session.course)
    refuse_edit(time_refusal(session=mark.session, role=Editor.OFFICE, policy=policy, now=now))
    if mark.status == wanted:
        raise Refused("nothing_to_appeal", _("The register says so already."))
    against_this = Appeal.objects.filter(session=mark.session_id, student=mark.student_id)
    if against_this.filter(status=State.OPEN).exists():
        raise _already_open()
    if against_this.filter(status=State.REJECTED, against=mark.status).exists():
        raise Refused("appeal_decided", _("An appeal against this mark was declined already."))


def _already_open() -> Refused:
    return Refused("appeal_open", _("Your appeal against this mark waits for a decision."))


def _make(
    student: Student,
    mark: AttendanceRecord,
    file: AttachmentFile | None,
    now: datetime,
    actor: Actor,
    **values: Any,
) -> Appeal:
    attachment: Attachment | None = None
    if file is not None:
        attachment = attachment_add(student=student, file=file, now=now)
    appeal = Appeal.objects.create(
        student=student,
        record=mark,
        session=mark.session,
        against=mark.status,
        attachment=attachment,
        requested_at=now,
        **values,
    )
    notices.appeal_requested(appeal=appeal, now=now)
    data = {"against": appeal.against, "wanted": appeal.wanted, "session": appeal.session_id}
    record(actor=actor, action="leave.appeal.created", now=now, target=appeal, data=data)
    if attachment is not None and file is not None:
        attachment_write(attachment=attachment, file=file)
    return appeal


@transaction.atomic
def appeal_decide(
    *, appeal: Appeal, accept: bool, note: str, role: Editor, now: datetime, actor: Actor
) -> Appeal:
    """Accept, which corrects the mark as wanted, or reject with a reason.

    Asked again with the same decision the first answer stands. Raises `Invalid` (note_required),
    `Forbidden` (own_request), `Refused` (appeal_closed: it is not open any more; and what
    `edit_refusal` says where the register may no longer be changed by `role`).
    """
    goal = State.ACCEPTED if accept else State.REJECTED
    note = note.strip()[:500]
    if not accept and not note:
        raise Invalid("note_required", _("Say why you decline."))
    refuse_own(student=appeal.student, actor=actor)
    current = _locked(appeal)
    if current.status == goal and current.decided_by_id == actor.id:
        return current
    if current.status != State.OPEN:
        raise Refused(
            "appeal_closed",
            _("This appeal is not open any more: %(status)s.")
            % {"status": current.get_status_display()},
        )
    _set(
        current,
        status=goal,
        decision_note=note,
        decided_at=now,
        decided_by_id=actor.id,
        decided_by=actor.label,
        updated_at=now,
    )
    if accept:
        record_mark(
            session=current.session,
            student_id=current.student_id,
            status=Status(current.wanted),
            reason=_("Appeal accepted: %(text)s") % {"text": note or current.text},
            now=now,
            actor=actor,
            role=role,
        )
    notices.appeal_decided(appeal=current, now=now)
    _log(current, now, actor)
    return current


@transaction.atomic
def appeal_withdraw(*, appeal: Appeal, now: datetime, actor: Actor) -> Appeal:
    """The student withdraws an open appeal; its attachment is erased. Twice is harmless.

    Raises `Refused` (appeal_closed) once it is decided.
    """
    current = _locked(appeal)
    if current.status == State.WITHDRAWN:
        return current
    if current.status != State.OPEN:
        raise Refused("appeal_closed", _("This appeal has been decided."))
    _set(current, status=State.WITHDRAWN, updated_at=now)
    attachment_erase(attachment=current.attachment, now=now)
    _log(current, now, actor)
    return current


def _locked(appeal: Appeal) -> Appeal:
    """The appeal as it is now. The student's row comes first, as in every change of a mark."""
    Student.objects.select_for_update(no_key=True).get(pk=appeal.student_id)
    return (
        Appeal.objects.select_for_update(of=("self",))
        .select_related("student", "session__course__subject", "session__faculty", "attachment")
        .get(pk=appeal.pk)
    )


def _set(appeal: Appeal, **values: Any) -> None:
    for name, value in values.items():
        setattr(appeal, name, value)
    appeal.save(update_fields=list(values))


def _log(appeal: Appeal, now: datetime, actor: Actor) -> None:
    data = {"note": appeal.decision_note, "session": appeal.session_id}
    record(actor=actor, action=f"leave.appeal.{appeal.status}", now=now, target=appeal, data=data)
