"""Which policy holds for a course, its snapshot in a session, and who may still change a mark.

A session is judged by the policy that was copied at its opening; whether its register may be
changed follows from the policy that holds now.
"""

from base64 import b64encode
from collections.abc import Collection
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from apps.attendance.models import FaceUse, PasskeyUse, Policy
from apps.classrooms.models import Beacon, Classroom
from apps.common.errors import Refused
from apps.common.moments import local
from apps.enrollments.models import Course
from apps.liveness.rules import LivenessUse
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

# Beyond this the policies of all courses are read: a long list of ids costs more than they do.
FEW_COURSES: Final = 50


def policy_for(*, course: Course | None) -> Policy:
    """The newest version of the course's own policy, else of the campus's, else the defaults.

    Without a course: of the campus.
    """
    newest = Policy.objects.filter(Q(course=course) | Q(course__isnull=True)).order_by(
        F("course_id").asc(nulls_last=True), "-version"
    )
    return newest.first() or Policy(version=0)


def policies_for(*, course_ids: Collection[int]) -> dict[int, Policy]:
    """`policy_for` of many courses in one statement."""
    rows = Policy.objects.distinct("course_id").order_by("course_id", "-version")
    if len(course_ids) <= FEW_COURSES:
        rows = rows.filter(Q(course_id__in=course_ids) | Q(course__isnull=True))
    newest = {policy.course_id: policy for policy in rows}
    default = newest.get(None) or Policy(version=0)
    return {course_id: newest.get(course_id, default) for course_id in course_ids}


def asks_head_turns() -> bool:
    """Whether a policy of the entered campus that holds now asks for them."""
    rows = Policy.objects.order_by("course_id", "-version").distinct("course_id")
    return (
        Policy.objects.filter(pk__in=rows.values("pk")).exclude(liveness=LivenessUse.OFF).exists()
    )


def window_of(policy: Policy) -> tuple[timedelta, timedelta]:
    """How long before and after its start a session may be opened."""
    return (
        timedelta(minutes=policy.open_before_minutes),
        timedelta(minutes=policy.open_after_minutes),
    )


def closes_at(session: ClassSession) -> datetime:
    """When an open session closes by itself: the grace of its policy snapshot after its end.

    One that was opened after its end gets the grace from its opening.
    """
    minutes = session.policy.get("close_after_minutes", Policy().close_after_minutes)
    ends_at = max(session.ends_at, session.opened_at or session.ends_at)
    return ends_at + timedelta(minutes=minutes)


class Editor(StrEnum):
    """In what capacity somebody changes a register."""

    LECTURER = "lecturer"
    OFFICE = "office"  # administrators, and decisions on leave and appeals in their name


EDIT_REFUSALS: Final = {
    "session_not_open": gettext_lazy("This session is not open."),
    "register_locked": gettext_lazy(
        "The registers of these days are locked. Nobody can change them."
    ),
    "edit_time_over": gettext_lazy("The days for corrections have passed. Ask an administrator."),
}


def edit_refusal(
    *,
    session: ClassSession,
    role: Editor,
    policy: Policy,
    now: datetime,
    zone: tzinfo | None = None,
) -> str:
    """Why this register may not be changed now, as a key of `EDIT_REFUSALS`; "" when it may.

    `policy` is the one that holds now for the course. Every writer of marks asks this: single and
    bulk marks, undoing, leave and appeals. Only check-ins and the closing of an open session go
    by the session's own policy snapshot.
    """
    if session.status not in (ClassSession.Status.OPEN, ClassSession.Status.COMPLETED):
        return "session_not_open"
    return time_refusal(session=session, role=role, policy=policy, now=now, zone=zone)


def time_refusal(
    *,
    session: ClassSession,
    role: Editor,
    policy: Policy,
    now: datetime,
    zone: tzinfo | None = None,
) -> str:
    """`edit_refusal` by the calendar alone, whatever state the session is in.

    The lock goes by the session's day in the campus's time zone: one query, where there is a
    lock and the caller, asking about many sessions, has not brought the `zone`.
    """
    if policy.locked_before and is_locked(
        session=session, policy=policy, zone=zone or campus_zone()
    ):
        return "register_locked"
    over = now > session.ends_at + timedelta(days=policy.edit_days)
    return "edit_time_over" if over and role == Editor.LECTURER else ""


def is_locked(*, session: ClassSession, policy: Policy, zone: tzinfo) -> bool:
    """Whether the session's day, on the campus's calendar, lies before the locked day."""
    before = policy.locked_before
    return before is not None and local(session.starts_at, zone).date() < before


def refuse_edit(reason: str) -> None:
    """Raise `Refused` for a reason of `edit_refusal`; nothing for ""."""
    if reason:
        raise Refused(reason, str(EDIT_REFUSALS[reason]))


def policy_snapshot(*, policy: Policy, classroom: Classroom | None) -> dict[str, Any]:
    """The policy with the room's place and beacons, as plain JSON, for one session to keep.

    Beacon secrets stay sealed inside.
    """
    return {
        "policy_id": policy.pk,
        "version": policy.version,
        "weights": policy.weights,
        "required": _required(policy),
        "decisive": policy.decisive,
        "present_threshold": str(policy.present_threshold),
        "late_after_minutes": policy.late_after_minutes,
        "grace_minutes": policy.grace_minutes,
        "close_after_minutes": policy.close_after_minutes,
        "check_in_from_minutes": policy.check_in_from_minutes,
        "check_in_until_minutes": policy.check_in_until_minutes,
        "offline_factor": str(policy.offline_factor),
        "offline_limit": policy.offline_limit,
        "waiting_hours": policy.waiting_hours,
        "class_code_weight": _text(policy.class_code_weight),
        "card_weight": _text(policy.card_weight),
        "face": _face_use(policy),
        "liveness": str(policy.liveness),
        "passkey": str(policy.passkey),
        "person": str(policy.person),
        "synced_passkey_weight": str(policy.synced_passkey_weight),
        "place": _place(classroom),
        "beacons": _beacons(classroom),
    }


def _required(policy: Policy) -> list[str]:
    """What must be proven: the device in any case where a passkey must prove it."""
    named = [name for name in policy.required if name != "face"]
    by_passkey = policy.passkey == PasskeyUse.REQUIRED and "device" not in named
    return [*named, "device"] if by_passkey else named


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _face_use(policy: Policy) -> str:
    """What is made of faces here: nothing where the campus has them off.

    Policies of before this setting say it by naming the face among the required factors.
    """
    if not Campus.objects.values_list("face_enabled", flat=True).get(pk=current_campus_id()):
        return FaceUse.OFF.value
    return FaceUse.REQUIRED.value if "face" in policy.required else str(policy.face)


def _place(classroom: Classroom | None) -> dict[str, str] | None:
    if classroom is None or classroom.latitude is None:
        return None
    return {
        "latitude": str(classroom.latitude),
        "longitude": str(classroom.longitude),
        "radius_m": str(classroom.geofence_radius),
    }


def _beacons(classroom: Classroom | None) -> list[dict[str, Any]]:
    if classroom is None:
        return []
    return [
        {
            "identifier": beacon.identifier,
            "min_rssi": beacon.min_rssi,
            "sealed_secret": b64encode(bytes(beacon.sealed_secret)).decode()
            if beacon.sealed_secret
            else None,
        }
        for beacon in Beacon.objects.filter(classroom=classroom, is_active=True)
    ]
