"""Photos of a class for apps: upload, state, confirm, undo, finish."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from apps.attendance.models import AttendanceRecord, RecordSource
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.class_photos.models import ClassPhoto
from apps.class_photos.services.looking import photo_seen
from apps.privacy.services import search_permission_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.api.support import client_of
from tests.biometrics.support import plain_jpeg
from tests.class_photos.support import STRANGER, allow_photos, enrol_made_up, seen, vector
from tests.factories import Cast, make_session

pytestmark = pytest.mark.usefixtures("engine", "media")


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    now = timezone.now()
    with campus_scope(cast.campus):
        allow_photos(now)
        enrol_made_up([cast.student, cast.classmate], now)
        planned = make_session(cast.course, starts_at=now - timedelta(minutes=1))
        return register_open(session=planned, topic="Sets", now=now, actor=SYSTEM)


@pytest.fixture
def app(cast: Cast) -> APIClient:
    return client_of(cast, cast.lecturer.user)


def at(lesson: ClassSession, part: str = "") -> str:
    return f"/api/v1/sessions/{lesson.pk}/class-photos{part}"


def upload(app: APIClient, lesson: ClassSession, data: bytes | None = None) -> Any:
    file = SimpleUploadedFile("room.jpg", plain_jpeg() if data is None else data)
    return app.post(at(lesson), {"photo": file}, format="multipart")


def searched(cast: Cast) -> None:
    """As the worker leaves it."""
    with campus_scope(cast.campus):
        photo = ClassPhoto.objects.get()
        what = seen(vector(0, away=0.2), vector(STRANGER))
        photo_seen(photo_id=photo.pk, seen=what, now=timezone.now())


def test_a_photo_from_upload_to_finish(app: APIClient, cast: Cast, lesson: ClassSession) -> None:
    assert app.get(at(lesson)).status_code == 404
    answer = upload(app, lesson)
    assert (answer.status_code, answer.json()["state"]) == (201, "searching")
    assert len(upload(app, lesson).json()["photos"]) == 1  # the same again
    searched(cast)
    review = app.get(at(lesson)).json()
    assert (review["state"], review["proposed"]) == ("ready", 1)
    [photo] = review["photos"]
    known, unknown = photo["faces"]
    assert (photo["width"], known["meaning"], unknown["meaning"]) == (2000, "known", "unknown")
    assert known["student"]["code"] == "STUD"
    assert 0.5 < known["student"]["confidence"] < 1
    assert (unknown["student"], unknown["candidates"]) == (None, [])

    image = app.get(at(lesson, "/1"))
    assert (image["Content-Type"], image["Cache-Control"]) == ("image/jpeg", "private, no-store")

    body = {
        "nonce": "n" * 16,
        "known": True,
        "chosen": [{"face": unknown["id"], "student": cast.representative.pk}],
    }
    answer = app.post(at(lesson, "/confirm"), body)
    assert answer.status_code == 200
    assert {row["result"] for row in answer.json()["results"]} == {"saved"}
    assert app.post(at(lesson, "/confirm"), body).json() == answer.json()
    with campus_scope(cast.campus):
        rows = AttendanceRecord.objects.filter(session=lesson)
        assert {row.source for row in rows} == {RecordSource.PHOTO}
        assert rows.count() == 2
    assert app.get(at(lesson)).json()["counts"]["confirmed"] == 2

    assert app.post(at(lesson, "/undo")).status_code == 200
    assert app.get(at(lesson)).json()["counts"]["confirmed"] == 0
    assert app.post(at(lesson, "/undo")).status_code == 404
    assert app.delete(at(lesson)).status_code == 204
    assert app.delete(at(lesson)).status_code == 404
    assert app.get(at(lesson, "/1")).status_code == 404


def test_what_is_no_photo_is_said_by_its_code(app: APIClient, lesson: ClassSession) -> None:
    refused = {b"no picture": "not_an_image", b"\0\0\0\x18ftypavif": "truncated"}
    for data, code in refused.items():
        answer = upload(app, lesson, data)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    bad = app.post(at(lesson), {"photo": "&&&"}, format="json")
    assert (bad.status_code, bad.json()["errors"][0]["code"]) == (400, "bad_base64")
    assert app.get(at(lesson)).status_code == 404


def test_an_administrator_reviews_any_class_and_another_lecturer_none(
    cast: Cast, lesson: ClassSession
) -> None:
    assert upload(client_of(cast, cast.admin), lesson).status_code == 201
    assert client_of(cast, cast.outsider.user).get(at(lesson)).status_code == 404
    assert client_of(cast, cast.student.user).get(at(lesson)).status_code == 403


def test_what_was_found_is_shown_no_more_once_searching_is_switched_off(
    app: APIClient, cast: Cast, lesson: ClassSession
) -> None:
    """As on the page, and before the minutes are over in which the photos go by themselves."""
    upload(app, lesson)
    searched(cast)
    assert app.get(at(lesson)).json()["photos"][0]["faces"]
    with campus_scope(cast.campus):
        search_permission_withdraw(now=timezone.now(), actor=SYSTEM)
    answer = app.get(at(lesson))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "search_withdrawn")
    assert app.delete(at(lesson)).status_code == 204


def test_a_picture_too_large_to_decode_is_refused_by_its_header(
    app: APIClient, lesson: ClassSession
) -> None:
    buffer = BytesIO()
    Image.new("1", (6000, 5000)).save(buffer, "PNG")
    answer = upload(app, lesson, buffer.getvalue())
    assert answer.json()["errors"][0]["code"] == "too_many_pixels"
