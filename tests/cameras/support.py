"""Steps of the tests of cameras. Each needs the campus to be entered."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, Policy
from apps.audit.services import SYSTEM
from apps.biometrics.services import add_default_model
from apps.cameras.models import Camera
from apps.cameras.reading import FaceSighting
from apps.cameras.services.cameras import camera_add
from apps.cameras.services.sightings import sightings_record
from apps.classrooms.models import Classroom
from apps.privacy.models import SearchPermission
from apps.sessions.models import ClassSession
from tests.biometrics.support import enable_faces, make_template, plain_jpeg
from tests.privacy.permission import permit_search

NOTICE = "Signs at every door, with an address that says more."
STRANGER, OTHER_STRANGER = 99, 98


def permit_cameras(now: datetime, **changes: Any) -> SearchPermission:
    return permit_search(now, **{"cameras": True, "camera_notice": NOTICE, **changes})


def allow_cameras(now: datetime, **changes: Any) -> None:
    enable_faces()
    permit_cameras(now, **changes)
    Policy.objects.create(version=1, cameras=True, created_at=now)


def make_camera(classroom: Classroom | None, now: datetime, **fields: Any) -> tuple[Camera, str]:
    camera = Camera(name=fields.pop("name", "Door"), classroom=classroom, **fields)
    return camera, camera_add(camera, now=now, actor=SYSTEM)


def vector(number: int, *, away: float = 0.0) -> np.ndarray:
    """A made-up person; `away` is the cosine distance of this photo to their templates."""
    plain, other = np.zeros(128, np.float32), np.zeros(128, np.float32)
    plain[number], other[127] = 1, 1
    return np.asarray((1 - away) * plain + np.sqrt(1 - (1 - away) ** 2) * other, np.float32)


def enrol_made_up(students: Sequence[Student], now: datetime) -> None:
    """Each gets a template: the first one person 0, the next one person 1, …"""
    model = add_default_model(now=now)
    for number, student in enumerate(students):
        colour = f"rgb({number}, 0, 0)"
        make_template(student, vector(number), model=model, now=now, colour=colour)


def see(camera: Camera, at: datetime, *vectors: np.ndarray, colour: str = "grey") -> list[str]:
    """What becomes of the faces of one frame."""
    faces = [FaceSighting(vector=one, snapshot=plain_jpeg(colour)) for one in vectors]
    return [
        answer.result.value
        for answer in sightings_record(camera=camera, faces=faces, at=at, now=at)
    ]


def register(session: ClassSession) -> dict[str, tuple[str, str]]:
    """Status and source of each marked student, by their code."""
    rows = AttendanceRecord.objects.filter(session=session).select_related("student")
    return {row.student.code: (row.status, row.source) for row in rows}


def film(path: Path, photos: Sequence[np.ndarray], *, frames: int = 10, fps: float = 10.0) -> Path:
    """A video in which each photo (RGB) is seen for so many frames, moving a little, on a wall, and
    then nobody for half a second."""
    width, height = 640, 480
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    assert writer.isOpened()
    for photo in photos:
        small = np.asarray(Image.fromarray(photo).convert("RGB"))
        scale = min(1.0, 400 / max(small.shape[:2]))
        small = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for number in range(frames):
            frame = np.full((height, width, 3), 90, np.uint8)
            top, left = 30, 40 + 2 * number
            frame[top : top + small.shape[0], left : left + small.shape[1]] = small
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        for _empty in range(round(fps / 2)):
            writer.write(np.full((height, width, 3), 90, np.uint8))
    writer.release()
    return path
