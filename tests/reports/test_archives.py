"""A term that is archived: a file of it, and nothing of it changes any more."""

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from rest_framework.test import APIClient

from apps.accounts.models import Membership, Student
from apps.attendance.models import AttendanceRecord
from apps.audit.models import Entry
from apps.common.errors import NotFound, Refused
from apps.enrollments.models import Course, Enrollment, Term
from apps.enrollments.services import term_archive, term_reopen
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.privacy.selectors import person_of
from apps.reports.files import file_read
from apps.reports.services import (
    archive_run,
    archive_start,
    exports_of,
    term_to_archive,
    term_write,
)
from apps.sessions.models import ClassSession, SessionCourse
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_course, make_faculty, make_session, make_student
from tests.imports.support import counts, do_import, reasons
from tests.imports.test_oneroster import zipped
from tests.imports.test_runs import work
from tests.leave.support import ADA, closed, marked, opened
from tests.phone import signed_in
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db

LATER = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)  # after the last day of the cast's term


@pytest.fixture
def session(in_campus: Cast, now: datetime) -> ClassSession:
    """A register of the term; `STUD` was there."""
    session = closed(in_campus, now)
    marked(session, in_campus.student, "present", now + timedelta(hours=3))
    return session


@pytest.fixture
def archived(session: ClassSession) -> Term:
    term = session.course.term
    term_archive(term=term, now=LATER, actor=ADA)
    return term


def written(term: Term) -> dict[str, Any]:
    """The files of the archive: CSV as text, the registers read."""
    file = io.BytesIO()
    term_write(term=term, file=file, now=LATER, actor=ADA, report_progress=lambda *_: None)
    with zipfile.ZipFile(file) as bundle:
        found = {name: bundle.read(name).decode() for name in bundle.namelist()}
    return {**found, "registers.json": json.loads(found["registers.json"])}


def test_the_file_has_people_places_and_marks(session: ClassSession, in_campus: Cast) -> None:
    enroll(make_student("GONE"), session.course, status="dropped", ended_on=date(2026, 9, 20))
    files = written(session.course.term)
    assert sorted(files) == [
        *("academicSessions.csv", "classes.csv", "courses.csv", "enrollments.csv", "manifest.csv"),
        *("orgs.csv", "registers.json", "roles.csv", "users.csv"),
    ]
    registers = files["registers.json"]
    (held,) = registers["sessions"]
    assert held["course"] == session.course.code
    assert held["status"] == "completed"
    marks = {mark["student"]: mark["status"] for mark in held["marks"]}
    assert marks["STUD"] == "present"
    assert len(marks) == AttendanceRecord.objects.filter(session=session).count()
    sums = {row["student"]: row["attended_sessions"] for row in registers["sums"]}
    assert sums["STUD"] == 1
    assert "tobedeleted" in files["enrollments.csv"]
    assert registers["term"] == str(session.course.term)


def test_the_bundle_can_be_imported_again(
    session: ClassSession, in_campus: Cast, other_cast: Cast
) -> None:
    """On the same campus it changes nothing; it has no wrong row."""
    file = io.BytesIO()
    term = session.course.term
    term_write(term=term, file=file, now=LATER, actor=ADA, report_progress=lambda *_: None)
    term_reopen(term=term, now=LATER, actor=ADA)
    report = do_import(in_campus, "oneroster", file.getvalue())
    assert reasons(report) == []
    assert counts(report)[:2] == (0, 0)


def test_a_bundle_moves_no_archived_term(archived: Term, in_campus: Cast) -> None:
    """Which the administration does not let anybody change either."""
    last = archived.academic_year.partition("-")[2]
    days = ("2020-01-01", "2020-02-01")
    sessions = [
        ["sourcedId", "status", "title", "type", "startDate", "endDate", "schoolYear"],
        ["t1", "active", archived.name, "term", *days, last],
    ]
    report = do_import(in_campus, "oneroster", zipped({"academicSessions": sessions}))
    assert "This term is archived" in reasons(report)[0][1]
    before = (archived.starts_on, archived.ends_on)
    archived.refresh_from_db()
    assert (archived.starts_on, archived.ends_on) == before


def test_no_cell_of_the_bundle_is_a_formula(session: ClassSession, in_campus: Cast) -> None:
    Student.objects.filter(code="STUD").update(first_name='=HYPERLINK("http://x")')
    users = written(session.course.term)["users.csv"]
    assert "'=HYPERLINK" in users
    assert ",=HYPERLINK" not in users


def test_nothing_of_an_archived_term_can_be_changed(archived: Term, in_campus: Cast) -> None:
    """Whatever statement tries: the database refuses, and people are told why."""
    course = Course.objects.filter(term=archived).order_by("pk").first()
    assert course is not None
    session = ClassSession.objects.get()
    empty = Term.objects.create(
        name="Empty",
        academic_year="2025-2026",
        starts_on="2025-09-01",
        ends_on="2026-01-31",
        archived_at=LATER,
    )
    record = AttendanceRecord.objects.filter(session=session).first()
    place = Enrollment.objects.filter(course=course).first()
    assert record is not None
    assert place is not None
    tries = {
        "mark by hand": lambda: marked(session, in_campus.classmate, "late", LATER),
        "mark": lambda: AttendanceRecord.objects.filter(pk=record.pk).update(status="late"),
        "mark another": lambda: AttendanceRecord.objects.create(
            session=session, student=in_campus.stranger, source="manual", recorded_at=LATER
        ),
        "unmark": lambda: AttendanceRecord.objects.filter(pk=record.pk).delete(),
        "new session": lambda: make_session(course),
        "move session": lambda: ClassSession.objects.update(starts_at=LATER, ends_at=LATER),
        "delete session": lambda: SessionCourse.objects.all().delete(),
        "enrol": lambda: enroll(make_student("NEW"), course),
        "drop": lambda: Enrollment.objects.filter(pk=place.pk).update(
            status="dropped", ended_on=date(2026, 12, 1)
        ),
        "grade": lambda: Enrollment.objects.filter(pk=place.pk).update(final_grade="A"),
        "leave": lambda: Enrollment.objects.filter(pk=place.pk).delete(),
        "new course": lambda: Course.objects.create(
            faculty=in_campus.outsider, code="NEW", term=archived, subject=course.subject
        ),
        "rename course": lambda: Course.objects.filter(pk=course.pk).update(code="OTHER"),
        "move term": lambda: Term.objects.filter(pk=archived.pk).update(ends_on=date(2027, 2, 1)),
        "rename term": lambda: Term.objects.filter(pk=archived.pk).update(name="Other"),
        "turn weeks": lambda: Term.objects.filter(pk=archived.pk).update(
            odd_week_on=date(2026, 9, 8)
        ),
        "delete term": lambda: Term.objects.filter(pk=empty.pk).delete(),
    }
    for name, attempt in tries.items():
        with pytest.raises(Refused) as refusal, transaction.atomic():
            attempt()
        assert refusal.value.code == "term_archived", name
    # What an erasure empties is none of the register.
    assert AttendanceRecord.objects.filter(pk=record.pk).update(notes="") == 1


def test_other_terms_go_on(archived: Term, in_campus: Cast, now: datetime) -> None:
    term = Term.objects.create(
        name="Spring", academic_year="2026-2027", starts_on=date(2027, 2, 1),
        ends_on=date(2027, 6, 30),
    )  # fmt: skip
    course = make_course(faculty=in_campus.lecturer, code="CS300", term=term)
    enroll(in_campus.student, course)
    session = opened(in_campus, LATER, course=course)
    assert marked(session, in_campus.student, "present", LATER).status == "present"


def test_only_a_term_that_is_over_and_has_no_open_session(in_campus: Cast, now: datetime) -> None:
    term = in_campus.course.term
    with pytest.raises(Refused) as refusal:
        term_to_archive(term_id=term.pk, now=now)
    assert refusal.value.code == "term_not_over"
    opened(in_campus, now)
    with pytest.raises(Refused) as refusal:
        term_to_archive(term_id=term.pk, now=LATER)
    assert refusal.value.code == "sessions_open"
    with pytest.raises(NotFound):
        term_to_archive(term_id=term.pk + 999, now=LATER)


def test_it_can_be_opened_again(archived: Term, in_campus: Cast) -> None:
    with pytest.raises(Refused):
        term_archive(term=archived, now=LATER, actor=ADA)
    term_reopen(term=archived, now=LATER, actor=ADA)
    session = ClassSession.objects.get()
    assert marked(session, in_campus.classmate, "late", LATER).status == "late"
    with pytest.raises(Refused):
        term_reopen(term=archived, now=LATER, actor=ADA)
    actions = Entry.objects.filter(action__startswith="enrollments.term.").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "enrollments.term.archived",
        "enrollments.term.reopened",
    ]


def test_a_person_of_an_archived_term_can_be_erased(archived: Term, in_campus: Cast) -> None:
    from apps.privacy.services.erasing import person_erase

    person = person_of(student=in_campus.student)
    person_erase(person=person, now=LATER, actor=ADA, report_progress=lambda *_args, **_more: None)
    in_campus.student.refresh_from_db()
    assert in_campus.student.first_name == "Erased"
    assert AttendanceRecord.objects.filter(student=in_campus.student).exists()


def test_an_administrator_has_it_written_by_a_worker(
    session: ClassSession, in_campus: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.reports.services.timezone.now", lambda: LATER)
    job = archive_start(
        term_id=session.course.term_id, user_id=in_campus.admin.pk, now=LATER, actor=ADA
    )
    assert job.params == {"term": session.course.term_id}
    assert exports_of(user_id=in_campus.admin.pk).get() == job
    with Progress(job.pk, in_campus.campus.pk) as progress:
        job.result = archive_run(job, progress)
    assert job.result["marks"] == 3
    assert job.result["filename"] == "autumn-2026-2027.zip"
    assert Term.objects.get(pk=session.course.term_id).archived_at is not None
    with zipfile.ZipFile(io.BytesIO(file_read(job.result["stored_as"]))) as bundle:
        assert "registers.json" in bundle.namelist()
    with pytest.raises(Refused):  # asked for twice, it is written once
        archive_run(job, progress)


def archived_by_rest(cast: Cast) -> tuple[APIClient, str]:
    """An archived term that the administrator has asked for, written by the worker."""
    with campus_scope(cast.campus):
        Term.objects.update(starts_on=date(2020, 9, 1), ends_on=date(2021, 1, 31))
        term = Term.objects.get()
    assert (
        client_of(cast, cast.admin).post("/reports/archive", {"term": term.pk}).status_code == 302
    )
    work(cast)
    api = signed_in(cast, cast.admin)
    answer = api.get("/api/v1/reports/exports")
    assert answer.status_code == 200, answer.content
    (row,) = answer.json()["results"]
    assert (row["report"], row["format"], row["status"]) == ("term", "zip", "succeeded")
    return api, f"/api/v1/reports/exports/{row['id']}"


def test_the_administrator_fetches_the_file(cast: Cast) -> None:
    api, address = archived_by_rest(cast)
    assert api.get(address).json()["format"] == "zip"
    answer = api.get(f"{address}/file")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert "users.csv" in bundle.namelist()
    assert client_of(cast, cast.admin).get("/reports/").status_code == 200


@pytest.mark.parametrize("role", ["operator", "principal", "faculty"])
def test_who_is_no_administrator_any_more_does_not_fetch_it(cast: Cast, role: str) -> None:
    api, address = archived_by_rest(cast)
    with campus_scope(cast.campus):
        if role == "faculty":
            make_faculty("LATER", user=cast.admin)
        Membership.objects.filter(user=cast.admin).update(role=role)
    answer = api.get(f"{address}/file")
    assert answer.status_code == 403, answer.content
    assert signed_in(cast, cast.operator).get(f"{address}/file").status_code == 404


def test_who_is_no_administrator_any_more_archives_nothing(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Term.objects.update(starts_on=date(2020, 9, 1), ends_on=date(2021, 1, 31))
        term = Term.objects.get()
        archive_start(term_id=term.pk, user_id=cast.admin.pk, now=LATER, actor=ADA)
        Membership.objects.filter(user=cast.admin).update(role="principal")
    work(cast)
    with campus_scope(cast.campus):
        assert Term.objects.get().archived_at is None
        assert Job.objects.get().status == Job.Status.FAILED


def test_what_the_office_saw_is_not_a_lecturers_to_fetch(cast: Cast) -> None:
    api = signed_in(cast, cast.principal)
    asked = {"report": "attendance", "format": "csv", "filters": {}}
    row = api.post("/api/v1/reports/exports", asked, format="json").json()
    work(cast)
    address = f"/api/v1/reports/exports/{row['id']}/file"
    assert api.get(address).status_code == 200
    with campus_scope(cast.campus):
        make_faculty("LATER", user=cast.principal)
        Membership.objects.filter(user=cast.principal).update(role="faculty")
    assert api.get(address).status_code == 403


def test_the_page_offers_terms_that_are_over(cast: Cast, now: datetime) -> None:
    with campus_scope(cast.campus):
        Term.objects.update(starts_on=date(2020, 9, 1), ends_on=date(2021, 1, 31))
        term = Term.objects.get()
    admin, lecturer = client_of(cast, cast.admin), client_of(cast, cast.lecturer.user)
    assert "Archive a term" in admin.get("/reports/").content.decode()
    assert "Archive a term" not in lecturer.get("/reports/").content.decode()
    assert lecturer.post("/reports/archive", {"term": term.pk}).status_code == 403
    assert admin.post("/reports/archive", {"term": "9" * 30}).status_code == 400
    assert admin.post("/reports/archive", {"term": "x"}).status_code == 400
    assert admin.post("/reports/archive", {"term": f"{term.pk + 1}"}).status_code == 404
    assert admin.post("/reports/archive", {"term": term.pk}).status_code == 302
    with campus_scope(cast.campus):
        assert Job.objects.get().kind == "reports.term_archive"


def test_the_command(
    session: ClassSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "autumn.zip"
    place = ("--campus", "north", "--term", str(session.course.term))
    with pytest.raises(CommandError, match="after its last day"):
        call_command("archive_term", *place, "--to", str(path))
    assert list(tmp_path.iterdir()) == []
    Term.objects.update(starts_on=date(2020, 9, 1), ends_on=date(2021, 1, 31))
    with pytest.raises(CommandError, match="Name a term by --term"):
        call_command("archive_term", "--campus", "north", "--to", str(path))
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("archive_term", *place, "--to", str(tmp_path / "no" / "x.zip"))
    assert Term.objects.get().archived_at is None
    call_command("archive_term", *place, "--to", str(path))
    assert "is archived" in capsys.readouterr().out
    assert path.stat().st_mode & 0o077 == 0
    assert Term.objects.get().archived_at is not None
    call_command("archive_term", *place, "--undo")
    assert Term.objects.get().archived_at is None
