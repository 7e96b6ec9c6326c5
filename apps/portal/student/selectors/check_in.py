"""What the check-in's page has to know before it asks anything, in few statements."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from fido2.utils import websafe_encode

from apps.accounts.models import Device, Student
from apps.accounts.selectors import device_of
from apps.accounts.services import challenge_issue
from apps.accounts.services.devices import rebind_at
from apps.attendance.models import FaceUse
from apps.checkin.factors import face_use
from apps.checkin.factors.passkeys import passkey_use, person_use
from apps.checkin.selectors.hot_path import AttendeeContext, attendee_context
from apps.common.signatures import binding_message
from apps.liveness.rules import LivenessUse, liveness_use
from apps.liveness.wording import agreed_to_head_turns
from apps.qr_otp.stamps import Stamp, stamp_text
from apps.sessions.models import ClassSession
from apps.sessions.selectors import meeting
from apps.signin.services.replacement import old_enough_at, usable_passkeys


def page_facts(
    *,
    student: Student,
    user_id: int,
    sessions: list[ClassSession],
    stamp: Stamp | None,
    host: str,
    now: datetime,
) -> dict[str, Any]:
    """Everything the page's scripts need: no request is made before the first one that counts."""
    attendee = attendee_context(user_id=user_id, session_id=None)
    device = device_of(student=student) if attendee.device_id is not None else None
    agreed = cache(lambda: agreed_to_head_turns(student_id=student.pk))
    return {
        "zone": timezone.get_current_timezone_name(),
        "now_ms": int(now.timestamp() * 1000),
        "stamp": stamp_text(stamp) if stamp else "",
        "stamp_left_ms": _left_ms(stamp.expires_at, now) if stamp else 0,
        "student": student.pk,
        "sessions": [session_facts(one, attendee=attendee, agreed=agreed) for one in sessions],
        "device": device_facts(device, now=now),
        "passkeys": passkey_facts(student=student, host=host, now=now),
        "challenge": _challenge(student, device, now=now),
    }


def _left_ms(until: datetime, now: datetime) -> int:
    return max(0, int((until - now) / timedelta(milliseconds=1)))


def sessions_to_check_in(*, student: Student) -> list[ClassSession]:
    """The open sessions of the student's courses, the one that began last first."""
    found = ClassSession.objects.filter(
        meeting(course__enrollments__student=student, course__enrollments__status="enrolled"),
        status=ClassSession.Status.OPEN,
    )
    rows = found.select_related("course__subject", "course__section", "classroom__building")
    return list(rows.order_by("-opened_at", "-pk"))


def session_to_check_in(*, session_id: int) -> list[ClassSession]:
    """The session of a stamp, if it still exists. Whether it is the student's, the redeem says."""
    found = ClassSession.objects.filter(pk=session_id)
    return list(found.select_related("course__subject", "course__section", "classroom__building"))


def session_facts(
    session: ClassSession, *, attendee: AttendeeContext, agreed: Callable[[], bool]
) -> dict[str, Any]:
    """Which proofs this session asks for, of this student, who `agreed` to head turns or not."""
    face = face_use(session.policy) if attendee.has_face else FaceUse.OFF
    liveness = liveness_use(session.policy)
    asks = face != FaceUse.OFF and liveness != LivenessUse.OFF
    return {
        "id": session.pk,
        "place": bool(session.policy.get("place")),
        "face": face.value,
        "liveness": liveness.value if not asks or agreed() else "not_agreed",
        "passkey": passkey_use(session.policy).value,
        "person": person_use(session.policy).value,
        "late_from_ms": late_from_ms(session),
    }


def late_from_ms(session: ClassSession) -> int | None:
    """From when a scan is late, as `checkin.services.record.is_late` reckons; None: never."""
    after = session.policy.get("late_after_minutes")
    if not after or session.opened_at is None:
        return None
    grace = session.policy.get("grace_minutes", after)
    late_from = max(
        session.starts_at + timedelta(minutes=after),
        session.opened_at + timedelta(minutes=grace),
    )
    return int(late_from.timestamp() * 1000)


def device_facts(device: Device | None, *, now: datetime) -> dict[str, Any] | None:
    """The bound device in words; a browser knows itself by the hash of its identifier."""
    if device is None:
        return None
    free_at = rebind_at(device)
    return {
        "hash": device_hash(device),
        "name": str(device),
        "says": _("bound since %(day)s") % {"day": _day(device.bound_at)},
        "free_at": _moment(free_at) if free_at else "",
        "may_replace": free_at is not None and free_at <= now,
    }


def device_hash(device: Device) -> str:
    """By which a browser knows that it is this one; the identifier itself is not shown."""
    return hashlib.sha256(device.device_uuid.encode()).hexdigest()


def passkey_facts(*, student: Student, host: str, now: datetime) -> list[dict[str, Any]]:
    """The student's passkeys for this host, oldest first, and whether each may replace a device."""
    return [
        {
            "id": websafe_encode(passkey.credential_id),
            "replaces": old_enough_at(passkey) <= now,
            "replaces_from": _moment(old_enough_at(passkey)),
        }
        for passkey in usable_passkeys(student=student, rp_id=host)
    ]


def _challenge(student: Student, device: Device | None, *, now: datetime) -> dict[str, str] | None:
    """What a new key signs; none where a bound device stands in its way."""
    if device is not None and not device_facts(device, now=now)["may_replace"]:  # type: ignore[index]
        return None
    nonce = challenge_issue(student=student, now=now)
    message = binding_message(nonce=nonce, student_id=student.pk, device_uuid="{device_uuid}")
    return {"nonce": nonce, "message": message.decode()}


def _day(at: datetime) -> str:
    return formats.date_format(timezone.localtime(at), "DATE_FORMAT")


def _moment(at: datetime) -> str:
    return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
