"""Leave: asked for by students, decided by lecturers and the office, withdrawn at any time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.attendance.selectors.policies import Editor, policy_for
from apps.audit.services import Actor, log_event
from apps.common.errors import Forbidden, Invalid, NotFound, Refused
from apps.enrollments.models import Course, Enrollment
from apps.leave import notices
from apps.leave.attachments import AttachmentFile
from apps.leave.models import Attachment, LeaveRequest
from apps.leave.services.attachments import attachment_add, attachment_erase, attachment_write
from apps.leave.services.effects import Effect, leave_apply, leave_revert, sessions_lock

LONGEST: Final = timedelta(days=366)
State = LeaveRequest.Status


@dataclass(frozen=True, kw_only=True)
class Absence:
    """What a student asks to be excused for. Without a course: all of them."""

    starts_at: datetime
    ends_at: datetime
    category: str
    reason: str
    course_id: int | None = None


def leave_request(
    *,
    student: Student,
    absence: Absence,
    nonce: str,
    file: AttachmentFile | None = None,
    now: datetime,
    actor: Actor,
) -> tuple[LeaveRequest, bool]:
    """Ask for leave; returns the request and whether it is new.

    The same nonce again returns the first request. Raises `Invalid` (span_backwards,
    span_too_long), `Refused` (leave_too_late: it began longer ago than lecturers correct
    registers; storage_unavailable) and `NotFound` (no_such_course).
    """
    first = _by_nonce(student, nonce)
    if first is not None:
        return first, False
    course = _attended(student, absence.course_id)
    _check_span(absence, course, now)
    try:
        with transaction.atomic():
            leave = _make(student, course, absence, nonce, file, now, actor)
    except IntegrityError:  # the same request at the same time was faster
        first = _by_nonce(student, nonce)
        if first is None:
            raise
        return first, False
    return leave, True


def _by_nonce(student: Student, nonce: str) -> LeaveRequest | None:
    return LeaveRequest.objects.filter(student=student, nonce=nonce).first()


def _attended(student: Student, course_id: int | None) -> Course | None:
    if course_id is None:
        return None
    enrolled = Enrollment.objects.filter(
        student=student, course=course_id, status=Enrollment.Status.ENROLLED
    ).select_related("course__subject", "course__faculty")
    found = enrolled.first()
    if found is None:
        raise NotFound("no_such_course", _("You are not enrolled in such a course."))
    return found.course


def _check_span(absence: Absence, course: Course | None, now: datetime) -> None:
    if absence.ends_at <= absence.starts_at:
        raise Invalid("span_backwards", _("A leave ends after it begins."))
    if absence.ends_at - absence.starts_at > LONGEST or absence.starts_at > now + LONGEST:
        raise Invalid("span_too_long", _("Ask for leave of at most a year, at most a year ahead."))
    days = policy_for(course=course).edit_days
    if absence.starts_at < now - timedelta(days=days):
        message = _("Leave can be asked for up to %(days)d days later. Speak with the office.")
        raise Refused("leave_too_late", message % {"days": days})


def _make(
    student: Student,
    course: Course | None,
    absence: Absence,
    nonce: str,
    file: AttachmentFile | None,
    now: datetime,
    actor: Actor,
) -> LeaveRequest:
    attachment: Attachment | None = None
    if file is not None:
        attachment = attachment_add(student=student, file=file, now=now)
    leave = LeaveRequest.objects.create(
        student=student,
        course=course,
        starts_at=absence.starts_at,
        ends_at=absence.ends_at,
        category=absence.category,
        reason=absence.reason,
        attachment=attachment,
        nonce=nonce,
        requested_at=now,
    )
    notices.leave_requested(leave=leave, now=now)
    data = {"category": leave.category, "course": leave.course_id, **_span(leave)}
    log_event(actor=actor, action="leave.request.requested", now=now, target=leave, data=data)
    if attachment is not None and file is not None:
        attachment_write(attachment=attachment, file=file)
    return leave


@transaction.atomic
def leave_decide(
    *,
    leave: LeaveRequest,
    approve: bool,
    note: str,
    was: str,
    role: Editor,
    now: datetime,
    actor: Actor,
) -> tuple[LeaveRequest, Effect]:
    """Approve or reject, or change one's mind; returns the request and what it did to marks.

    `was` is the state that the person saw: where it is another by now, nothing is changed. A
    rejection says why. Marks out of reach of `role` stay and are counted. Raises `Invalid`
    (note_required), `Forbidden` (own_request) and `Refused` (changed_meanwhile,
    leave_withdrawn).
    """
    goal = State.APPROVED if approve else State.REJECTED
    note = note.strip()[:500]
    if not approve and not note:
        raise Invalid("note_required", _("Say why you decline."))
    refuse_own(student=leave.student, actor=actor)
    current = _locked(leave)
    if current.status == goal and current.decided_by_id == actor.id:
        return current, Effect()  # asked again: the first answer stands
    if current.status == State.WITHDRAWN:
        raise Refused("leave_withdrawn", _("The student has withdrawn this request."))
    if current.status != was:
        raise Refused(
            "changed_meanwhile",
            _("Somebody else has decided meanwhile: %(status)s.")
            % {"status": current.get_status_display()},
            status_now=current.status,
        )
    decided = {"decided_at": now, "decided_by_id": actor.id, "decided_by": actor.label}
    _set(current, status=goal, decision_note=note, updated_at=now, **decided)
    effect = Effect()
    if approve:
        effect = leave_apply(leave=current, reason=_applied(current), **_by(role, now, actor))
    elif was == State.APPROVED:
        effect = leave_revert(leave=current, reason=note, **_by(role, now, actor))
    notices.leave_decided(leave=current, now=now)
    _log(current, was, effect, now, actor)
    return current, effect


@transaction.atomic
def leave_withdraw(
    *, leave: LeaveRequest, now: datetime, actor: Actor
) -> tuple[LeaveRequest, Effect]:
    """The student withdraws the request, and with it what an approval did.

    Its attachment is erased, unless marks that it proves can no longer be changed. Withdrawing
    twice is harmless. Raises `Refused` (leave_rejected).
    """
    current = _locked(leave)
    was = current.status
    if was == State.REJECTED:
        raise Refused("leave_rejected", _("This request was declined and has no effect."))
    if was == State.WITHDRAWN:
        return current, Effect()
    _set(current, status=State.WITHDRAWN, updated_at=now)
    effect = Effect()
    if was == State.APPROVED:
        reason = _("Leave withdrawn by the student")
        effect = leave_revert(leave=current, reason=reason, **_by(Editor.OFFICE, now, actor))
    if not effect.kept:
        attachment_erase(attachment=current.attachment, now=now)
    _log(current, was, effect, now, actor)
    return current, effect


def refuse_own(*, student: Student, actor: Actor) -> None:
    """Nobody decides what they asked for themselves, whatever role they have besides."""
    if student.user_id is not None and actor.id == f"user:{student.user_id}":
        raise Forbidden("own_request", _("Somebody else has to decide your own request."))


def _locked(leave: LeaveRequest) -> LeaveRequest:
    """The request as it is now, held together with the student's marks and open sessions."""
    Student.objects.select_for_update(no_key=True).get(pk=leave.student_id)
    sessions_lock(leave)
    return (
        LeaveRequest.objects.select_for_update(of=("self",))
        .select_related("student", "course__subject", "course__faculty", "attachment")
        .get(pk=leave.pk)
    )


def _set(leave: LeaveRequest, **values: Any) -> None:
    for name, value in values.items():
        setattr(leave, name, value)
    leave.save(update_fields=list(values))


def _by(role: Editor, now: datetime, actor: Actor) -> dict[str, Any]:
    return {"role": role, "now": now, "actor": actor}


def _applied(leave: LeaveRequest) -> str:
    return _("Approved leave (%(kind)s)") % {"kind": leave.get_category_display()}


def _span(leave: LeaveRequest) -> dict[str, str]:
    return {"starts_at": leave.starts_at.isoformat(), "ends_at": leave.ends_at.isoformat()}


def _log(leave: LeaveRequest, was: str, effect: Effect, now: datetime, actor: Actor) -> None:
    data = {
        "before": was,
        "after": leave.status,
        "note": leave.decision_note,
        "changed": effect.changed,
        "kept": effect.kept,
    }
    log_event(actor=actor, action=f"leave.request.{leave.status}", now=now, target=leave, data=data)
