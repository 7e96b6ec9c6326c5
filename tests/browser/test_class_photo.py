"""Marking a class by photos on the lecturer's phone: sent, searched, confirmed, undone, deleted."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.attendance.models import AttendanceRecord
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.biometrics.engines import Pixels
from apps.class_photos.models import ClassPhoto
from apps.class_photos.tasks import look_at_photo
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.biometrics.conftest import (  # noqa: F401
    astronaut,
    astronaut_path,
    engine,
    media,
    models_dir,
)
from tests.biometrics.support import enrol, plain_jpeg
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.browser.test_class import PHONE
from tests.class_photos.support import allow_photos
from tests.class_photos.test_worker import hall_of, jpeg
from tests.factories import Cast, make_session


@pytest.fixture
def lesson(
    hall: Cast,
    media: Any,  # noqa: F811
    engine: object,  # noqa: F811
    astronaut: Pixels,  # noqa: F811
) -> ClassSession:
    now = timezone.now()
    with campus_scope(hall.campus):
        allow_photos(now)
        assert enrol(hall.student, jpeg(astronaut), now).status == "accepted"
        planned = make_session(hall.course, starts_at=now - timedelta(minutes=1))
        return register_open(session=planned, topic="Sets", now=now, actor=SYSTEM)


def searched(hall: Cast) -> None:
    """The worker's part."""
    with campus_scope(hall.campus):
        photos = list(ClassPhoto.objects.filter(status="waiting").values_list("pk", flat=True))
    for photo in photos:
        look_at_photo.apply((photo,), headers={"campus_id": hall.campus.pk})


def marks(hall: Cast) -> dict[str, str]:
    with campus_scope(hall.campus):
        rows = AttendanceRecord.objects.select_related("student")
        return {row.student.code: row.source for row in rows}


def test_a_phone_marks_a_class_by_two_photos(
    page: Page,
    site: str,
    hall: Cast,
    lesson: ClassSession,
    complaints: list[str],
    astronaut: Pixels,  # noqa: F811
) -> None:
    page.set_viewport_size(PHONE)
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{lesson.pk}/")
    page.get_by_role("link", name="Class photo").click()
    photos = [jpeg(hall_of(astronaut, (60, 140))), plain_jpeg()]
    page.get_by_label("Photos").set_input_files(
        [{"name": "room.jpg", "mimeType": "image/jpeg", "buffer": photo} for photo in photos]
    )
    page.get_by_role("button", name="Find faces").click()
    expect(page.get_by_text("2 photos are being searched")).to_be_visible()
    searched(hall)
    confirm = page.get_by_role("button", name="Mark 1 known student present")
    expect(confirm).to_be_visible()
    expect(page.locator(".face-box")).to_have_count(2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload(wait_until="networkidle")
    # Each photo is read once for the page, however many faces are shown of it.
    images = sorted(url.partition("/photo/")[2] for url in asked if "/photo/" in url)
    assert images == ["1", "2"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert violations(page) == []
    confirm.press("Enter")
    expect(page.get_by_text("1 student is marked present.")).to_be_visible()
    assert marks(hall) == {"STUD": "photo"}
    page.get_by_role("button", name="Undo the last confirmation").click()
    expect(page.get_by_text("1 mark restored.")).to_be_visible()
    assert marks(hall) == {}
    page.get_by_role("button", name="Finish and delete the photos").click()
    expect(page.get_by_text("The photos are deleted.")).to_be_visible()
    assert complaints == []
