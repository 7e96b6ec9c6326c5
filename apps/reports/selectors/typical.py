"""What typical check-ins would score under a policy: the real factors and the real decision, over
evidence that is made up here. Nothing is saved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils.translation import gettext_lazy as _

from apps.attendance.models import FaceUse, Policy
from apps.attendance.selectors.policies import policy_snapshot
from apps.checkin.factors import FACTORS, applicable, face_use
from apps.checkin.factors.base import Attendee, BeaconReading, Evidence, Fix, JudgedSession
from apps.checkin.factors.passkeys import asks_passkeys
from apps.checkin.models import CheckInAttempt, Method
from apps.checkin.services.check_in import decide
from apps.liveness.judging import Decision, Verdict
from apps.signin.assertions import Proof
from apps.tenants.scope import current_campus_id

LATITUDE: Final = Decimal("47.37")
LONGITUDE: Final = Decimal("8.54")
NORTH: Final = Decimal("0.01")  # degrees of latitude: 1.1 km
PLACE: Final = {"latitude": str(LATITUDE), "longitude": str(LONGITUDE), "radius_m": "50"}
BEACON: Final = {"identifier": "typical", "min_rssi": -90, "sealed_secret": None}
DEVICE: Final = 1
OTHER_DEVICE: Final = 2
MESSAGE: Final = b"typical"
NOBODY: Final = 0  # no student, course or session has this id


@dataclass(frozen=True, kw_only=True)
class TypicalCheckIn:
    """`score` is 0–1. `outcome` and `reason` are those of an attempt, `why` the reason in words;
    `proven` names the factors that passed."""

    label: Any
    score: Decimal
    outcome: str
    reason: str
    why: str
    proven: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Sent:
    label: Any
    evidence: Evidence
    room: bool = True  # with coordinates and a beacon
    offline: bool = False


def typical_check_ins(*, policy: Policy, now: datetime) -> list[TypicalCheckIn]:
    """`policy` need not be saved. At most a few statements."""
    snapshot = policy_snapshot(policy=policy, classroom=None)
    bare = {**snapshot, "place": None, "beacons": []}
    room = {**snapshot, "place": PLACE, "beacons": [BEACON]}
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    student = Attendee(
        id=NOBODY, device_id=DEVICE, public_key=public, face_applies=True, face_agreed=True
    )
    signature = key.sign(MESSAGE, ec.ECDSA(SHA256()))
    return [
        _judged(sent, room if sent.room else bare, student, now)
        for sent in _sent(snapshot, signature)
    ]


def _sent(policy: Mapping[str, Any], signature: bytes) -> Iterator[_Sent]:
    """Passkeys and faces only where this policy looks at them."""
    passkeys, faces = asks_passkeys(policy), face_use(policy) != FaceUse.OFF
    proof = Proof(user_verified=True, synced=True)
    everything = Evidence(
        method=Method.QR,
        scanned_device_id=DEVICE,
        message=MESSAGE,
        signature=signature,
        fix=Fix(latitude=LATITUDE, longitude=LONGITUDE, accuracy_m=15, age_s=2),
        beacons=(BeaconReading(identifier="typical", rssi=-60),),
        selfie=True,
        live=Verdict(decision=Decision.PASSED),
        passkey=proof if passkeys else None,
        face="matched",
    )
    far = Fix(latitude=LATITUDE + NORTH, longitude=LONGITUDE, accuracy_m=15, age_s=2)
    yield _Sent(label=_("Everything is proven"), evidence=everything)
    no_place = replace(everything, fix=None, beacons=None)
    yield _Sent(label=_("Without place and beacon"), evidence=no_place)
    elsewhere = replace(everything, fix=far, beacons=())
    yield _Sent(label=_("Far from the room"), evidence=elsewhere)
    yield _Sent(label=_("In a room without either"), evidence=no_place, room=False)
    if faces:
        yield _Sent(label=_("Without a photo"), evidence=replace(everything, selfie=False))
        other = replace(everything, face="not_matched")
        yield _Sent(label=_("With somebody else's face"), evidence=other)
    new = replace(everything, scanned_device_id=OTHER_DEVICE)
    yield _Sent(label=_("From a device that is not bound"), evidence=new)
    if passkeys:
        by_passkey = replace(everything, signature=b"")
        yield _Sent(label=_("By passkey, without the device's key"), evidence=by_passkey)
        yield _Sent(label=_("Without a passkey"), evidence=replace(everything, passkey=None))
    typed = replace(everything, method=Method.TEXT)
    yield _Sent(label=_("The code is typed"), evidence=typed)
    yield _Sent(label=_("Without network, sent later"), evidence=everything, offline=True)


def _judged(
    sent: _Sent, policy: Mapping[str, Any], student: Attendee, now: datetime
) -> TypicalCheckIn:
    session = JudgedSession(
        id=NOBODY,
        campus_id=current_campus_id(),
        course_id=NOBODY,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        opened_at=now,
        policy=policy,
    )
    attempt = CheckInAttempt(
        session_id=NOBODY,
        student_id=NOBODY,
        method=sent.evidence.method,
        received_at=now,
        offline=sent.offline,
    )
    results = {
        name: FACTORS[name](session=session, student=student, evidence=sent.evidence, now=now)
        for name in applicable(session=session, student=student)
    }
    decide(attempt, session, results, face_agreed=True, now=now)
    return TypicalCheckIn(
        label=sent.label,
        score=attempt.score,
        outcome=attempt.outcome,
        reason=attempt.reason,
        why=str(attempt.get_reason_display()) if attempt.reason else "",
        proven=tuple(name for name, result in results.items() if result.passed),
    )
