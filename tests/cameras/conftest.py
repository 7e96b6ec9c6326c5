"""The photos and the engine of the tests of faces, and a lesson in whose room a camera hangs."""

from datetime import datetime

import pytest

from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.cameras.models import Camera
from apps.sessions.models import ClassSession
from tests.biometrics.conftest import astronaut as astronaut
from tests.biometrics.conftest import astronaut_path as astronaut_path
from tests.biometrics.conftest import demo_faces as demo_faces
from tests.biometrics.conftest import engine as engine
from tests.biometrics.conftest import labelled_faces as labelled_faces
from tests.biometrics.conftest import media as media
from tests.biometrics.conftest import models_dir as models_dir
from tests.biometrics.conftest import people as people
from tests.cameras.support import allow_cameras, make_camera
from tests.face_models.conftest import second as second
from tests.factories import Cast, make_session


@pytest.fixture
def lesson(in_campus: Cast, media: object, now: datetime) -> ClassSession:
    """An open session of `course`: its policy allows cameras, and so does the campus."""
    allow_cameras(now)
    planned = make_session(in_campus.course, starts_at=now)
    return register_open(session=planned, topic="Sets", now=now, actor=SYSTEM)


@pytest.fixture
def camera(lesson: ClassSession, now: datetime) -> Camera:
    """In the room of the lesson."""
    assert lesson.classroom is not None
    return make_camera(lesson.classroom, now)[0]
