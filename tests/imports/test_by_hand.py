"""What a person decided about an enrolment outlives imports of other people (cases 40 and 41)."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from apps.enrollments.models import Department, Enrollment, EnrollmentPeriod, Placement, Section
from apps.imports.models import ImportRun
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast
from tests.imports.support import csv_file, do_import, reasons
from tests.imports.test_runs import upload, work
from tests.phone import signed_in

pytestmark = pytest.mark.django_db

HEAD = ["Student ID", "First Name", "Last Name", "Email", "Department", "Year", "Section"]
ENROLMENT = ["Student ID", "Course", "Status"]
Way = Callable[[Cast, str, list[Any], Path], None]


def person(code: str, section: str = "A") -> list[Any]:
    return [code, "New", "Comer", f"{code.lower()}@north.example", "CSE", 2, section]


def by_command(cast: Cast, kind: str, rows: list[Any], folder: Path) -> None:
    path = folder / f"{kind}.csv"
    path.write_bytes(csv_file(rows))
    call_command("import_roster", kind, str(path), "--campus", cast.campus.slug, "--commit")


def by_api(cast: Cast, kind: str, rows: list[Any], folder: Path) -> None:
    api = signed_in(cast, cast.operator)
    page = f"/api/v1/imports/{upload(api, csv_file(rows), kind=kind).json()['id']}"
    work(cast)
    assert api.post(f"{page}/commit", {}).status_code == 202
    work(cast)
    assert api.get(page).json()["result"]["wrong"] == 0


def by_admin(cast: Cast, kind: str, rows: list[Any], folder: Path) -> None:
    office = client_of(cast, cast.admin)
    form = {"kind": kind, "file": SimpleUploadedFile("table.csv", csv_file(rows))}
    page = office.post(url(ImportRun, "add"), form)["Location"]
    work(cast)
    assert office.post(page.replace("change/", "commit/")).status_code == 302
    work(cast)
    assert "Saved." in office.get(page).content.decode()


every_way = pytest.mark.parametrize("way", [by_command, by_api, by_admin])


def placed(cast: Cast) -> None:
    """The course's section holds its students, and there is a section B."""
    do_import(cast, "students", [HEAD, *(person(p.code) for p in (cast.student, cast.classmate))])
    with campus_scope(cast.campus):
        Section.objects.create(department=Department.objects.get(code="CSE"), year=2, name="B")


def status(cast: Cast, code: str) -> str:
    with campus_scope(cast.campus):
        return Enrollment.objects.get(student__code=code, course=cast.course).status


@every_way
def test_who_was_dropped_by_hand_stays_dropped(cast: Cast, way: Way, tmp_path: Path) -> None:
    """Case 40."""
    placed(cast)
    code = cast.student.code
    way(cast, "enrollments", [ENROLMENT, [code, cast.course.code, "dropped"]], tmp_path)
    way(cast, "students", [HEAD, person("E1009")], tmp_path)
    assert status(cast, code) == "dropped"
    assert status(cast, "E1009") == "enrolled"


@every_way
def test_who_was_kept_by_hand_stays_enrolled(cast: Cast, way: Way, tmp_path: Path) -> None:
    """Case 41."""
    placed(cast)
    code = cast.student.code
    way(cast, "students", [HEAD, person(code, "B")], tmp_path)
    assert status(cast, code) == "dropped"
    way(cast, "enrollments", [ENROLMENT, [code, cast.course.code, "enrolled"]], tmp_path)
    way(cast, "students", [HEAD, person("E1004", "B")], tmp_path)
    assert status(cast, code) == "enrolled"


def test_a_file_that_names_them_keeps_it_too_and_says_so(cast: Cast) -> None:
    placed(cast)
    code = cast.student.code
    do_import(cast, "enrollments", [ENROLMENT, [code, cast.course.code, "dropped"]])
    report = do_import(cast, "students", [HEAD, person(code)])
    assert f"Kept by hand: {code} not in {cast.course.code}." in report.result.notes
    assert status(cast, code) == "dropped"
    quiet = do_import(cast, "students", [HEAD, person("E1009")])
    assert not any("Kept by hand" in note for note in quiet.result.notes)


def test_only_what_a_file_names_changes(cast: Cast) -> None:
    """A section moved by hand behind the importer's back waits for a file that names it."""
    placed(cast)
    with campus_scope(cast.campus):
        Placement.objects.filter(student=cast.student).update(is_current=False)
    do_import(cast, "students", [HEAD, person("E1009")])
    assert status(cast, cast.student.code) == "enrolled"
    do_import(cast, "assignments", [
        ["faculty", "subject", "department", "year", "section"],
        [cast.outsider.code, "CS305", "CSE", 2, "A"],
    ])  # fmt: skip
    assert status(cast, cast.student.code) == "enrolled"


def test_assignments_enrol_the_sections_of_the_courses_that_they_name(cast: Cast) -> None:
    placed(cast)
    row = [["faculty", "subject", "department", "year", "section"]]
    do_import(cast, "assignments", [*row, [cast.outsider.code, "CS305", "CSE", 2, "A"]])
    with campus_scope(cast.campus):
        found = Enrollment.objects.filter(course=cast.other_course, status="enrolled")
        assert set(found.values_list("student__code", flat=True)) == {"STUD", "MATE"}


def test_a_move_by_hand_takes_the_courses_along(cast: Cast) -> None:
    placed(cast)
    with campus_scope(cast.campus):
        placement = Placement.objects.get(student=cast.student)
        other = Section.objects.get(name="B")
    client = client_of(cast, cast.operator)
    page = url(Placement, "change", placement.pk)
    sent = {**fields_of(client.get(page)), "section": other.pk}
    assert client.post(page, sent).status_code == 302
    assert status(cast, cast.student.code) == "dropped"
    do_import(cast, "students", [HEAD, person("E1009")])
    assert status(cast, cast.student.code) == "dropped"
    with campus_scope(cast.campus):
        assert Placement.objects.get(student=cast.student, is_current=True).section == other


def test_days_come_from_the_file(cast: Cast) -> None:
    rows = [
        ["Student ID", "Course", "Status", "Enrolled on", "Left on"],
        [cast.stranger.code, cast.course.code, "", "2026-09-03", ""],
        [cast.student.code, cast.course.code, "dropped", "", "2026-09-04"],
        [cast.classmate.code, cast.course.code, "dropped", "2026-09-06", "2026-09-05"],
    ]
    report = do_import(cast, "enrollments", rows)
    assert reasons(report) == [(4, "Ends before it begins, or begins in an earlier stay.")]
    with campus_scope(cast.campus):
        days = dict(
            EnrollmentPeriod.objects.filter(enrollment__course=cast.course)
            .exclude(enrollment__student__in=[cast.representative, cast.classmate])
            .values_list("enrollment__student__code", "ended_on")
        )
        assert days == {cast.stranger.code: None, cast.student.code: date(2026, 9, 4)}
        joined = Enrollment.objects.get(student=cast.stranger)
        assert joined.enrolled_on == date(2026, 9, 3)
    back = [rows[0], [cast.student.code, cast.course.code, "enrolled", "2026-09-06", ""]]
    do_import(cast, "enrollments", back)
    inside = [rows[0], [cast.student.code, cast.course.code, "enrolled", "2026-09-02", ""]]
    assert [row for row, _reason in reasons(do_import(cast, "enrollments", inside))] == [2]


def test_the_same_enrolments_again_change_nothing(cast: Cast) -> None:
    rows = [ENROLMENT, [cast.student.code, cast.course.code, "dropped"]]
    assert do_import(cast, "enrollments", rows).result.changed == 1
    assert do_import(cast, "enrollments", rows).result.changed == 0
