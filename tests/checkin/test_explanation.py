"""The score in one line that a student understands."""

from decimal import Decimal

import pytest
from django.utils import translation

from apps.checkin.explanation import explain
from apps.checkin.models import CheckInAttempt, FaceState, Method, Outcome, Reason


def factor(passed: bool | None, reason: str, **detail: object) -> dict:
    return {"passed": passed, "confidence": 1.0, "reason": reason, "detail": detail}


def attempt(score: str = "0.62", **fields: object) -> CheckInAttempt:
    facts = {"method": Method.QR, "outcome": Outcome.ACCEPTED, "score": Decimal(score)}
    return CheckInAttempt(**{**facts, **fields})


PROVEN = {"qr": factor(True, "by_qr"), "device": factor(True, "signed")}


def test_every_factor_is_told_in_its_order() -> None:
    factors = {
        **PROVEN,
        "location": factor(None, "too_vague", accuracy_m=140),
        "face": factor(False, "not_matched"),
    }
    with translation.override("en"):
        text = explain(attempt(factors=factors))
    assert text == "0.62: QR ✓, device ✓, location unknown (accuracy 140 m), face not matched"


@pytest.mark.parametrize(
    ("name", "found", "text"),
    [
        ("qr", factor(True, "by_text"), "typed code ✓"),
        ("qr", factor(True, "by_otp"), "code told to this student ✓"),
        ("qr", factor(True, "by_class_code"), "code told to the class ✓"),
        ("device", factor(None, "no_device"), "device not bound"),
        ("device", factor(False, "bad_signature"), "device signature does not fit"),
        ("location", factor(True, "inside", accuracy_m=8), "location ✓"),
        ("location", factor(None, "no_fix"), "location not sent"),
        (
            "location",
            factor(False, "outside", distance="under_1_km"),
            "location 200 m to 1 km away",
        ),
        ("bluetooth", factor(False, "not_heard"), "beacon not heard"),
        ("face", factor(None, "several_faces"), "face not alone in the photo"),
        ("face", factor(None, "something_new"), "face unknown"),
        ("face", factor(False, "something_new"), "face failed"),
    ],
)
def test_what_a_factor_found(name: str, found: dict, text: str) -> None:
    with translation.override("en"):
        assert explain(attempt(factors={name: found})) == f"0.62: {text}"


def test_a_face_that_is_being_compared_is_said_to_be() -> None:
    pending = attempt(
        score="0.70",
        factors={**PROVEN, "face": factor(None, "pending")},
        outcome=Outcome.PENDING,
        face_state=FaceState.PENDING,
    )
    with translation.override("en"):
        assert explain(pending) == "0.70: QR ✓, device ✓, face being compared"


def test_an_offline_check_in_says_so() -> None:
    with translation.override("en"):
        text = explain(attempt(score="0.75", factors=PROVEN, offline=True))
    assert text == "0.75: QR ✓, device ✓, sent later, scanned offline"


def test_without_factors_the_reason_is_told() -> None:
    refused = attempt(score="0", outcome=Outcome.REFUSED, reason=Reason.TICKET_EXPIRED, factors={})
    with translation.override("en"):
        assert explain(refused) == "The 90 seconds have passed. Scan the code again."
        assert explain(attempt(outcome=Outcome.PENDING, factors={})) == ""
