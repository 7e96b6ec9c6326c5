"""Students and faculty from spreadsheets."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Faculty, Membership, Student, User
from apps.audit.models import Entry
from apps.common.errors import Invalid
from apps.enrollments.models import Enrollment, Placement, Section
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.imports.support import counts, csv_file, do_import, reasons, xlsx

pytestmark = pytest.mark.django_db

# The headings of the system that is replaced, with the form's year and department as options.
AMS = [["id", "name", "section"], ["N210595", "Amara Nwosu", "A"], [210596.0, "Zoë  Müller", "B"]]


@pytest.fixture
def office(cast: Cast) -> Cast:
    """A campus without the sections that the cast's course lives in."""
    return cast


def student(cast: Cast, code: str) -> Student:
    with campus_scope(cast.campus):
        return Student.objects.select_related("user").get(code=code)


def test_the_old_headings_work_as_they_are(office: Cast) -> None:
    report = do_import(office, "students", AMS, department="ECE", year=3)
    assert counts(report) == (2, 0, 0, 0)
    zoe = student(office, "210596")
    assert (zoe.full_name, zoe.year_of_study) == ("Zoë Müller", 3)
    assert zoe.email == "210596@north.example"
    assert zoe.user is not None
    assert not zoe.user.has_usable_password()
    with campus_scope(office.campus):
        assert str(Placement.objects.get(student=zoe).section) == "ECE-3B"
        assert Membership.objects.get(user=zoe.user).role == "student"


def test_the_same_file_twice_changes_nothing(office: Cast) -> None:
    do_import(office, "students", AMS, department="ECE", year=3)
    before = User.objects.count()
    again = do_import(office, "students", AMS, department="ECE", year=3)
    assert counts(again) == (0, 0, 2, 0)
    assert User.objects.count() == before


def test_a_dry_run_counts_the_same_and_saves_nothing(office: Cast) -> None:
    report = do_import(office, "students", AMS, department="ECE", year=3, dry=True)
    assert counts(report) == (2, 0, 0, 0)
    with campus_scope(office.campus):
        assert not Student.objects.filter(code="N210595").exists()
        assert not Section.objects.filter(department__code="ECE").exists()
    assert not User.objects.filter(email="210596@north.example").exists()


def test_changes_are_counted_and_empty_cells_leave_what_is_there(office: Cast) -> None:
    do_import(office, "students", [["id", "name", "phone"], ["A1", "Ada", "+4915112345678"]])
    report = do_import(office, "students", [["id", "name", "phone"], ["a1", "Ada Lovelace", ""]])
    assert counts(report) == (0, 1, 0, 0)
    ada = student(office, "A1")
    assert (ada.full_name, ada.phone) == ("Ada Lovelace", "+4915112345678")


def test_a_name_in_one_cell_does_not_undo_a_name_in_two(office: Cast) -> None:
    do_import(office, "students", [["id", "first name", "last name"], ["A1", "Ada", "Lovelace"]])
    report = do_import(office, "students", [["id", "name"], ["A1", "Ada Lovelace"]])
    assert counts(report) == (0, 0, 1, 0)
    assert student(office, "A1").last_name == "Lovelace"


def test_wrong_rows_are_listed_with_place_and_reason_and_the_rest_is_saved(office: Cast) -> None:
    rows = [
        ["Students of the autumn"],
        ["Student ID", "Full Name", "Year of Study", "E-mail", "Dept", "Section"],
        ["B1", "Right", "E2", "b1@north.example", "CSE", "A"],
        ["B 2", "Space in the number", 2, "b2@north.example", "CSE", "A"],
        ["B3", "", 2, "b3@north.example", "CSE", "A"],
        ["B4", "Bad year", "ninth", "b4@north.example", "CSE", "A"],
        ["B5", "Bad mail", 2, "b5 at x", "CSE", "A"],
        ["B1", "Somebody else", 2, "b1@north.example", "CSE", "A"],
        ["B6", "Taken", 2, office.student.email, "CSE", "A"],
        ["B7", "Seventh year", 7, "b7@north.example", "CSE", "A"],
        ["B8", "Twice", 2, "b1@north.example", "CSE", "A"],
        ["", "", "", "", "", ""],
        ["B1", "Right", "E2", "b1@north.example", "CSE", "A"],
    ]
    report = do_import(office, "students", rows)
    assert counts(report) == (1, 0, 0, 8)
    assert reasons(report) == [
        (4, "Only letters, digits and . / - _ are allowed."),
        (5, "New, and without a name."),
        (6, "Not a year of study, like 2 or E2."),
        (7, "Not an e-mail address."),
        (8, "Row 3 says something else about B1."),
        (9, f"Is the address of {office.student.code}."),
        (10, "The year of study lies between 1 and 4."),
        (11, "The same address as in an earlier row."),
    ]
    (bad_year,) = [p for p in report.problems if p.row == 6]
    assert (bad_year.sheet, bad_year.column, bad_year.value) == ("Sheet1", "Year", "ninth")


def test_unknown_headings_ask_for_a_mapping(office: Cast) -> None:
    rows = [["Matrikel", "Wer"], ["C1", "Anna"]]
    with pytest.raises(Invalid, match="Number"):
        do_import(office, "students", rows)
    report = do_import(office, "students", rows, mapping={"Matrikel": "code", "Wer": "first_name"})
    assert counts(report) == (1, 0, 0, 0)


def test_without_an_address_and_without_a_domain(office: Cast) -> None:
    Campus.objects.filter(pk=office.campus.pk).update(email_domains=[])
    report = do_import(office, "students", [["id", "name"], ["D1", "Dora"]])
    assert counts(report) == (0, 0, 0, 1)
    assert "e-mail address" in report.problems[0].reason


def test_a_corrected_address_moves_no_sign_in(office: Cast) -> None:
    """A file says what somebody's address is, not who signs in as them."""
    row = [["id", "email"], [office.student.code, "right@north.example"]]
    assert counts(do_import(office, "students", row)) == (0, 1, 0, 0)
    after = student(office, office.student.code)
    assert after.email == "right@north.example"
    assert after.user == office.student.user
    assert not User.objects.filter(email="right@north.example").exists()
    with campus_scope(office.campus):
        assert Membership.objects.get(user=after.user).is_active


def test_an_account_of_another_campus_keeps_its_name_and_password(
    cast: Cast, other_cast: Cast
) -> None:
    north, south = cast, other_cast
    email = south.student.email
    do_import(north, "students", [["id", "name", "email"], ["E1", "Evil Twin", email]])
    user = User.objects.get(email=email)
    assert south.student.user is not None
    assert user.name == south.student.user.name
    assert user.password == south.student.user.password


def test_replace_shows_who_goes_and_deactivates_but_deletes_nothing(office: Cast) -> None:
    stay = [office.student, office.classmate]
    rows = [["id", "name"], *[[person.code, str(person)] for person in stay]]
    shown = do_import(office, "students", rows, replace=True, dry=True)
    assert office.stranger.code in " ".join(shown.result.removed_names)
    report = do_import(office, "students", rows, replace=True)
    assert report.result.removed == shown.result.removed > 0
    gone = student(office, office.stranger.code)
    assert not gone.is_active
    with campus_scope(office.campus):
        assert Enrollment.objects.filter(student=office.student).exists()
        assert not Membership.objects.get(user=gone.user).is_active


def test_replace_touches_its_own_section_only(office: Cast) -> None:
    do_import(office, "students", AMS, department="ECE", year=3)
    one = [["id", "name", "section"], ["N210595", "Amara Nwosu", "A"]]
    report = do_import(office, "students", one, department="ECE", year=3, replace=True)
    assert report.result.removed == 1
    assert not student(office, "210596").is_active
    assert student(office, office.student.code).is_active


def test_nobody_goes_while_rows_are_wrong(office: Cast) -> None:
    rows = [["id", "name"], [office.student.code, "Right"], ["bad number", "Typo"]]
    report = do_import(office, "students", rows, replace=True)
    assert report.result.removed == 0
    assert any("Correct them first" in note for note in report.result.notes)


def test_who_was_deactivated_comes_back(office: Cast) -> None:
    only = [["id", "name"], [office.student.code, "Only"]]
    do_import(office, "students", only, replace=True)
    code = office.classmate.code
    do_import(office, "students", [["id", "name"], [code, "Back"]])
    back = student(office, code)
    assert back.is_active
    with campus_scope(office.campus):
        assert Membership.objects.get(user=back.user).is_active


def test_moving_to_another_section_changes_the_courses(office: Cast) -> None:
    code = office.student.code
    with campus_scope(office.campus):
        section = office.course.section
    assert section is not None
    row = [["id", "name", "department", "year", "section"]]
    do_import(office, "students", [*row, [code, "S", "CSE", 2, "A"]])
    with campus_scope(office.campus):
        assert Enrollment.objects.get(student__code=code, course=office.course).status == "enrolled"
    do_import(office, "students", [*row, [code, "S", "CSE", 2, "Z"]])
    with campus_scope(office.campus):
        assert Enrollment.objects.get(student__code=code, course=office.course).status == "dropped"
        assert Placement.objects.filter(student__code=code).count() == 2
        assert Placement.objects.get(student__code=code, is_current=True).section.name == "Z"


def test_faculty_with_the_old_headings_and_repeated_people(office: Cast) -> None:
    rows = [
        ["FacultyId", "FacultyName", "SubjectCode", "Department", "Year", "Section"],
        ["F017", "Grace Hopper", "CS201", "CSE", "E2", "A"],
        ["F017", "Grace Hopper", "CS305", "CSE", "E3", "B"],
    ]
    assert counts(do_import(office, "faculty", rows)) == (1, 0, 0, 0)
    with campus_scope(office.campus):
        grace = Faculty.objects.get(code="F017")
        assert grace.email == "f017@north.example"
        assert Membership.objects.get(user=grace.user).role == "faculty"


def test_faculty_phone_numbers_are_nobody_elses(office: Cast) -> None:
    rows = [
        ["id", "name", "phone"],
        ["F1", "One", "+49 151 12345678"],
        ["F2", "Two", "004915112345678"],
    ]
    report = do_import(office, "faculty", rows)
    assert reasons(report) == [(3, "Is the number of F1.")]


def test_every_import_is_in_the_audit_log(office: Cast) -> None:
    do_import(office, "students", AMS, department="ECE", year=3, source="abc")
    with campus_scope(office.campus):
        entry = Entry.objects.get(action="accounts.student.imported")
    assert entry.data == {"new": 2, "changed": 0, "source": "abc"}


def test_campuses_do_not_see_each_other(cast: Cast, other_cast: Cast) -> None:
    north, south = cast, other_cast
    do_import(north, "students", AMS, department="ECE", year=3)
    do_import(south, "students", csv_file(AMS), department="ECE", year=3)
    with campus_scope(north.campus):
        assert Student.objects.filter(code="N210595").count() == 1
    with campus_scope(south.campus):
        assert Student.objects.get(code="N210595").email == "n210595@south.example"


def test_statements_do_not_grow_with_the_rows(office: Cast) -> None:
    def statements(number: int) -> int:
        rows = [["id", "name"], *[[f"Q{number}-{n}", f"N {n}"] for n in range(number)]]
        data = xlsx(rows)
        with CaptureQueriesContext(connection) as asked:
            do_import(office, "students", data)
        return len(asked)

    assert statements(300) == statements(3)
