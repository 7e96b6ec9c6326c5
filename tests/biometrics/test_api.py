"""Samples over REST, and a web process that loads no neural network to serve them."""

import base64
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from apps.biometrics.models import FaceSample, FaceVerification
from apps.biometrics.services import sample_judge
from apps.tenants.scope import campus_scope
from tests.biometrics.support import give_consent, plain_jpeg
from tests.factories import Cast
from tests.phone import signed_in

pytestmark = pytest.mark.usefixtures("media")

SAMPLES = "/api/v1/me/face-samples"
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def student(cast: Cast) -> APIClient:
    with campus_scope(cast.campus):
        give_consent(cast.student, timezone.now())
    assert cast.student.user is not None
    return signed_in(cast, cast.student.user)


@pytest.fixture
def admin(cast: Cast) -> APIClient:
    return signed_in(cast, cast.admin)


def upload(data: bytes) -> dict[str, SimpleUploadedFile]:
    return {"photo": SimpleUploadedFile("me.jpg", data, content_type="image/jpeg")}


def code(answer: object) -> str:
    return str(answer.json()["errors"][0]["code"])  # type: ignore[attr-defined]


def picture(kind: str, size: tuple[int, int] = (200, 200), **options: object) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, "white").save(buffer, kind, **options)
    return buffer.getvalue()


class TestOwnSamples:
    def test_a_photo_is_taken_and_listed(self, student: APIClient, cast: Cast) -> None:
        answer = student.post(SAMPLES, upload(plain_jpeg()), format="multipart")
        assert answer.status_code == 201, answer.content
        body = answer.json()
        assert (body["status"], body["reason"], body["message"]) == ("pending", "", "")
        listed = student.get(SAMPLES).json()["results"]
        assert [row["id"] for row in listed] == [body["id"]]

    def test_base64_works_with_and_without_its_prefix_and_is_the_same_sample(
        self, student: APIClient
    ) -> None:
        text = base64.b64encode(plain_jpeg()).decode()
        first = student.post(SAMPLES, {"photo": text}, format="json")
        again = student.post(SAMPLES, {"photo": f"data:image/jpeg;base64,{text}"}, format="json")
        third = student.post(SAMPLES, upload(plain_jpeg()), format="multipart")
        assert (first.status_code, again.status_code, third.status_code) == (201, 200, 200)
        assert first.json()["id"] == again.json()["id"] == third.json()["id"]

    @pytest.mark.usefixtures("engine")
    def test_a_refused_photo_says_why(self, student: APIClient, cast: Cast) -> None:
        sample_id = student.post(SAMPLES, upload(plain_jpeg()), format="multipart").json()["id"]
        with campus_scope(cast.campus):
            sample_judge(sample_id=sample_id, now=timezone.now())
        row = student.get(SAMPLES).json()["results"][0]
        assert (row["status"], row["reason"]) == ("refused", "no_face")
        assert row["message"] == "No face was found."

    def test_a_sample_can_be_removed_and_is_then_unknown(
        self, student: APIClient, cast: Cast
    ) -> None:
        sample_id = student.post(SAMPLES, upload(plain_jpeg()), format="multipart").json()["id"]
        assert student.delete(f"{SAMPLES}/{sample_id}").status_code == 204
        again = student.delete(f"{SAMPLES}/{sample_id}")
        assert (again.status_code, code(again)) == (404, "no_such_sample")
        with campus_scope(cast.campus):
            assert not FaceSample.objects.exists()

    def test_a_classmates_sample_is_unknown(self, student: APIClient, cast: Cast) -> None:
        sample_id = student.post(SAMPLES, upload(plain_jpeg()), format="multipart").json()["id"]
        assert cast.classmate.user is not None
        classmate = signed_in(cast, cast.classmate.user)
        assert classmate.delete(f"{SAMPLES}/{sample_id}").status_code == 404
        assert classmate.get(SAMPLES).json()["results"] == []

    def test_without_consent_it_is_refused(self, cast: Cast, student: APIClient) -> None:
        assert cast.classmate.user is not None
        classmate = signed_in(cast, cast.classmate.user)
        answer = classmate.post(SAMPLES, upload(plain_jpeg()), format="multipart")
        assert (answer.status_code, code(answer)) == (403, "consent_required")

    def test_uploads_are_limited_and_reading_is_not(self, student: APIClient) -> None:
        answers = [student.post(SAMPLES, {}, format="json").status_code for _ in range(31)]
        assert answers == [400] * 30 + [429]
        assert student.get(SAMPLES).status_code == 200

    def test_a_storage_that_is_away_is_a_clear_503(
        self, student: APIClient, cast: Cast, media: Path
    ) -> None:
        media.rmdir()
        media.write_text("in the way")
        student.raise_request_exception = False  # answer as a server does
        answer = student.post(SAMPLES, upload(plain_jpeg()), format="multipart")
        assert (answer.status_code, code(answer)) == (503, "storage_unavailable")
        with campus_scope(cast.campus):
            assert not FaceSample.objects.exists()


MALFORMED = {
    "empty file": (b"", "empty"),
    "text": (b"not a picture at all", "not_an_image"),
    "gif": (b"GIF89a" + b"\0" * 50, "unsupported_format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    "half a jpeg": (plain_jpeg()[:300], "truncated"),
    "too many pixels": (picture("PNG", (6000, 5000)), "too_many_pixels"),
    "too many bytes": (plain_jpeg() + b"\0" * (8 * 1024 * 1024), "too_large"),
}


class TestMalformedPhotos:
    @pytest.mark.parametrize(("data", "expected"), MALFORMED.values(), ids=MALFORMED.keys())
    def test_each_is_a_400_with_its_reason(
        self, student: APIClient, data: bytes, expected: str
    ) -> None:
        answer = student.post(SAMPLES, upload(data), format="multipart")
        assert (answer.status_code, code(answer)) == (400, expected), answer.content
        text = base64.b64encode(data).decode()
        answer = student.post(SAMPLES, {"photo": text}, format="json")
        assert answer.status_code == 400
        assert code(answer) in {expected, "blank"}

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, "required"),
            ({"photo": None}, "null"),
            ({"photo": 7}, "bad_base64"),
            ({"photo": ["x"]}, "invalid"),
            ({"photo": "$$$ not base64"}, "bad_base64"),
            ([], "invalid"),
        ],
    )
    def test_odd_bodies_are_400(self, student: APIClient, body: object, expected: str) -> None:
        answer = student.post(SAMPLES, body, format="json")
        assert (answer.status_code, code(answer)) == (400, expected), answer.content

    def test_a_multipart_body_without_a_file_is_400(self, student: APIClient) -> None:
        answer = student.post(SAMPLES, {"photo": "text"}, format="multipart")
        assert (answer.status_code, code(answer)) == (400, "invalid")


class TestAdministrators:
    def test_enrol_a_student_who_agreed(
        self, admin: APIClient, student: APIClient, cast: Cast
    ) -> None:
        path = f"/api/v1/students/{cast.student.pk}/face-samples"
        answer = admin.post(path, upload(plain_jpeg()), format="multipart")
        assert answer.status_code == 201
        assert len(student.get(SAMPLES).json()["results"]) == 1

    def test_and_nobody_who_did_not(self, admin: APIClient, student: APIClient, cast: Cast) -> None:
        path = f"/api/v1/students/{cast.classmate.pk}/face-samples"
        answer = admin.post(path, upload(plain_jpeg()), format="multipart")
        assert (answer.status_code, code(answer)) == (403, "consent_required")

    def test_another_campuss_student_is_unknown(self, admin: APIClient, other_cast: Cast) -> None:
        path = f"/api/v1/students/{other_cast.student.pk}/face-samples"
        assert admin.post(path, upload(plain_jpeg()), format="multipart").status_code == 404

    def test_students_and_lecturers_may_not(self, student: APIClient, cast: Cast) -> None:
        assert cast.lecturer.user is not None
        lecturer = signed_in(cast, cast.lecturer.user)
        path = f"/api/v1/students/{cast.student.pk}/face-samples"
        for client in (student, lecturer):
            assert client.post(path, upload(plain_jpeg()), format="multipart").status_code == 403

    def test_see_how_verifications_went(self, admin: APIClient, cast: Cast) -> None:
        with campus_scope(cast.campus):
            FaceVerification.objects.create(
                student=cast.student,
                reference="r",
                decision="matched",
                at=timezone.now(),
                latency_ms=40,
            )
        body = admin.get("/api/v1/face-verifications/metrics").json()
        assert (body["attempts"], body["accept_rate"], body["latency_p95_ms"]) == (1, 1.0, 40.0)
        answer = admin.get("/api/v1/face-verifications/metrics", {"days": 0})
        assert answer.status_code == 400


SERVE = """
import base64, json, sys
import django
django.setup()
from django.db import transaction
from django.urls import get_resolver
from django.utils import timezone
from apps.tenants.scope import campus_scope
from tests.biometrics.support import give_consent, plain_jpeg
from tests.factories import make_cast
from tests.phone import signed_in

get_resolver().url_patterns
with transaction.atomic():
    cast = make_cast("served")
    with campus_scope(cast.campus):
        give_consent(cast.student, timezone.now())
    client = signed_in(cast, cast.student.user)
    photo = {"photo": base64.b64encode(plain_jpeg()).decode()}
    answers = [
        client.post("/api/v1/me/face-samples", photo, format="json").status_code,
        client.get("/api/v1/me/face-samples").status_code,
        client.get("/api/schema/").status_code,
        client.post("/api/v1/me/consents/face/withdraw").status_code,
    ]
    transaction.set_rollback(True)
heavy = {"cv2", "onnxruntime", "deepface", "tensorflow", "onnx"} & set(sys.modules)
print(json.dumps([answers, sorted(heavy)]))
"""


@pytest.mark.django_db
def test_serving_faces_loads_no_neural_network(tmp_path: Path) -> None:
    """A process of its own, because this one has the engine loaded."""
    result = subprocess.run(
        [sys.executable, "-c", SERVE],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "CAMPUS_VAR": str(tmp_path)},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == [[201, 200, 200, 200], []]
