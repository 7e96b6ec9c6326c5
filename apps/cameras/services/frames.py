"""What devices send: events of their own, and pictures that a worker looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.biometrics.images import check_photo
from apps.biometrics.services.images import image_store, images_release
from apps.biometrics.storage import read_image
from apps.cameras.models import Camera, CameraEvent, CameraFrame
from apps.cameras.reading import FaceSighting
from apps.cameras.selectors import CameraOff, cameras_require, student_coded
from apps.cameras.services.events import log_face_event
from apps.cameras.services.sightings import camera_heard, sightings_record
from apps.common.crypto import SealBroken
from apps.common.errors import Invalid, Refused
from apps.privacy.selectors import agreed_to_search
from apps.tenants.tasks import enqueue

FRAME_TASK: Final = "apps.cameras.tasks.look_at_frame"
FRAME_KEPT: Final = timedelta(hours=1)  # at most, until a worker has looked
MOST_WAITING: Final = 200  # pictures of one camera
MOST_OF_CAMPUS: Final = 400  # the workers are those of all campuses' check-ins
MOST_EVENTS: Final = 10_000  # of one device in an hour
MAX_STARTS: Final = 3
AHEAD: Final = timedelta(minutes=2)  # of our clock
MODEL_CHANGED: Final = "model_changed"  # what searches say
LATE: Final = timedelta(hours=1)  # a picture that comes later says nothing about who is there
Status = CameraFrame.Status


@dataclass(frozen=True, kw_only=True)
class DeviceEvent:
    """What a device says that it saw. `student` is a student's number, "" for nobody known."""

    key: str
    at: datetime
    event_type: str
    student: str = ""
    confidence: float | None = None


def device_events_take(
    *, camera: Camera, events: Sequence[DeviceEvent], now: datetime
) -> list[tuple[str, str]]:
    """Keep what a device says; for each event what became of it, and why.

    `kept`, `known` (sent before) or `refused`. They mark nobody: what a device compared with is not
    known here, while the faces of pictures are compared by Campus. Raises what `cameras_require`
    says, and too_many_events (429).
    """
    permission = cameras_require()
    camera_heard(camera=camera, now=now)
    said = CameraEvent.objects.filter(camera=camera, at__gte=now - LATE).exclude(key="")
    if said.count() + len(events) > MOST_EVENTS:
        message = _("This device has said too much within an hour. Send less.")
        raise Refused("too_many_events", message, status=429)
    agreed = agreed_to_search(permission)
    known = set(
        CameraEvent.objects.filter(camera=camera, key__in=[e.key for e in events]).values_list(
            "key", flat=True
        )
    )
    results = []
    for event in events:
        if event.key in known:
            results.append(("known", ""))
            continue
        problem, student = _time_problem(event.at, now), None
        if not problem and event.event_type == CameraEvent.Type.RECOGNIZED:
            student = student_coded(code=event.student)
            if student is None or not agreed.filter(student=student).exists():
                problem = "student_not_searched"  # also where there is no such student
        if not problem and _written(camera, event, student) is None:
            problem = "not_written"
        if not problem:
            known.add(event.key)
        results.append(("refused", problem) if problem else ("kept", ""))
    return results


def _written(camera: Camera, event: DeviceEvent, student: Student | None) -> CameraEvent | None:
    return log_face_event(
        event.event_type,
        at=event.at,
        camera=camera,
        student=student,
        confidence=event.confidence,
        key=event.key,
    )


def _time_problem(at: datetime, now: datetime) -> str:
    if at > now + AHEAD:
        return "clock_ahead"
    return "too_late" if at < now - LATE else ""


@transaction.atomic
def frame_add(*, camera: Camera, key: str, at: datetime, data: bytes, now: datetime) -> CameraFrame:
    """Keep the bytes of a picture for a worker. The same key is the first picture.

    Raises `images.ImageRefused`, and `Refused`: what `cameras_require` says, clock_ahead and
    too_late (400), too_many_frames (429), storage_unavailable (503).
    """
    cameras_require()
    held = Camera.objects.select_for_update(no_key=True).filter(pk=camera.pk, is_active=True)
    if not held.exists():
        raise CameraOff.INACTIVE.error()
    camera_heard(camera=camera, now=now)
    known = CameraFrame.objects.filter(camera=camera, key=key).first()
    if known is not None:
        return known
    problem = _time_problem(at, now)
    if problem:
        message = _("The time of this picture is ahead of ours, or more than an hour ago.")
        raise Invalid(problem, message)
    check_photo(data)
    waiting = CameraFrame.objects.filter(status=Status.WAITING)
    if waiting.filter(camera=camera).count() >= MOST_WAITING or waiting.count() >= MOST_OF_CAMPUS:
        message = _("Pictures come faster than they can be looked at. Send fewer.")
        raise Refused("too_many_frames", message, status=429)
    image = image_store(data=data, now=now, kept_for=FRAME_KEPT)
    frame = CameraFrame.objects.create(camera=camera, key=key, at=at, received_at=now, image=image)
    enqueue(FRAME_TASK, str(frame.pk))
    return frame


@transaction.atomic
def frame_claim(*, frame_id: UUID, now: datetime) -> bool:
    """Count a start; whether there is something to do. After three starts it has failed."""
    waiting = CameraFrame.objects.filter(pk=frame_id, status=Status.WAITING)
    if not waiting.update(starts=F("starts") + 1, queued_at=now):
        return False
    if waiting.filter(starts__gt=MAX_STARTS).exists():
        frame_fail(frame_id=frame_id, problem="worker_lost", now=now)
        return False
    return True


def frame_read(*, frame_id: UUID, now: datetime) -> tuple[CameraFrame, bytes] | None:
    """The picture as it came; None, and it has failed, where it is gone or was changed.

    Raises `OSError` while the storage does not answer.
    """
    frames = CameraFrame.objects.filter(pk=frame_id, status=Status.WAITING)
    frame = frames.select_related("image", "camera").first()
    if frame is None:
        return None
    if frame.image is None:
        frame_fail(frame_id=frame_id, problem="no_image", now=now)
        return None
    try:
        return frame, read_image(frame.image)
    except SealBroken:
        frame_fail(frame_id=frame_id, problem="image_damaged", now=now)
        return None


@transaction.atomic
def frame_seen(*, frame: CameraFrame, faces: Sequence[FaceSighting], now: datetime) -> bool:
    """Keep what its faces are, and forget the picture; whether it was done, once only."""
    held = CameraFrame.objects.select_for_update().filter(pk=frame.pk, status=Status.WAITING)
    row = held.select_related("camera").first()
    if row is None:
        return False
    try:
        with transaction.atomic():
            sightings_record(camera=row.camera, faces=faces, at=row.at, now=now)
    except Refused as refusal:
        if refusal.code != MODEL_CHANGED:  # else it waits to be looked at by the new model
            frame_fail(frame_id=row.pk, problem=refusal.code, now=now)
        return False
    _end(row, status=Status.DONE, seen=len(faces), now=now)
    return True


@transaction.atomic
def frame_fail(*, frame_id: UUID, problem: str, now: datetime) -> None:
    """One that was looked at meanwhile stays so."""
    row = CameraFrame.objects.filter(pk=frame_id, status=Status.WAITING).first()
    if row is not None:
        _end(row, status=Status.FAILED, problem=problem[:40], now=now)


def _end(row: CameraFrame, *, now: datetime, **values: object) -> None:
    image_id = row.image_id
    CameraFrame.objects.filter(pk=row.pk).update(image=None, **values)
    if image_id is not None:
        images_release(image_ids=[image_id], now=now)
