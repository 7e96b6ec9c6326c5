"""Our consumer reads our provider over the network, into another campus."""

from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import Faculty, Student
from apps.accounts.writes import PLATFORM
from apps.audit.services import SYSTEM
from apps.enrollments.models import Course, Department, Enrollment, SourcedId, Subject, Term
from apps.oneroster.models import OneRosterConnection, OneRosterRun
from apps.oneroster.services import secret_give
from apps.oneroster.services.jobs import run_work
from apps.oneroster.services.runs import run_make
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_campus, make_cast, make_student
from tests.imports.support import NOW, no_progress
from tests.oneroster.reader import ROSTER, TOKEN, Reader
from tests.oneroster.support import numbers


class Sides:
    """North gives, south reads."""

    def __init__(self, url: str) -> None:
        self.north: Cast = make_cast("north")
        Domain.objects.create(campus=self.north.campus, host=str(urlsplit(url).hostname))
        self.reader = Reader(self.north)
        self.south: Campus = make_campus("south")
        Campus.objects.filter(pk=self.south.pk).update(email_domains=[])
        with campus_scope(self.south):
            connection = OneRosterConnection(
                name="North",
                url=url + ROSTER,
                token_url=url + TOKEN,
                client_id=str(self.reader.row.pk),
                school=f"campus-{self.north.campus.pk}",
                share=100,
            )
            secret_give(connection, self.reader.secret)
            connection.save()

    def read(self, *, full: bool = False) -> OneRosterRun:
        with campus_scope(self.south):
            connection = OneRosterConnection.objects.get()
            run = run_make(
                connection, commit=True, full=full, user_id=None, by_person=False, now=NOW
            )
            run_work(run, writer=PLATFORM, actor=SYSTEM, now=NOW, report_progress=no_progress)
        assert run.status == "saved", run.problem
        return run


def roster(campus: Campus) -> dict[str, Any]:
    """What both must have alike."""
    people = ("code", "first_name", "last_name", "email", "is_active")
    places = Enrollment.objects.exclude(status="dropped")
    with campus_scope(campus):
        return {
            "students": sorted(Student.objects.values_list(*people)),
            "faculty": sorted(Faculty.objects.values_list(*people)),
            "subjects": sorted(Subject.objects.values_list("code", "name")),
            "departments": sorted(Department.objects.values_list("code", "name")),
            "terms": sorted(
                Term.objects.values_list("name", "academic_year", "starts_on", "ends_on")
            ),
            "courses": sorted(
                Course.objects.values_list("code", "subject__code", "term__name", "faculty__code")
            ),
            "places": sorted(places.values_list("student__code", "course__code")),
        }


@pytest.fixture
def sides(
    transactional_db: None, live_server: LiveServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Sides:
    settings.OUTGOING_PRIVATE_ADDRESSES = [urlsplit(str(live_server)).netloc]
    monkeypatch.setattr("apps.oneroster.services.asking.WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("apps.oneroster.services.asking.PAGE", 2)  # so that links are followed
    return Sides(str(live_server))


def test_another_campus_gets_the_same_roster_and_every_change(sides: Sides) -> None:
    first = sides.read()
    assert first.problems == []
    assert roster(sides.south) == roster(sides.north.campus)
    with campus_scope(sides.south):
        given = set(SourcedId.objects.values_list("sourced_id", flat=True))
    with campus_scope(sides.north.campus):
        uuids = {str(uuid) for uuid in Student.objects.values_list("uuid", flat=True)}
    assert uuids <= given  # the people are known by the same ids there

    assert numbers(sides.read()) == (0, 0, 0, 0)

    north = sides.north
    with campus_scope(north.campus):
        enroll(make_student("NEWC"), north.other_course)
        Student.objects.filter(pk=north.stranger.pk).update(first_name="Renamed")
        place = Enrollment.objects.get(student=north.classmate)
        place.status, place.ended_on = "dropped", date(2026, 9, 20)
        place.save()
        Student.objects.filter(pk=north.representative.pk).update(is_active=False)
        Course.objects.filter(pk=north.course.pk).update(faculty=north.outsider)
    second = sides.read()
    assert second.is_full is False
    assert second.problems == []
    there, here = roster(sides.south), roster(north.campus)
    # The place of somebody who is closed ends there, and stays here as it is.
    here["places"].remove(("REPR", north.course.code))
    assert there == here
    assert numbers(sides.read(full=True)) == (0, 0, 0, 0)
