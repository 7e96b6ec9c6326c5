"""The factors of a check-in, each one pure function."""

from collections.abc import Mapping
from typing import Any, Final

from apps.attendance.models import FaceUse, PersonUse
from apps.checkin.factors import bluetooth, device, face, location, person, qr
from apps.checkin.factors.base import Attendee, Factor, JudgedSession
from apps.checkin.factors.passkeys import person_use


def face_use(policy: Mapping[str, Any]) -> FaceUse:
    """How this policy snapshot uses faces. Older sessions hold true or false: true is read as
    today's default."""
    use = policy.get("face", False)
    if isinstance(use, bool):
        return FaceUse.PREFERRED if use else FaceUse.OFF
    return FaceUse(use)


FACTORS: Final[dict[str, Factor]] = {
    "qr": qr.verify,
    "device": device.verify,
    "location": location.verify,
    "bluetooth": bluetooth.verify,
    "face": face.verify,
    "person": person.verify,
}


def applicable(*, session: JudgedSession, student: Attendee) -> tuple[str, ...]:
    """The factors that can be asked here: a room without coordinates or beacons, a campus without
    faces, a student without consent leave theirs out, and the others weigh as much more."""
    asked = {
        "qr": True,
        "device": True,
        "location": bool(session.policy.get("place")),
        "bluetooth": bool(session.policy.get("beacons")),
        "face": face_use(session.policy) != FaceUse.OFF and student.face_applies,
        "person": person_use(session.policy) != PersonUse.OFF,
    }
    return tuple(name for name in FACTORS if asked[name])
