"""The pages on which a lecturer reviews photos of the class."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.attendance.models import AttendanceRecord
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.class_photos.models import ClassPhoto, PhotoFace, PhotoReview
from apps.class_photos.services.looking import photo_seen
from apps.privacy.services import search_permission_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.biometrics.conftest import engine as engine
from tests.biometrics.conftest import media as media
from tests.biometrics.conftest import models_dir as models_dir
from tests.biometrics.support import plain_jpeg
from tests.class_photos.support import STRANGER, allow_photos, enrol_made_up, seen, vector
from tests.factories import Cast, make_session
from tests.portal.support import INLINE, client_of, page_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine", "media")]


@pytest.fixture
def lecturer(cast: Cast) -> Client:
    return client_of(cast, cast.lecturer.user)


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    now = timezone.now()
    with campus_scope(cast.campus):
        allow_photos(now)
        enrol_made_up([cast.student, cast.classmate, cast.representative], now)
        planned = make_session(cast.course, starts_at=now - timedelta(minutes=1))
        return register_open(session=planned, topic="Sets", now=now, actor=SYSTEM)


def upload(client: Client, lesson: ClassSession, *photos: bytes, **headers: str) -> Any:
    files = [SimpleUploadedFile("room.jpg", photo) for photo in photos]
    return client.post(page_of(lesson, "photo"), {"photo": files}, headers=headers)


def searched(cast: Cast) -> None:
    """A known face, a doubtful and an unknown one, as the worker leaves them."""
    with campus_scope(cast.campus):
        photo = ClassPhoto.objects.get()
        between = (vector(1) + vector(2)) / 2**0.5
        what = seen(vector(0, away=0.2), between, vector(STRANGER))
        photo_seen(photo_id=photo.pk, seen=what, now=timezone.now())


def marked(cast: Cast) -> dict[str, str]:
    with campus_scope(cast.campus):
        rows = AttendanceRecord.objects.select_related("student")
        return {row.student.code: row.source for row in rows}


def test_upload_wait_review_confirm_undo_finish(
    lecturer: Client, cast: Cast, lesson: ClassSession
) -> None:
    assert page_of(lesson, "photo") in lecturer.get(page_of(lesson)).content.decode()
    page = lecturer.get(page_of(lesson, "photo"))
    assert "data-photo-form" in page.content.decode()
    assert upload(lecturer, lesson, plain_jpeg()).status_code == 302
    waiting = lecturer.get(page_of(lesson, "photo"))
    assert "hx-get" in waiting.content.decode()
    searched(cast)
    page = lecturer.get(page_of(lesson, "photo"))
    text = page.content.decode()
    assert page["Cache-Control"].count("no-store") == 1
    assert "hx-get" not in text
    assert not INLINE.search(page.content)
    assert "STUD" in text
    assert "83 %" in text  # 1 - 0.2 / (2 * 0.575)
    assert text.count("<rect") == 3
    image = lecturer.get(page_of(lesson, "photo/1"))
    assert (image["Content-Type"], image["Cache-Control"]) == ("image/jpeg", "private, no-store")

    confirm = page_of(lesson, "photo/confirm")
    answer = lecturer.post(confirm, {"confirm": "known", "nonce": "n" * 16}, follow=True)
    assert "1 student is marked present." in answer.content.decode()
    assert marked(cast) == {"STUD": "photo"}
    answer = lecturer.post(page_of(lesson, "photo/undo"), follow=True)
    assert "1 mark restored." in answer.content.decode()
    assert marked(cast) == {}
    answer = lecturer.post(page_of(lesson, "photo/finish"), follow=True)
    assert "The photos are deleted" in answer.content.decode()
    with campus_scope(cast.campus):
        assert not ClassPhoto.objects.exists()


def test_names_are_chosen_and_typed_and_faces_left_out(
    lecturer: Client, cast: Cast, lesson: ClassSession
) -> None:
    upload(lecturer, lesson, plain_jpeg())
    searched(cast)
    with campus_scope(cast.campus):
        known, doubtful, unknown = PhotoFace.objects.order_by("number").values_list("pk", flat=True)
    confirm = page_of(lesson, "photo/confirm")
    chosen = {
        "confirm": "chosen",
        f"face-{known}": "",
        f"face-{doubtful}": cast.classmate.pk,
        f"other-{unknown}": "repr Somebody",
        "face-x": "1",
    }
    lecturer.post(confirm, chosen)
    assert marked(cast) == {"MATE": "photo", "REPR": "photo"}
    answer = lecturer.post(confirm, {"confirm": "chosen", f"other-{known}": "Nobody"}, follow=True)
    assert "is nobody of this register" in answer.content.decode()
    assert len(marked(cast)) == 2


def test_what_is_wrong_with_a_photo_is_said_in_words(
    lecturer: Client, cast: Cast, lesson: ClassSession
) -> None:
    answer = upload(lecturer, lesson, b"no picture", **{"HX-Request": "true"})
    assert answer.status_code == 422
    assert "This file is no photo." in answer.content.decode()
    assert "Choose a photo." in upload(lecturer, lesson, **{"HX-Request": "true"}).content.decode()
    with campus_scope(cast.campus):
        assert not PhotoReview.objects.exists()


def test_where_it_is_not_permitted_the_page_says_what_is_missing(
    lecturer: Client, cast: Cast, lesson: ClassSession
) -> None:
    upload(lecturer, lesson, plain_jpeg())
    searched(cast)
    with campus_scope(cast.campus):
        search_permission_withdraw(now=timezone.now(), actor=SYSTEM)
    page = lecturer.get(page_of(lesson, "photo")).content.decode()
    assert "the permission was withdrawn" in page
    assert "<image" not in page
    assert "data-photo-form" not in page
    assert lecturer.get(page_of(lesson, "photo/1")).status_code == 403
    assert page_of(lesson, "photo") not in lecturer.get(page_of(lesson)).content.decode()


def test_a_failed_photo_is_named_with_the_reason(
    lecturer: Client, cast: Cast, lesson: ClassSession
) -> None:
    upload(lecturer, lesson, plain_jpeg())
    with campus_scope(cast.campus):
        ClassPhoto.objects.update(added_at=timezone.now() - timedelta(minutes=11))
    page = lecturer.get(page_of(lesson, "photo")).content.decode()
    assert "Nobody has worked on this photo in ten minutes." in page
    assert "hx-get" not in page
