"""An administrator's search of the campus by a photo, with real faces."""

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from apps.audit.models import Entry
from apps.biometrics.campus_faces import forget
from apps.biometrics.models import StoredImage
from apps.biometrics.tasks import purge_images
from apps.cameras.services.searching import FOUND_KEPT, SEARCH, searches_forget
from apps.jobs.models import Job
from apps.jobs.tasks import execute_job
from apps.privacy.models import SearchPermission
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of
from tests.biometrics.support import enable_faces, enrol, plain_jpeg
from tests.factories import Cast
from tests.privacy.permission import permit_search

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "engine")]
PAGE = "/admin/cameras/unknownperson/search/"
WHY = "A bag was found in the library"


@pytest.fixture
def office(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


def permit(cast: Cast, now: datetime, **changes: Any) -> None:
    with campus_scope(cast.campus):
        enable_faces()
        permit_search(now, **{"covers": SearchPermission.Covers.CAMPUS, **changes})


def ask(office: Client, photo: bytes, *, reason: str = WHY) -> Any:
    file = SimpleUploadedFile("photo.jpg", photo)
    return office.post(PAGE, {"photo": file, "reason": reason})


def again(path: Path) -> bytes:
    """The same face in another file: a sample's own photo would stay."""
    buffer = BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def work(cast: Cast) -> Job:
    """What a worker does with the search that waits."""
    with campus_scope(cast.campus):
        job = Job.objects.get(kind=SEARCH, status=Job.Status.QUEUED)
    execute_job(cast.campus.pk, job.pk)
    return job


def test_an_administrator_finds_whose_photo_it_is(
    cast: Cast, office: Client, astronaut_path: Path
) -> None:
    now = timezone.now()
    permit(cast, now)
    with campus_scope(cast.campus):
        assert enrol(cast.student, astronaut_path.read_bytes(), now).status == "accepted"
    forget()  # searched anew after five seconds only
    found = ask(office, again(astronaut_path))
    page = found.headers["Location"]
    assert "A worker looks at the photo." in office.get(page).content.decode()
    assert office.get(page, headers={"HX-Request": "true"}).status_code == 204
    job = work(cast)
    assert office.get(page, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    answer = office.get(page)
    shown = answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Face 1:" in shown
    assert "a match" in shown
    assert str(cast.student) in shown
    assert "50 % is the limit" in shown
    with campus_scope(cast.campus):
        asked = Entry.objects.get(action="cameras.campus.asked")
        assert asked.data["reason"] == WHY
        assert Entry.objects.filter(action="biometrics.search.campus").count() == 1
        StoredImage.objects.get(pk=job.params["image"])
    purge_images()
    with campus_scope(cast.campus):
        assert not StoredImage.objects.filter(pk=job.params["image"]).exists()
        assert searches_forget(now=now + FOUND_KEPT - timedelta(minutes=1)) == 0
        assert searches_forget(now=now + FOUND_KEPT + timedelta(minutes=1)) == 1
        assert searches_forget(now=now + FOUND_KEPT + timedelta(minutes=1)) == 0
    assert str(cast.student) not in office.get(page).content.decode()


def test_a_stranger_and_a_wall_are_nobody(cast: Cast, office: Client, astronaut_path: Path) -> None:
    permit(cast, timezone.now())
    page = ask(office, astronaut_path.read_bytes()).headers["Location"]
    work(cast)
    shown = office.get(page).content.decode()
    assert "nobody of the campus" in shown
    assert "is the limit" not in shown
    page = ask(office, plain_jpeg("grey")).headers["Location"]
    work(cast)
    assert "No face in the photo is clear enough" in office.get(page).content.decode()


def test_what_may_not_be_searched_is_said_and_nothing_kept(
    cast: Cast, office: Client, astronaut_path: Path
) -> None:
    refused = ask(office, astronaut_path.read_bytes()).content.decode()
    assert "the campus has written down no permission" in refused
    permit(cast, timezone.now(), covers=SearchPermission.Covers.ROSTER)
    refused = ask(office, astronaut_path.read_bytes()).content.decode()
    assert "Faces may be searched among the students of one class only." in refused
    permit(cast, timezone.now())
    assert "cannot be used (not_an_image)" in ask(office, b"no picture").content.decode()
    assert ask(office, astronaut_path.read_bytes(), reason="why").status_code == 200
    with campus_scope(cast.campus):
        assert not Job.objects.exists()
        assert not StoredImage.objects.exists()


def test_a_permission_that_is_withdrawn_meanwhile_ends_the_search(
    cast: Cast, office: Client, astronaut_path: Path
) -> None:
    permit(cast, timezone.now())
    page = ask(office, astronaut_path.read_bytes()).headers["Location"]
    permit(cast, timezone.now(), covers=SearchPermission.Covers.ROSTER)
    work(cast)
    assert (
        "Faces may be searched among the students of one class only."
        in office.get(page).content.decode()
    )


def test_a_search_is_shown_to_who_started_it_alone(
    cast: Cast, other_cast: Cast, office: Client, astronaut_path: Path
) -> None:
    permit(cast, timezone.now())
    page = ask(office, astronaut_path.read_bytes()).headers["Location"]
    assert client_of(cast, cast.operator).get(PAGE).status_code == 403
    assert client_of(cast, cast.operator).get(page).status_code == 403
    assert client_of(other_cast, other_cast.admin).get(page).status_code == 404
