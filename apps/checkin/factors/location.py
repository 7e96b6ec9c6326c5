"""Place: is the phone's fix within the room's geofence, given how sure the phone is?"""

import math
from datetime import datetime
from typing import Final

from apps.checkin.factors.base import Attendee, Evidence, FactorResult, Fix, JudgedSession

MAX_AGE_S: Final = 10.0
MAX_ACCURACY_M: Final = 100.0
EARTH_RADIUS_M: Final = 6_371_008.8  # mean radius, IUGG
# Upper bounds (m) of the bands that are kept instead of coordinates.
BANDS: Final = ((50, "under_50_m"), (200, "under_200_m"), (1_000, "under_1_km"))
FARTHEST: Final = "over_1_km"
LEAST_CONFIDENCE: Final = 0.6


def distance_m(fix: Fix, latitude: float, longitude: float) -> float:
    """Great-circle distance in metres (haversine)."""
    lat1, lat2 = math.radians(float(fix.latitude)), math.radians(latitude)
    half_lat = (lat2 - lat1) / 2
    half_lon = math.radians(longitude - float(fix.longitude)) / 2
    a = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(a)))


def band(distance: float) -> str:
    """The coarse distance that is stored in place of coordinates."""
    return next((name for bound, name in BANDS if distance < bound), FARTHEST)


def verify(
    *, session: JudgedSession, student: Attendee, evidence: Evidence, now: datetime
) -> FactorResult:
    """Passes if distance − accuracy ≤ radius; an old or vague fix cannot tell."""
    place = session.policy["place"]
    fix = evidence.fix
    if fix is None:
        return FactorResult(passed=None, reason="no_fix")
    detail: dict[str, int | str] = {"accuracy_m": round(fix.accuracy_m)}
    if fix.age_s > MAX_AGE_S:
        return FactorResult(passed=None, reason="fix_too_old", detail=detail)
    if fix.accuracy_m > MAX_ACCURACY_M:
        return FactorResult(passed=None, reason="too_vague", detail=detail)
    distance = distance_m(fix, float(place["latitude"]), float(place["longitude"]))
    detail |= {"distance": band(distance)}
    radius = float(place["radius_m"])
    if distance - fix.accuracy_m > radius:
        return FactorResult(passed=False, reason="outside", detail=detail)
    # Sure when even the far edge of the fix's circle lies inside; weaker towards the fence.
    overlap = (radius - distance + fix.accuracy_m) / (2 * fix.accuracy_m) if fix.accuracy_m else 1
    confidence = LEAST_CONFIDENCE + (1 - LEAST_CONFIDENCE) * max(0.0, min(1.0, overlap))
    return FactorResult(passed=True, confidence=confidence, reason="inside", detail=detail)
