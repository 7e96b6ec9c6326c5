"""Who reads what a search by a photo found, how long, and what stays of one that fails."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.services import SYSTEM
from apps.biometrics.campus_faces import forget
from apps.biometrics.models import StoredImage
from apps.biometrics.tasks import purge_images
from apps.jobs.models import Job
from apps.jobs.services import job_cancel
from apps.jobs.tasks import execute_job
from apps.privacy.models import Consent, SearchPermission
from apps.privacy.services import consent_withdraw, search_permission_withdraw
from apps.tenants.models import Campus
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


def test_what_a_search_found_is_shown_no_more_without_permission(
    cast: Cast, office: Client, found: str
) -> None:
    """As class photos, and before the day is over in which it goes by itself."""
    with campus_scope(cast.campus):
        search_permission_withdraw(now=timezone.now(), actor=SYSTEM)
    assert not names(cast, office, found)
    permit(cast, timezone.now(), covers=SearchPermission.Covers.ROSTER)
    shown = office.get(found).content.decode()
    assert "Faces may be searched among the students of one class only." in shown
    assert str(cast.student) not in shown


def test_nor_where_faces_were_switched_off(
    cast: Cast, office: Client, found: str, astronaut_path: Path
) -> None:
    with campus_scope(cast.campus):
        Campus.objects.filter(pk=cast.campus.pk).update(face_enabled=False)
    assert not names(cast, office, found)
    refused = ask(office, astronaut_path.read_bytes()).content.decode()
    assert "Face verification is off on this campus." in refused
    with campus_scope(cast.campus):
        assert Job.objects.count() == 1


def test_nor_who_agrees_no_more(cast: Cast, office: Client, found: str) -> None:
    with campus_scope(cast.campus):
        consent_withdraw(
            student=cast.student, kind=Consent.Kind.FACE, now=timezone.now(), actor=SYSTEM
        )
    shown = office.get(found).content.decode()
    assert str(cast.student) not in shown
    assert "nobody of the campus" in shown


def kept(cast: Cast) -> bool:
    """Whether a photo is there after what waits to be deleted was."""
    purge_images()
    with campus_scope(cast.campus):
        return StoredImage.objects.exists()


def test_the_photo_of_a_search_that_fails_goes(
    cast: Cast, office: Client, astronaut_path: Path
) -> None:
    permit(cast, timezone.now())
    ask(office, astronaut_path.read_bytes())
    permit(cast, timezone.now(), covers=SearchPermission.Covers.ROSTER)
    assert kept(cast)
    job = work(cast)
    with campus_scope(cast.campus):
        job.refresh_from_db()
    assert job.status == Job.Status.FAILED
    assert not kept(cast)


def test_two_searches_of_a_photo_take_it_from_each_other_not(
    cast: Cast, office: Client, astronaut_path: Path
) -> None:
    permit(cast, timezone.now())
    for _each in range(2):
        ask(office, astronaut_path.read_bytes())
    with campus_scope(cast.campus):
        jobs = list(Job.objects.order_by("created_at"))
    for number, job in enumerate(jobs):
        execute_job(cast.campus.pk, job.pk)
        assert kept(cast) == (number == 0)
        with campus_scope(cast.campus):
            job.refresh_from_db()
        assert (job.status, job.problem) == (Job.Status.SUCCEEDED, "")


def test_searches_do_not_take_the_workers_of_check_ins(
    cast: Cast, office: Client, astronaut_path: Path
) -> None:
    """Each takes seconds of a worker that all campuses' check-ins wait for."""
    permit(cast, timezone.now())
    photo = astronaut_path.read_bytes()
    for _each in range(3):
        ask(office, photo)
    assert "3 searches of this campus are under way" in ask(office, photo).content.decode()
    with campus_scope(cast.campus):
        jobs = list(Job.objects.all())
        assert len(jobs) == 3
        job_cancel(job=jobs[0], now=timezone.now())
    ask(office, photo)
    with campus_scope(cast.campus):
        assert Job.objects.count() == 4
