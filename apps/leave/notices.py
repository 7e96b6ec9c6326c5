"""What people are told about leave and appeals."""

from datetime import datetime
from typing import Any

from apps.accounts.models import Role
from apps.common.moments import local
from apps.leave.models import Appeal, LeaveRequest
from apps.leave.selectors import office_user_ids
from apps.notifications.services import notify
from apps.sessions.clashes import period_text
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone


def leave_requested(*, leave: LeaveRequest, now: datetime) -> int:
    """To those who may decide: the course's lecturer, or the office where it is for all courses.

    The reason stays in the request: what somebody suffers from is nothing for a lock screen.
    """
    lecturer = leave.course.faculty.user_id if leave.course else None
    return notify(
        kind="leave_requested",
        user_ids={lecturer} if lecturer else office_user_ids(),
        data={**_span(leave), "leave": leave.pk, "student": leave.student.full_name}
        | {"reason": str(leave.course or leave.get_category_display())},
        now=now,
        key=f"leave_requested:{leave.pk}",
    )


def leave_decided(*, leave: LeaveRequest, now: datetime) -> int:
    approved = leave.status == LeaveRequest.Status.APPROVED
    return notify(
        kind="leave_decided",
        text="leave_approved" if approved else "leave_declined",
        user_ids=_account(leave.student.user_id),
        data={**_span(leave), "leave": leave.pk, "answer": leave.decision_note},
        now=now,
        key=f"leave_decided:{leave.pk}:{now.isoformat()}",  # a decision may be changed
    )


def appeal_requested(*, appeal: Appeal, now: datetime) -> int:
    """To the session's lecturer, or to the administrators where that person has no account."""
    lecturer = appeal.session.faculty.user_id
    return notify(
        kind="appeal_requested",
        user_ids={lecturer} if lecturer else office_user_ids(roles=[Role.ADMIN]),
        data={
            **_when(appeal.session),
            "appeal": appeal.pk,
            "student": appeal.student.full_name,
            "reason": appeal.text,
        },
        now=now,
        key=f"appeal_requested:{appeal.pk}",
    )


def appeal_decided(*, appeal: Appeal, now: datetime) -> int:
    accepted = appeal.status == Appeal.State.ACCEPTED
    return notify(
        kind="appeal_decided",
        text="appeal_granted" if accepted else "appeal_declined",
        user_ids=_account(appeal.student.user_id),
        data={**_when(appeal.session), "appeal": appeal.pk, "answer": appeal.decision_note},
        now=now,
        key=f"appeal_decided:{appeal.pk}",
    )


def _account(user_id: int | None) -> set[int]:
    return {user_id} if user_id else set()


def _when(session: ClassSession) -> dict[str, Any]:
    when = period_text(session.starts_at, session.ends_at, campus_zone())
    return {"course": session.title, "when": when}


def _span(leave: LeaveRequest) -> dict[str, str]:
    """First and last day on the campus's calendar."""
    zone = campus_zone()
    return {
        "first_day": f"{local(leave.starts_at, zone):%Y-%m-%d}",
        "last_day": f"{local(leave.ends_at, zone):%Y-%m-%d}",
    }
