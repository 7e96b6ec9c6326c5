"""Each factor alone: what passes, what fails, what cannot tell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apps.checkin.factors import FACTORS, applicable, bluetooth, location
from apps.checkin.factors.base import (
    Attendee,
    BeaconReading,
    Evidence,
    FactorResult,
    Fix,
    JudgedSession,
)
from apps.common.crypto import seal

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
PLACE = {"latitude": "52.51627300", "longitude": "13.37770400", "radius_m": "50.00"}
BEACON = {"identifier": "hall-1", "min_rssi": -90, "sealed_secret": None}
METRE = Decimal("0.000008983")  # degrees of latitude, 1 / 111,320

SESSION = JudgedSession(
    id=1,
    campus_id=1,
    course_id=1,
    starts_at=NOW,
    ends_at=NOW + timedelta(minutes=90),
    opened_at=NOW,
    policy={"place": PLACE, "beacons": [BEACON], "face": True, "person": "bonus"},
)
STUDENT = Attendee(id=1, device_id=5, public_key=PUBLIC, face_applies=True)


def evidence(**fields: object) -> Evidence:
    message = b"what the phone says"
    return Evidence(
        **{
            "method": "qr",
            "scanned_device_id": 5,
            "message": message,
            "signature": KEY.sign(message, ec.ECDSA(hashes.SHA256())),
            **fields,
        }
    )


def ask(factor: str, student: Attendee = STUDENT, **fields: object) -> FactorResult:
    return FACTORS[factor](session=SESSION, student=student, evidence=evidence(**fields), now=NOW)


def fix(metres_north: float, accuracy_m: float = 5, age_s: float = 1) -> Fix:
    return Fix(
        latitude=Decimal(PLACE["latitude"]) + METRE * Decimal(str(metres_north)),
        longitude=Decimal(PLACE["longitude"]),
        accuracy_m=accuracy_m,
        age_s=age_s,
    )


def test_the_way_the_code_came_weighs_the_first_factor() -> None:
    scanned, typed, told = (ask("qr", method=m).confidence for m in ("qr", "text", "otp"))
    assert scanned > typed > told


def test_the_bound_key_must_have_signed_exactly_these_bytes() -> None:
    assert ask("device").passed is True
    assert ask("device", message=b"something else").reason == "bad_signature"
    assert ask("device", signature=b"").passed is False


def test_another_device_than_the_one_that_scanned_fails() -> None:
    assert ask("device", scanned_device_id=6).reason == "other_device"
    assert ask("device", scanned_device_id=None).passed is False


def test_without_a_bound_device_nothing_can_be_told() -> None:
    nobody = replace(STUDENT, device_id=None, public_key=None)
    result = ask("device", student=nobody)
    assert (result.passed, result.reason) == (None, "no_device")


@pytest.mark.parametrize(
    ("metres", "accuracy", "passed"),
    [(0, 5, True), (49, 5, True), (54, 5, True), (56, 5, False), (140, 95, True), (400, 20, False)],
)
def test_place_passes_if_distance_less_accuracy_is_within_the_radius(
    metres: float, accuracy: float, passed: bool
) -> None:
    assert ask("location", fix=fix(metres, accuracy)).passed is passed


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (None, "no_fix"),
        (fix(0, accuracy_m=101), "too_vague"),
        (fix(0, age_s=10.5), "fix_too_old"),
        (fix(5000, accuracy_m=140), "too_vague"),
    ],
)
def test_a_missing_old_or_vague_fix_cannot_tell(where: Fix | None, reason: str) -> None:
    result = ask("location", fix=where)
    assert (result.passed, result.reason) == (None, reason)


def test_confidence_falls_towards_the_fence() -> None:
    confidences = [ask("location", fix=fix(metres)).confidence for metres in (0, 47, 53)]
    assert confidences == sorted(confidences, reverse=True)
    assert 0.6 <= confidences[-1] < confidences[0] == 1.0


def test_only_a_distance_band_is_told_never_coordinates() -> None:
    detail = ask("location", fix=fix(400, 20)).detail
    assert detail == {"accuracy_m": 20, "distance": "under_1_km"}


def test_the_distance_is_the_great_circles() -> None:
    berlin = Fix(latitude=Decimal("52.5200"), longitude=Decimal("13.4050"), accuracy_m=1, age_s=0)
    # Berlin to Paris, 877.5 km on a sphere of mean radius
    assert location.distance_m(berlin, 48.8566, 2.3522) == pytest.approx(877_463, rel=1e-3)


def test_a_beacon_of_the_room_counts_when_it_is_loud_enough() -> None:
    near = ask("bluetooth", beacons=(BeaconReading(identifier="HALL-1", rssi=-50),))
    far = ask("bluetooth", beacons=(BeaconReading(identifier="hall-1", rssi=-85),))
    assert near.passed is far.passed is True
    assert near.confidence > far.confidence
    quiet = ask("bluetooth", beacons=(BeaconReading(identifier="hall-1", rssi=-95),))
    assert (quiet.passed, quiet.reason) == (False, "not_heard")
    assert ask("bluetooth", beacons=()).passed is False
    assert ask("bluetooth", beacons=None).passed is None


def test_a_rotating_beacon_is_known_for_its_moment_only() -> None:
    secret = bytes(range(32))
    beacon = {
        "identifier": "hall-1",
        "sealed_secret": __import__("base64").b64encode(
            seal(bluetooth.BEACON_SEAL, 1, secret, context=b"hall-1")
        ),
    }
    sent = bluetooth.rotating_identifier(secret, int(NOW.timestamp()) // 30)
    assert sent in bluetooth.expected_identifiers(beacon, campus_id=1, now=NOW)
    later = NOW + timedelta(minutes=2)
    assert sent not in bluetooth.expected_identifiers(beacon, campus_id=1, now=later)
    assert "hall-1" not in bluetooth.expected_identifiers(beacon, campus_id=1, now=NOW)


@pytest.mark.parametrize(
    ("fields", "passed", "reason"),
    [
        ({"selfie": False}, None, "no_selfie"),
        ({"selfie": True}, None, "pending"),
        ({"selfie": True, "face": "matched"}, True, "matched"),
        ({"selfie": True, "face": "not_matched"}, False, "not_matched"),
        ({"selfie": True, "face": "too_blurred"}, None, "too_blurred"),
    ],
)
def test_the_face_follows_the_workers_comparison(
    fields: dict, passed: bool | None, reason: str
) -> None:
    result = ask("face", **fields)
    assert (result.passed, result.reason) == (passed, reason)


def test_what_cannot_be_asked_is_left_out() -> None:
    bare = replace(SESSION, policy={"place": None, "beacons": [], "face": True})
    assert applicable(session=bare, student=replace(STUDENT, face_applies=False)) == (
        "qr",
        "device",
    )
    assert set(applicable(session=SESSION, student=STUDENT)) == set(FACTORS)
