"""Reading leave requests and appeals: whose they are, who may see them, what they cover."""

from collections.abc import Collection
from typing import Any, Final

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import Membership, Role, Student, User
from apps.accounts.permissions import roles_of
from apps.accounts.selectors import faculty_of
from apps.accounts.viewers import Viewer
from apps.attendance.models import AttendanceRecord
from apps.attendance.selectors.policies import Editor
from apps.common.errors import Forbidden, NotFound
from apps.leave.models import Appeal, LeaveRequest
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.selectors import meeting

# From a request to the lecturer who may decide it, and to its student.
LEAVE_WAYS: Final = {"taught": "course__faculty", "attended": "student"}
APPEAL_WAYS: Final = {"taught": "session__faculty", "attended": "student"}
OFFICE_ROLES: Final = (Role.ADMIN, Role.OPERATOR)  # who is told of requests for all courses


# --- Leave -----------------------------------------------------------------------------------


def leaves(**filters: Any) -> QuerySet[LeaveRequest]:
    """Requests with everything that lists show, newest first.

    `since` and `until` (moments) keep those that touch the span between them.
    """
    since, until = filters.pop("since", None), filters.pop("until", None)
    rows = LeaveRequest.objects.filter(**filters).select_related(
        "student", "course__subject", "course__faculty", "attachment"
    )
    if since is not None:
        rows = rows.filter(ends_at__gt=since)
    if until is not None:
        rows = rows.filter(starts_at__lt=until)
    return rows.order_by("-requested_at", "-id")


def leaves_of(*, student: Student) -> QuerySet[LeaveRequest]:
    return leaves(student=student)


def leaves_seen(*, viewer: Viewer, **filters: Any) -> QuerySet[LeaveRequest]:
    """Own ones, those that name a lecturer's own course, and for the office all of them."""
    return viewer.limit(leaves(**filters), **LEAVE_WAYS)


def leave_seen(*, viewer: Viewer, leave_id: int) -> LeaveRequest:
    """Raises `NotFound` (no_such_leave), also for a request that this person may not see."""
    leave = leaves_seen(viewer=viewer, pk=leave_id).first()
    if leave is None:
        raise NotFound("no_such_leave", _("There is no such leave request."))
    return leave


def own_leave(*, student: Student, leave_id: int) -> LeaveRequest:
    """Raises `NotFound` (no_such_leave) for anybody else's."""
    leave = leaves_of(student=student).filter(pk=leave_id).first()
    if leave is None:
        raise NotFound("no_such_leave", _("There is no such leave request."))
    return leave


def leave_editor(*, viewer: Viewer, leave: LeaveRequest) -> Editor:
    """In what capacity this person decides the request.

    Raises `Forbidden` (not_yours_to_decide) for all but the office and the lecturer of the course
    that it names.
    """
    if viewer.office:
        return Editor.OFFICE
    teaches = viewer.faculty is not None and leave.course is not None
    if teaches and leave.course.faculty_id == viewer.faculty.pk:  # type: ignore[union-attr]
        return Editor.LECTURER
    raise Forbidden("not_yours_to_decide", _("Somebody else decides this request."))


def touched_sessions(leave: LeaveRequest) -> Q:
    """Sessions of which any part lies in the leave, of its course if it names one."""
    touched = Q(starts_at__lt=leave.ends_at, ends_at__gt=leave.starts_at)
    return touched & meeting(course=leave.course_id) if leave.course_id else touched


def _covering(session: ClassSession) -> Q:
    """The mirror of `touched_sessions`: leaves that cover a part of this session."""
    courses = SessionCourse.objects.filter(session=session).values("course")
    return Q(
        Q(course__isnull=True) | Q(course__in=courses, course__enrollments__student=F("student")),
        starts_at__lt=session.ends_at,
        ends_at__gt=session.starts_at,
        status=LeaveRequest.Status.APPROVED,
    )


def students_on_leave(*, session: ClassSession) -> set[int]:
    """Ids of the students whose approved leave covers a part of this session. One statement."""
    covered = LeaveRequest.objects.filter(_covering(session)).order_by()
    return set(covered.values_list("student_id", flat=True))


def approved_leaves(*, student_id: int) -> QuerySet[LeaveRequest]:
    return LeaveRequest.objects.filter(student=student_id, status=LeaveRequest.Status.APPROVED)


# --- Appeals ---------------------------------------------------------------------------------


def appeals(**filters: Any) -> QuerySet[Appeal]:
    """Appeals with everything that lists show, newest first."""
    return (
        Appeal.objects.filter(**filters)
        .select_related(
            "student", "session__course__subject", "session__faculty", "record", "attachment"
        )
        .order_by("-requested_at", "-id")
    )


def appeals_of(*, student: Student) -> QuerySet[Appeal]:
    return appeals(student=student)


def appeals_seen(*, viewer: Viewer, **filters: Any) -> QuerySet[Appeal]:
    """Own ones, those against a lecturer's own registers, and for the office all of them."""
    return viewer.limit(appeals(**filters), **APPEAL_WAYS)


def appeal_seen(*, viewer: Viewer, appeal_id: int) -> Appeal:
    """Raises `NotFound` (no_such_appeal), also for an appeal that this person may not see."""
    appeal = appeals_seen(viewer=viewer, pk=appeal_id).first()
    if appeal is None:
        raise NotFound("no_such_appeal", _("There is no such appeal."))
    return appeal


def own_appeal(*, student: Student, appeal_id: int) -> Appeal:
    """Raises `NotFound` (no_such_appeal) for anybody else's."""
    appeal = appeals_of(student=student).filter(pk=appeal_id).first()
    if appeal is None:
        raise NotFound("no_such_appeal", _("There is no such appeal."))
    return appeal


def appeal_editor(*, user: User, appeal: Appeal) -> Editor:
    """In what capacity this person decides the appeal.

    Raises `Forbidden` (not_yours_to_decide) for all but administrators and the session's lecturer.
    """
    if user.is_superuser or Role.ADMIN in roles_of(user):
        return Editor.OFFICE
    if appeal.session.faculty == faculty_of(user=user):
        return Editor.LECTURER
    raise Forbidden("not_yours_to_decide", _("The lecturer or an administrator decides this."))


def own_record(*, student: Student, record_id: int) -> AttendanceRecord:
    """A mark of the student's own; raises `NotFound` (no_such_record) for any other."""
    record = (
        AttendanceRecord.objects.filter(pk=record_id, student=student)
        .select_related(
            "session__course__subject", "session__faculty", "course__subject", "student"
        )
        .first()
    )
    if record is None:
        raise NotFound("no_such_record", _("There is no such mark of yours."))
    return record


# --- People ----------------------------------------------------------------------------------


def office_user_ids(*, roles: Collection[str] = OFFICE_ROLES) -> set[int]:
    """Accounts with one of these roles on the entered campus."""
    members = Membership.objects.filter(role__in=roles, is_active=True, user__is_active=True)
    return set(members.order_by().values_list("user_id", flat=True))
