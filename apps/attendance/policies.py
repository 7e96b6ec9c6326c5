"""Which policy holds for a course, and how a session freezes it."""

from base64 import b64encode
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import F, Q

from apps.attendance.models import Policy
from apps.classrooms.models import Beacon, Classroom
from apps.enrollments.models import Course
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id


def policy_for(*, course: Course) -> Policy:
    """The newest version of the course's own policy, else of the campus's, else the defaults."""
    newest = (
        Policy.objects.filter(course=course) | Policy.objects.filter(course__isnull=True)
    ).order_by(F("course_id").asc(nulls_last=True), "-version")
    return newest.first() or Policy(version=0)


def policies_for(*, course_ids: Collection[int]) -> dict[int, Policy]:
    """`policy_for` of many courses in one statement."""
    rows = Policy.objects.filter(Q(course_id__in=course_ids) | Q(course__isnull=True))
    newest: dict[int | None, Policy] = {}
    for policy in rows.order_by("version"):
        newest[policy.course_id] = policy
    default = newest.get(None) or Policy(version=0)
    return {course_id: newest.get(course_id, default) for course_id in course_ids}


def window_of(policy: Policy) -> tuple[timedelta, timedelta]:
    """How long before and after its start a session may be opened."""
    return (
        timedelta(minutes=policy.open_before_minutes),
        timedelta(minutes=policy.open_after_minutes),
    )


def frozen(*, policy: Policy, classroom: Classroom | None) -> dict[str, Any]:
    """The policy with the room's place and beacons, as plain JSON, for one session to keep.

    Beacon secrets stay sealed inside.
    """
    return {
        "policy_id": policy.pk,
        "version": policy.version,
        "weights": policy.weights,
        "required": policy.required,
        "decisive": policy.decisive,
        "present_threshold": str(policy.present_threshold),
        "late_after_minutes": policy.late_after_minutes,
        "face": Campus.objects.values_list("face_enabled", flat=True).get(pk=current_campus_id()),
        "place": _place(classroom),
        "beacons": _beacons(classroom),
    }


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
