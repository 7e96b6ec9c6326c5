"""Steps of the tests of class photos. Each needs the campus to be entered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from apps.accounts.models import Student
from apps.attendance.models import Policy
from apps.audit.services import SYSTEM
from apps.biometrics.services import add_default_model
from apps.class_photos.models import ClassPhoto
from apps.class_photos.services.looking import photo_seen
from apps.class_photos.services.reviews import photo_add
from apps.class_photos.worker import FaceSeen, PhotoSeen
from apps.sessions.models import ClassSession
from tests.biometrics.support import enable_faces, make_template, plain_jpeg
from tests.privacy.permission import permit_search

STRANGER = 99


def allow_photos(now: datetime) -> None:
    enable_faces()
    permit_search(now)
    Policy.objects.create(version=1, class_photos=True, created_at=now)


def vector(number: int, *, away: float = 0.0) -> np.ndarray:
    """A made-up person; `away` is the cosine distance of this photo to their templates."""
    plain, other = np.zeros(128, np.float32), np.zeros(128, np.float32)
    plain[number], other[127] = 1, 1
    return (1 - away) * plain + np.sqrt(1 - (1 - away) ** 2) * other


def enrol_made_up(students: Sequence[Student], now: datetime) -> None:
    """Each gets a template: the first one person 0, the next one person 1, …"""
    model = add_default_model(now=now)
    for number, student in enumerate(students):
        colour = f"rgb({number}, 0, 0)"
        make_template(student, vector(number), model=model, now=now, colour=colour)


def add(session: ClassSession, now: datetime, colour: str = "white", **more: Any) -> ClassPhoto:
    return photo_add(session=session, data=plain_jpeg(colour), now=now, actor=SYSTEM, **more)


def seen(*vectors: np.ndarray, unclear: Sequence[int] = (), colour: str = "grey") -> PhotoSeen:
    """What a worker has seen: a face for each vector, beside each other."""
    return PhotoSeen(
        jpeg=plain_jpeg(colour),
        size=(2000, 1500),
        faces=[
            FaceSeen(box=(60 * place, 100, 40, 50), clear=place not in unclear)
            for place in range(len(vectors))
        ],
        vectors=np.array(vectors, np.float32).reshape(len(vectors), 128),
    )


def found(
    session: ClassSession, now: datetime, *vectors: np.ndarray, colour: str = "red", **more: Any
) -> ClassPhoto:
    """A photo that has been searched; of another colour another one."""
    photo = add(session, now, colour)
    what = seen(*vectors, colour=f"dark{colour}", **more)
    photo_seen(photo_id=photo.pk, seen=what, now=now)
    photo.refresh_from_db()
    return photo
