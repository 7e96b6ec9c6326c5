"""Writing down what a camera reports. Nothing here raises into its loop: what fails is counted."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.models import Student
from apps.biometrics.models import StoredImage
from apps.cameras.models import Camera, CameraEvent, CameraSystemEvent
from apps.common.measures import count
from apps.tenants.scope import current_campus_id

logger = logging.getLogger(__name__)

MOST_DETAILS = 500  # characters


def camera_label(camera: Camera) -> str:
    """How metrics name it: campus and number, since names are chosen by people."""
    return f"{camera.campus_id}/{camera.pk}"


def log_face_event(
    event_type: str,
    *,
    at: datetime,
    camera: Camera,
    student: Student | None = None,
    image: StoredImage | None = None,
    confidence: float | None = None,
    **more: Any,
) -> CameraEvent | None:
    """One sighting as a row; None, and it is counted, where it could not be written.

    `confidence` is 0..1. The caller's transaction is not broken by a failure.
    """
    try:
        with transaction.atomic():
            return CameraEvent.objects.create(
                camera=camera,
                event_type=event_type,
                at=at,
                student=student,
                image=image,
                confidence=confidence,
                **more,
            )
    except Exception:
        logger.exception("A sighting could not be written.")
        _count(camera, "event")
        return None


def log_system_event(
    event_type: str, *, at: datetime, camera: Camera | None = None, details: str = ""
) -> CameraSystemEvent | None:
    """What happened to the watching; None, and it is counted, where it could not be written."""
    try:
        with transaction.atomic():
            return CameraSystemEvent.objects.create(
                camera=camera, event_type=event_type, at=at, details=details[:MOST_DETAILS]
            )
    except Exception:
        logger.exception("An event of a camera could not be written.")
        _count(camera, "system_event")
        return None


def _count(camera: Camera | None, what: str) -> None:
    label = camera_label(camera) if camera else f"{current_campus_id()}/0"
    count("campus_camera_failures", label, what)
