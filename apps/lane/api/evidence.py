"""The body of a check-in as apps write it, read without the REST framework's serializers.

Takes only what leaves no doubt, and reads it as `apps.checkin.api` does (tests/lane compare them);
for everything else, photos and passkeys among it, there are the serializers.
"""

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from apps.checkin.api.serializers import MAX_BEACONS, MAX_EVIDENCE, MAX_FACTS
from apps.checkin.factors.base import BeaconReading, Fix
from apps.checkin.services.check_in import Submission
from apps.common.strict_json import UnreadableJSON, loads
from apps.common.texts import NONCE

_NONCE: Final = re.compile(NONCE)
_TICKET: Final = re.compile(r"[A-Za-z0-9:_.=-]{1,1000}")
_DEGREES: Final = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,15})?")
_IDENTIFIER: Final = re.compile(r"[!-~]{1,100}")
_FACT: Final = re.compile(r"[!-~]([ -~]{0,98}[!-~])?")
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{4,198}={0,2}")
_BODY: Final = frozenset(("evidence", "signature", "assertion", "selfie"))
_EVIDENCE: Final = frozenset(("ticket", "nonce", "location", "beacons", "device_info"))
_FIX: Final = frozenset(("latitude", "longitude", "accuracy_m", "age_s"))
_BEACON: Final = frozenset(("identifier", "rssi"))


class Doubtful(ValueError):
    """Not written as apps write it."""


def submission_in(body: Mapping[str, Any]) -> Submission | None:
    """What the phone sent; None where the serializers have to look at it."""
    try:
        return _submission(body)
    except (Doubtful, UnreadableJSON):
        return None


def _submission(body: Mapping[str, Any]) -> Submission:
    text = body.get("evidence")
    _must(body.keys() <= _BODY and isinstance(text, str) and len(text) <= MAX_EVIDENCE)
    _must(body.get("assertion") is None and body.get("selfie") is None)
    evidence = loads(str(text))
    _must(isinstance(evidence, dict) and evidence.keys() <= _EVIDENCE)
    return Submission(
        ticket=_matched(_TICKET, evidence.get("ticket")),
        nonce=_matched(_NONCE, evidence.get("nonce")),
        message=str(text).encode(),
        signature=_signature(body.get("signature")),
        fix=_fix(evidence.get("location")),
        beacons=_beacons(evidence.get("beacons")),
        device_info=_facts(evidence.get("device_info", {})),
    )


def _must(condition: bool) -> None:
    if not condition:
        raise Doubtful


def _matched(pattern: re.Pattern[str], text: Any) -> str:
    _must(isinstance(text, str) and pattern.fullmatch(text) is not None)
    return str(text)


def _signature(text: Any) -> bytes:
    try:
        return base64.b64decode(_matched(_SIGNATURE, text), validate=True)
    except ValueError as error:
        raise Doubtful from error


def _fix(location: Any) -> Fix | None:
    if location is None:
        return None
    _must(isinstance(location, dict) and location.keys() == _FIX)
    accuracy = _number(location["accuracy_m"], most=100_000)
    _must(accuracy > 0)
    return Fix(
        latitude=_degrees(location["latitude"], most=90),
        longitude=_degrees(location["longitude"], most=180),
        accuracy_m=accuracy,
        age_s=_number(location["age_s"], most=86_400),
    )


def _degrees(value: Any, *, most: int) -> Decimal:
    _must(isinstance(value, str | int | float) and not isinstance(value, bool))
    degrees = Decimal(_matched(_DEGREES, str(value)))
    _must(-most <= degrees <= most)
    return degrees


def _number(value: Any, *, most: float) -> float:
    _must(isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most)
    return float(value)


def _beacons(readings: Any) -> tuple[BeaconReading, ...] | None:
    if readings is None:
        return None
    _must(isinstance(readings, list) and len(readings) <= MAX_BEACONS)
    return tuple(_beacon(reading) for reading in readings)


def _beacon(reading: Any) -> BeaconReading:
    _must(isinstance(reading, dict) and reading.keys() == _BEACON)
    rssi = reading["rssi"]
    _must(isinstance(rssi, int) and not isinstance(rssi, bool) and -120 <= rssi <= 0)
    return BeaconReading(identifier=_matched(_IDENTIFIER, reading["identifier"]), rssi=rssi)


def _facts(facts: Any) -> dict[str, str]:
    _must(isinstance(facts, dict) and len(facts) <= MAX_FACTS)
    return {_matched(_FACT, name): _matched(_FACT, fact) for name, fact in facts.items()}
