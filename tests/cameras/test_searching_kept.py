"""Who reads what a search by a photo found, how long, and what stays of one that fails."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from apps.biometrics.campus_faces import forget
from apps.jobs.models import Job
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of
from tests.biometrics.support import enrol
from tests.cameras.test_searching import again, ask, permit, work
from tests.factories import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "engine")]


@pytest.fixture
def office(cast: Cast) -> Client:
    return client_of(cast, cast.admin)


@pytest.fixture
def found(cast: Cast, office: Client, astronaut_path: Path) -> str:
    """The page on which a search has named the student."""
    now = timezone.now()
    permit(cast, now)
    with campus_scope(cast.campus):
        assert enrol(cast.student, astronaut_path.read_bytes(), now).status == "accepted"
    forget()
    page = str(ask(office, again(astronaut_path)).headers["Location"])
    work(cast)
    assert names(cast, office, page)
    return page


def names(cast: Cast, office: Client, page: str) -> bool:
    return str(cast.student) in office.get(page).content.decode()


def test_the_list_of_jobs_shows_nobody_whom_a_search_found(
    cast: Cast, office: Client, found: str
) -> None:
    with campus_scope(cast.campus):
        job = Job.objects.get()
    assert job.result["faces"]
    for who in (cast.admin, cast.operator, cast.principal):
        page = client_of(cast, who).get(f"/admin/jobs/job/{job.pk}/change/")
        assert page.status_code == 200
        shown = page.content.decode()
        assert job.title in shown
        for text in ("confidence", "students", job.params["image"]):
            assert text not in shown, (who, text)
