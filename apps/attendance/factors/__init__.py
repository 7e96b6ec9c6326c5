"""The factors of a check-in, each one pure function."""

from typing import Final

from apps.attendance.factors import bluetooth, device, face, location, qr
from apps.attendance.factors.base import Attendee, Factor, JudgedSession

FACTORS: Final[dict[str, Factor]] = {
    "qr": qr.verify,
    "device": device.verify,
    "location": location.verify,
    "bluetooth": bluetooth.verify,
    "face": face.verify,
}


def applicable(*, session: JudgedSession, student: Attendee) -> tuple[str, ...]:
    """The factors that can be asked here: a room without coordinates or beacons, a campus without
    faces, a student without consent leave theirs out, and the others weigh as much more."""
    asked = {
        "qr": True,
        "device": True,
        "location": bool(session.policy.get("place")),
        "bluetooth": bool(session.policy.get("beacons")),
        "face": bool(session.policy.get("face")) and student.face_applies,
    }
    return tuple(name for name in FACTORS if asked[name])
