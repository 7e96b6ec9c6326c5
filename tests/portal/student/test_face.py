"""Enrolling the own face on a page: poses, reasons, waiting, deleting."""

from datetime import timedelta
from io import BytesIO

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image
from pytest_django.fixtures import Settings

from apps.biometrics.models import FaceSample
from apps.privacy.models import Consent
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def photo(seed: int = 1) -> SimpleUploadedFile:
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG")
    return SimpleUploadedFile("face.jpg", buffer.getvalue(), content_type="image/jpeg")


@pytest.fixture
def student(cast: Cast) -> Client:
    """Of a campus that uses faces; agreed."""
    Campus.objects.filter(pk=cast.campus.pk).update(face_enabled=True)
    with campus_scope(cast.campus):
        Consent.objects.create(
            student=cast.student, kind="face", version="2026-2", given_at=timezone.now()
        )
    return client_of(cast, cast.student.user)


def page(client: Client) -> str:
    answer = client.get("/face/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def judge(cast: Cast, status: str, reason: str = "") -> None:
    """What the worker does with the photo that waits."""
    with campus_scope(cast.campus):
        FaceSample.objects.filter(status="pending").update(
            status=status, reason=reason, judged_at=timezone.now()
        )


def test_three_poses_are_asked_for_one_after_the_other(cast: Cast, student: Client) -> None:
    for number, words in enumerate(
        ("Look straight", "slightly to your left", "slightly to your right")
    ):
        assert words in page(student)
        assert student.post("/face/", {"photo": photo(number)})["Location"] == "/face/"
        text = page(student)
        assert "is being checked" in text
        assert 'hx-trigger="load delay:1500ms"' in text
        judge(cast, "accepted")
    text = page(student)
    assert "Your face is enrolled." in text
    assert "hx-trigger" not in text


def test_a_refused_photo_says_why_and_its_pose_is_asked_for_again(
    cast: Cast, student: Client
) -> None:
    student.post("/face/", {"photo": photo()})
    judge(cast, "refused", "too_dark")
    text = page(student)
    assert "Once more:" in text
    assert text.count("It is too dark. Find more light.") == 2  # above and beside the photo
    assert "Look straight" in text


def test_a_worker_that_does_not_come_holds_nobody_up(cast: Cast, student: Client) -> None:
    student.post("/face/", {"photo": photo()})
    with campus_scope(cast.campus):
        FaceSample.objects.update(created_at=timezone.now() - timedelta(seconds=30))
    assert "slightly to your left" in page(student)


def test_htmx_gets_the_part_that_changes(student: Client) -> None:
    answer = student.post("/face/", {"photo": photo()}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.content.decode().lstrip().startswith('<div id="face-state"')
    refused = student.post("/face/", {}, headers=HTMX)
    assert refused.status_code == 422
    assert b"Choose a photo first." in refused.content


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"no picture", "This file is no photo."), (b"GIF89a", "Use JPEG, HEIC, PNG or WebP.")],
)
def test_what_is_no_photo_is_refused_in_words(
    cast: Cast, student: Client, content: bytes, words: str
) -> None:
    answer = student.post("/face/", {"photo": SimpleUploadedFile("x.jpg", content)})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    with campus_scope(cast.campus):
        assert not FaceSample.objects.exists()


def test_photos_are_limited_together_with_the_api(student: Client, settings: Settings) -> None:
    settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["face_sample"] = "1/hour"
    try:
        assert student.post("/face/", {"photo": photo(1)}).status_code == 302
        refused = student.post("/face/", {"photo": photo(2)})
        assert refused.status_code == 422
        assert b"Too many requests" in refused.content
        assert student.post("/api/v1/me/face-samples", {"photo": photo(3)}).status_code == 429
    finally:
        settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["face_sample"] = "30/hour"


def test_a_photo_is_deleted_by_its_owner_alone(cast: Cast, student: Client) -> None:
    student.post("/face/", {"photo": photo()})
    with campus_scope(cast.campus):
        sample = FaceSample.objects.get()
    path = f"/face/{sample.pk}/remove"
    assert client_of(cast, cast.classmate.user).post(path).status_code == 404
    assert student.post(path)["Location"] == "/face/"
    assert student.post(path, headers=HTMX).status_code == 404
    with campus_scope(cast.campus):
        assert not FaceSample.objects.exists()


def test_nothing_is_taken_without_consent_or_where_faces_are_off(cast: Cast) -> None:
    client = client_of(cast, cast.student.user)
    assert "Your campus does not use faces" in page(client)
    assert client.post("/face/", {"photo": photo()})["Location"] == "/face/"
    Campus.objects.filter(pk=cast.campus.pk).update(face_enabled=True)
    text = page(client)
    assert "Only if you agree" in text
    assert "face.js" not in text
    client.post("/face/", {"photo": photo()})
    with campus_scope(cast.campus):
        assert not FaceSample.objects.exists()


def test_the_page_asks_no_more_for_many_photos(cast: Cast, student: Client) -> None:
    page(student)
    with CaptureQueriesContext(connection) as before:
        page(student)
    for number in range(4):
        student.post("/face/", {"photo": photo(number)})
    with CaptureQueriesContext(connection) as after:
        page(student)
    assert len(after) == len(before)
