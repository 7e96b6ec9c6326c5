"""An open session with the real clock, as the API sees it."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone
from PIL import Image

from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.classrooms.models import Beacon
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session
from tests.phone import Phone

HERE = {"latitude": "52.51627300", "longitude": "13.37770400", "accuracy_m": 8, "age_s": 1}
HEARD = [{"identifier": "hall-1", "rssi": -55}]


def open_session(cast: Cast, **fields: object) -> ClassSession:
    with campus_scope(cast.campus):
        Beacon.objects.get_or_create(classroom=cast.classroom, identifier="hall-1")
        session = make_session(
            cast.course, starts_at=timezone.now() - timedelta(minutes=1), **fields
        )
        return register_open(session=session, topic="Sorting", now=timezone.now(), actor=SYSTEM)


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    return open_session(cast)


@pytest.fixture
def phone(cast: Cast, session: ClassSession) -> Phone:
    return Phone(cast, cast.student)


@pytest.fixture
def jpeg() -> bytes:
    """A real JPEG without a face."""
    buffer = BytesIO()
    Image.effect_noise((200, 200), 60).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()
