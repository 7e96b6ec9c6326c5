"""What a file leaves open is asked: each kind, each answer, and nothing saved before."""

import io
from datetime import date
from typing import Any

import openpyxl
import pytest

from apps.accounts.models import Student
from apps.classrooms.models import Building, Classroom
from apps.common.errors import Invalid
from apps.enrollments.models import Department, Enrollment, Grade, Term
from apps.import_types.registry import IMPORT_TYPES
from apps.imports.services.apply import ImportReport
from apps.tabular_files.dates import day, days
from apps.tabular_files.fields import clock, weekday
from apps.tabular_files.questions import FileAnswers
from apps.tabular_files.times import clocks, weekdays
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from tests.factories import Cast
from tests.imports.support import counts, csv_file, do_import, reasons, xlsx

pytestmark = pytest.mark.django_db

NAMES = ["id", "name"]


@pytest.fixture
def office(cast: Cast) -> Cast:
    cast.campus.email_domains = ["north.example"]
    cast.campus.save()
    return cast


def asked(report: ImportReport) -> list[str]:
    return [question.key for question in report.answers.open]


def refused(cast: Cast, kind: str, data: Any, **answers: str) -> None:
    """Saving is refused while the file asks, and saves nothing."""
    with pytest.raises(Invalid) as caught:
        do_import(cast, kind, data, answers=answers)
    assert caught.value.code == "questions_open"


def choices(report: ImportReport, key: str) -> list[str]:
    return [choice.value for choice in report.answers.questions[key].choices]


def made(report: ImportReport, key: str, number: int = 0) -> tuple[str, ...]:
    """What the choices would make of an example."""
    return report.answers.questions[key].examples[number].becomes


# --- Encodings -----------------------------------------------------------------------------------

TURKISH = csv_file([NAMES, ["T1", "Ayşe Yıldız"]], delimiter=";", coding="cp1254")


def test_letters_that_fit_several_encodings_are_asked(office: Cast) -> None:
    report = do_import(office, "students", TURKISH, dry=True)
    assert asked(report) == ["encoding"]
    assert {"cp1252", "cp1254"} <= set(choices(report, "encoding"))
    shown = dict(zip(choices(report, "encoding"), made(report, "encoding"), strict=True))
    assert (shown["cp1252"], shown["cp1254"]) == ("T1;Ayþe Yýldýz", "T1;Ayşe Yıldız")
    assert report.answers.questions["encoding"].examples[0].row == 2
    refused(office, "students", TURKISH)
    with campus_scope(office.campus):
        assert not Student.objects.filter(code="T1").exists()
        do_import(office, "students", TURKISH, answers={"encoding": "cp1254"})
        assert Student.objects.get(code="T1").first_name == "Ayşe Yıldız"


@pytest.mark.parametrize(
    ("name", "coding"),
    [("Jörg Müller", "cp1252"), ("Jörg Müller", "cp1250"), ("José Núñez", "mac_roman")],
)
def test_letters_that_all_plausible_encodings_read_alike_are_certain(
    office: Cast, name: str, coding: str
) -> None:
    data = csv_file([NAMES, ["T1", name]], coding=coding)
    assert counts(do_import(office, "students", data)) == (1, 0, 0, 0)
    with campus_scope(office.campus):
        assert Student.objects.get(code="T1").first_name == name


@pytest.mark.parametrize(
    ("name", "coding"),
    [("محمد الأمين", "cp1256"), ("Иван Петров", "cp1251"), ("王小明", "gb18030")],
)
def test_other_scripts_are_among_the_choices(office: Cast, name: str, coding: str) -> None:
    data = csv_file([NAMES, ["T1", name]], coding=coding)
    do_import(office, "students", data, answers={"encoding": coding})
    with campus_scope(office.campus):
        assert Student.objects.get(code="T1").first_name == name


def test_utf_8_with_a_broken_letter_is_refused_with_its_row(office: Cast) -> None:
    data = csv_file([NAMES, ["T1", "Müller Jörg Weiß"], ["T2", "X"]]) + b"T3,\xff\n"
    with pytest.raises(Invalid, match="Row 4 has a character that is no UTF-8"):
        do_import(office, "students", data)


# --- Delimiters and headings ---------------------------------------------------------------------


def test_headings_decide_what_parts_the_cells(office: Cast) -> None:
    data = b"Liste, Winter\nid;name;program\nT1;Ann;B.Sc., Physics\n"
    assert counts(do_import(office, "students", data)) == (1, 0, 0, 0)
    with campus_scope(office.campus):
        assert Student.objects.get(code="T1").program == "B.Sc., Physics"


def test_a_line_that_names_the_delimiter_is_believed(office: Cast) -> None:
    report = do_import(office, "students", b"sep=;\nid;name\nT1;Ann\nT 2;Bo\n", dry=True)
    assert counts(report) == (1, 0, 0, 1)
    assert reasons(report)[0][0] == 4  # rows keep their numbers


def test_rows_that_fit_two_delimiters_are_asked() -> None:
    from apps.tabular_files.reader import read_tables

    data = b"a;1,5\nb;2,5\n"
    answers = FileAnswers()
    read_tables(data, answers)
    assert [q.key for q in answers.open] == ["delimiter"]
    (table,) = read_tables(data, FileAnswers({"delimiter": "semicolon"}))
    assert table.rows == [["a", "1,5"], ["b", "2,5"]]
    (table,) = read_tables(data, FileAnswers({"delimiter": "comma"}))
    assert table.rows == [["a;1", "5"], ["b;2", "5"]]
    with pytest.raises(Invalid, match="Its rows fit several signs"):
        read_tables(data)


def test_cells_behind_the_last_heading_are_wrong_rows(office: Cast) -> None:
    data = b"id,name,email\nT1,M\xc3\xbcller, J\xc3\xb6rg,t1@north.example\nT2,Ann,\n"
    report = do_import(office, "students", data)
    assert counts(report) == (1, 0, 0, 1)
    assert "More cells than headings" in reasons(report)[0][1]


def test_two_headings_of_one_field_are_asked(office: Cast) -> None:
    rows = [["ID", "Roll No", "Name"], ["1", "N1", "Ann"], ["2", "N2", "Bo"]]
    report = do_import(office, "students", rows, dry=True)
    assert asked(report) == ["column:code"]
    assert made(report, "column:code") == ("1", "N1")
    refused(office, "students", rows)
    do_import(office, "students", rows, answers={"column:code": "Roll No"})
    with campus_scope(office.campus):
        assert Student.objects.filter(code__in=["N1", "N2"]).count() == 2


def test_two_headings_with_the_same_cells_or_with_none_are_certain(office: Cast) -> None:
    rows = [["ID", "Roll No", "Name", "Full name"], ["1", "1", "Ann", ""], ["2", "2", "Bo", ""]]
    assert counts(do_import(office, "students", rows)) == (2, 0, 0, 0)


def test_a_heading_that_is_like_one_is_asked(office: Cast) -> None:
    rows = [["id", "name", "E-Mail adres"], ["T1", "Ann", "ann@north.example"]]
    report = do_import(office, "students", rows, dry=True)
    key = "heading:emailadres"
    assert asked(report) == [key]
    refused(office, "students", rows)
    do_import(office, "students", rows, answers={key: "email"})
    with campus_scope(office.campus):
        assert Student.objects.get(code="T1").email == "ann@north.example"
    rows[1] = ["T2", "Bo", "bo@north.example"]
    do_import(office, "students", rows, answers={key: "-"})
    with campus_scope(office.campus):
        assert Student.objects.get(code="T2").email == "t2@north.example"


def test_what_a_heading_explains_does_not_matter(office: Cast) -> None:
    data = b'Student ID;"Name, given name first"\nT1105;J\xc3\xb6rg M\xc3\xbcller\n'
    assert counts(do_import(office, "students", data)) == (1, 0, 0, 0)
    with campus_scope(office.campus):
        assert Student.objects.get(code="T1105").first_name == "Jörg Müller"


def test_what_the_mapping_says_is_not_asked(office: Cast) -> None:
    rows = [["ID", "Roll No", "Name"], ["1", "N1", "Ann"]]
    mapping = {"ID": "", "Roll No": "code", "Name": "first_name"}
    assert counts(do_import(office, "students", rows, mapping=mapping)) == (1, 0, 0, 0)


def test_numbers_of_cards_are_in_no_example(office: Cast) -> None:
    rows = [["student", "card", "uid"], [office.student.code, "04A21F77", "04A21F78"]]
    report = do_import(office, "cards", rows, dry=True)
    assert asked(report) == ["column:number"]
    assert "04A21" not in str(report.answers.as_json())


# --- Sheets --------------------------------------------------------------------------------------


def book(**sheets: list[list[Any]]) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def test_several_sheets_with_the_headings_are_asked(office: Cast) -> None:
    data = book(
        Draft=[NAMES, ["T1", "Wrong"]], Final=[NAMES, ["T1", "Right"], ["T2", "Bo"]], Notes=[["x"]]
    )
    report = do_import(office, "students", data, dry=True)
    assert (asked(report), choices(report, "sheets")) == (["sheets"], ["*", "Draft", "Final"])
    refused(office, "students", data)
    report = do_import(office, "students", data, answers={"sheets": "Final"})
    assert counts(report) == (2, 0, 0, 0)
    assert "Sheets that were not read: Draft, Notes." in report.result.notes
    both = do_import(office, "students", data, answers={"sheets": "*"}, dry=True)
    assert "Row 2 says something else" in reasons(both)[0][1]


# --- Dates ---------------------------------------------------------------------------------------


def grades(cast: Cast, *cells: str) -> list[list[Any]]:
    rows = [[cast.student.code, "CS201", 70 + n, "A", cell] for n, cell in enumerate(cells)]
    return [["student id", "subject code", "marks", "grade", "date"], *rows]


def given(cast: Cast) -> list[str]:
    with campus_scope(cast.campus):
        return sorted(str(found) for found in Grade.objects.values_list("given_on", flat=True))


def test_one_date_decides_the_order_of_all(cast: Cast) -> None:
    do_import(cast, "grades", grades(cast, "09/01/2026", "12/11/2026", "09/13/2026"))
    assert given(cast) == ["2026-09-01", "2026-09-13", "2026-12-11"]


@pytest.mark.parametrize(
    ("answer", "days_given"),
    [("day_first", ["2026-01-09", "2026-11-12"]), ("month_first", ["2026-09-01", "2026-12-11"])],
)
def test_dates_that_fit_both_orders_are_asked(
    cast: Cast, answer: str, days_given: list[str]
) -> None:
    rows = grades(cast, "09/01/2026", "12/11/2026")
    report = do_import(cast, "grades", rows, dry=True)
    assert asked(report) == ["dates:given_on"]
    assert made(report, "dates:given_on")[:2] == ("2026-01-09", "2026-09-01")
    refused(cast, "grades", rows)
    assert given(cast) == []
    do_import(cast, "grades", rows, answers={"dates:given_on": answer})
    assert given(cast) == days_given


def test_dates_that_mean_one_day_in_either_order_are_certain(cast: Cast) -> None:
    do_import(cast, "grades", grades(cast, "05/05/2026", "2026-06-01", "01.07.2026"))
    assert given(cast) == ["2026-05-05", "2026-06-01", "2026-07-01"]


def test_dates_that_contradict_each_other_are_asked_and_the_others_refused(cast: Cast) -> None:
    rows = grades(cast, "13/09/2026", "09/14/2026")
    refused(cast, "grades", rows)
    report = do_import(cast, "grades", rows, answers={"dates:given_on": "day_first"})
    assert counts(report) == (1, 0, 0, 1)
    assert given(cast) == ["2026-09-13"]
    report = do_import(cast, "grades", rows, answers={"dates:given_on": "refuse"}, dry=True)
    assert counts(report) == (0, 0, 0, 2)


def test_years_of_two_digits_are_asked(cast: Cast) -> None:
    rows = grades(cast, "01.09.26")
    report = do_import(cast, "grades", rows, dry=True)
    assert choices(report, "dates:given_on") == ["day_first", "refuse"]
    refused(cast, "grades", rows)
    do_import(cast, "grades", rows, answers={"dates:given_on": "day_first"})
    assert given(cast) == ["2026-09-01"]


def test_years_of_two_digits_may_stand_first(cast: Cast) -> None:
    rows = grades(cast, "26-09-13")
    do_import(cast, "grades", rows, answers={"dates:given_on": "year_first"})
    assert given(cast) == ["2026-09-13"]


@pytest.mark.parametrize(("answer", "found"), [("1900", "2026-09-01"), ("1904", "2030-09-02")])
def test_serial_numbers_of_days_are_asked(cast: Cast, answer: str, found: str) -> None:
    rows = grades(cast, "46266")
    refused(cast, "grades", rows)
    do_import(cast, "grades", rows, answers={"serials:given_on": answer})
    assert given(cast) == [found]


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("1. März 2026", "2026-03-01"),
        ("2 septembre 2026", "2026-09-02"),
        ("3 Eylül 2026", "2026-09-03"),
        ("4 Sep 2026", "2026-09-04"),
        ("5th September 2026", "2026-09-05"),
    ],
)
def test_names_of_months_in_any_language_are_certain(cast: Cast, cell: str, found: str) -> None:
    do_import(cast, "grades", grades(cast, cell))
    assert given(cast) == [found]


@pytest.mark.parametrize(("answer", "found"), [("en", "2026-03-01"), ("fi", "2026-11-01")])
def test_months_that_are_others_in_another_language_are_asked(
    cast: Cast, answer: str, found: str
) -> None:
    rows = grades(cast, "1 Mar 2026")
    refused(cast, "grades", rows)
    do_import(cast, "grades", rows, answers={"months:given_on": answer})
    assert given(cast) == [found]


def test_another_month_of_the_column_shows_the_language(cast: Cast) -> None:
    do_import(cast, "grades", grades(cast, "1 Mar 2026", "1 Dec 2026"))
    assert given(cast) == ["2026-03-01", "2026-12-01"]


def test_a_date_alone_is_never_guessed() -> None:
    with pytest.raises(ValueError, match="either way round"):
        day("01/09/2026")
    assert day("13/09/2026") == date(2026, 9, 13)


# --- Times and days of the week ------------------------------------------------------------------


def lessons(cast: Cast, *rows: tuple[str, str, str]) -> list[list[Any]]:
    return [["Day", "Course", "Start", "End"], *([d, cast.course.code, s, e] for d, s, e in rows)]


def week(cast: Cast) -> set[tuple[int, str, str]]:
    with campus_scope(cast.campus):
        slots = WeeklySlot.objects.all()
        return {(s.weekday, f"{s.starts_at:%H:%M}", f"{s.ends_at:%H:%M}") for s in slots}


@pytest.mark.parametrize(
    ("answer", "found"),
    [("afternoon", (1, "13:40", "14:40")), ("as_written", (1, "01:40", "02:40"))],
)
def test_early_hours_are_asked(cast: Cast, answer: str, found: tuple[int, str, str]) -> None:
    rows = lessons(cast, ("Mon", "8:30", "9:30"), ("Mon", "1:40", "2:40"))
    report = do_import(cast, "schedules", rows, dry=True)
    assert asked(report) == ["clock:times"]
    refused(cast, "schedules", rows)
    do_import(cast, "schedules", rows, answers={"clock:times": answer})
    assert week(cast) == {(1, "08:30", "09:30"), found}


def test_hours_after_noon_show_that_the_day_has_24(cast: Cast) -> None:
    rows = lessons(cast, ("Mon", "5:30", "6:30"), ("Mon", "13:40", "14:40"))
    do_import(cast, "schedules", rows)
    assert (1, "05:30", "06:30") in week(cast)


def test_9_5_stays_a_wrong_row(cast: Cast) -> None:
    report = do_import(cast, "schedules", lessons(cast, ("Mon", "9:5", "10:00")))
    assert reasons(report) == [(2, "Not a time, like 08:30.")]


@pytest.mark.parametrize(("answer", "found"), [("monday_1", {1, 7}), ("sunday_1", {6, 7})])
def test_numbers_of_days_are_asked(cast: Cast, answer: str, found: set[int]) -> None:
    rows = lessons(cast, ("1", "8:30", "9:30"), ("7", "8:30", "9:30"))
    refused(cast, "schedules", rows)
    do_import(cast, "schedules", rows, answers={"first_weekday:weekday": answer})
    assert {day for day, _start, _end in week(cast)} == found


@pytest.mark.parametrize(("answer", "found"), [("sunday_0", 7), ("monday_0", 1)])
def test_days_counted_from_zero(cast: Cast, answer: str, found: int) -> None:
    rows = lessons(cast, ("0", "8:30", "9:30"))
    do_import(cast, "schedules", rows, answers={"first_weekday:weekday": answer})
    assert {day for day, _start, _end in week(cast)} == {found}


def test_days_in_another_language_are_certain_where_they_fit_one(cast: Cast) -> None:
    rows = lessons(cast, ("Dienstag", "8:30", "9:30"), ("Mi", "8:30", "9:30"))
    do_import(cast, "schedules", rows)
    assert {day for day, _start, _end in week(cast)} == {2, 3}


def test_days_that_mean_others_in_another_language_are_asked(cast: Cast) -> None:
    rows = lessons(cast, ("Paz", "8:30", "9:30"), ("So", "8:30", "9:30"))
    report = do_import(cast, "schedules", rows[:1] + rows[2:], dry=True)
    assert asked(report) == ["weekdays:weekday"]
    shown = dict(
        zip(choices(report, "weekdays:weekday"), made(report, "weekdays:weekday"), strict=True)
    )
    assert (shown["de"], shown["pl"]) == ("Sunday", "Saturday")
    refused(cast, "schedules", rows[:1] + rows[2:])
    do_import(cast, "schedules", rows[:1] + rows[2:], answers={"weekdays:weekday": "pl"})
    assert {day for day, _start, _end in week(cast)} == {6}


# --- Numbers -------------------------------------------------------------------------------------


def rooms(*cells: str) -> bytes:
    rows = [["North wing", str(n), cell] for n, cell in enumerate(cells)]
    return csv_file([["Building", "Room", "Radius"], *rows], delimiter=";")


def radii(cast: Cast) -> list[str]:
    with campus_scope(cast.campus):
        found = Classroom.objects.filter(building__name="North wing").order_by("room_number")
        return [f"{room.geofence_radius.normalize():f}" for room in found]


@pytest.mark.parametrize(
    ("answer", "found"), [("point", ["1230", "50"]), ("comma", ["1.23", "50"])]
)
def test_a_comma_that_may_part_thousands_is_asked(
    cast: Cast, answer: str, found: list[str]
) -> None:
    data = rooms("1,230", "50")
    report = do_import(cast, "classrooms", data, dry=True)
    assert asked(report) == ["decimals:geofence_radius"]
    assert made(report, "decimals:geofence_radius") == ("1230", "1.230")
    refused(cast, "classrooms", data)
    do_import(cast, "classrooms", data, answers={"decimals:geofence_radius": answer})
    assert radii(cast) == found


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (("1,230", "35,5"), ["1.23", "35.5"]),
        (("1.230", "35,5"), ["1230", "35.5"]),
        (("1.230,5", "1.230"), ["1230.5", "1230"]),
    ],
)
def test_another_number_of_the_column_decides(
    cast: Cast, cells: tuple[str, ...], found: list[str]
) -> None:
    do_import(cast, "classrooms", rooms(*cells))
    assert radii(cast) == found


def test_a_degree_has_no_thousands(cast: Cast) -> None:
    data = csv_file(
        [["Building", "Room", "Lat", "Lon"], ["B", "1", "52,516", "13,377"]], delimiter=";"
    )
    assert counts(do_import(cast, "classrooms", data)) == (1, 0, 0, 0)


def test_numbers_that_a_spreadsheet_has_shortened_are_wrong_rows(office: Cast) -> None:
    report = do_import(office, "students", [NAMES, ["2.10595E+11", "Ann"], ["2,1E5", "Bo"]])
    assert counts(report) == (0, 0, 0, 2)
    assert {reason for _row, reason in reasons(report)} == {
        "A spreadsheet has shortened this number. Type it anew, as text."
    }


def test_zeros_that_a_format_shows_are_part_of_the_number(office: Cast) -> None:
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    sheet.append(NAMES)
    sheet.append([12345, "Ann"])
    sheet.append([77, "Bo"])
    sheet["A2"].number_format = "0000000"
    sheet["A3"].number_format = '"N"0000'
    buffer = io.BytesIO()
    workbook.save(buffer)
    report = do_import(office, "students", buffer.getvalue())
    assert report.result.notes == [
        "Numbers that were taken with the zeros that the spreadsheet shows: 2."
    ]
    with campus_scope(office.campus):
        assert Student.objects.filter(code__in=["0012345", "N0077"]).count() == 2


def test_what_cannot_be_seen_around_a_cell_is_removed_and_said(office: Cast) -> None:
    rows = [NAMES, ["\u200fT1\u200b", "Ann"], ["T2\u00a0", "Bo"]]
    for data in (csv_file(rows), xlsx(rows)):
        report = do_import(office, "students", data)
        assert report.wrong_rows == 0
        assert any("invisible characters" in note for note in report.result.notes)
    with campus_scope(office.campus):
        assert Student.objects.filter(code__in=["T1", "T2"]).count() == 2


# --- Names ---------------------------------------------------------------------------------------


def test_names_with_a_comma_are_asked(office: Cast) -> None:
    rows = [NAMES, ["T1", "Nwosu, Amara"], ["T2", "Bo Lee"]]
    report = do_import(office, "students", rows, dry=True)
    assert asked(report) == ["names:first_name"]
    refused(office, "students", rows)
    do_import(office, "students", rows, answers={"names:first_name": "family_first"})
    with campus_scope(office.campus):
        assert [str(s) for s in Student.objects.filter(code__in=["T1", "T2"]).order_by("code")] == [
            "Amara Nwosu",
            "Bo Lee",
        ]
        assert Student.objects.get(code="T1").last_name == "Nwosu"
    rows = [NAMES, ["T3", "Nwosu, Amara"]]
    do_import(office, "students", rows, answers={"names:first_name": "as_written"})
    with campus_scope(office.campus):
        assert str(Student.objects.get(code="T3")) == "Nwosu, Amara"


def test_names_without_a_comma_are_taken_as_they_stand(office: Cast) -> None:
    assert counts(do_import(office, "students", [NAMES, ["T1", "Nwosu Amara"]])) == (1, 0, 0, 0)


# --- Codes and terms of the campus ---------------------------------------------------------------


def test_numbers_that_lost_their_zeros_are_asked(office: Cast) -> None:
    do_import(office, "students", [NAMES, ["0012345", "Ann"], ["0012346", "Bo"]])
    rows = [NAMES, ["12345", "Anna"], ["0012346", "Bo"]]
    report = do_import(office, "students", rows, dry=True)
    assert asked(report) == ["codes:code"]
    assert made(report, "codes:code") == ("0012345", "12345, new")
    refused(office, "students", rows)
    again = do_import(office, "students", rows, answers={"codes:code": "existing"})
    assert counts(again) == (0, 1, 1, 0)
    other = do_import(office, "students", rows, answers={"codes:code": "as_written"}, dry=True)
    assert counts(other)[0] == 1


def test_two_numbers_of_one_file_are_two_people(office: Cast) -> None:
    do_import(office, "students", [NAMES, ["0012345", "Ann"]])
    report = do_import(office, "students", [NAMES, ["12345", "Bo"], ["0012345", "Ann"]])
    assert counts(report) == (1, 0, 1, 0)


def test_a_department_that_is_almost_one_is_asked(office: Cast) -> None:
    rows = [["id", "name", "department", "year", "section"], ["T1", "Ann", "C.S.E.", 2, "A"]]
    refused(office, "students", rows)
    with campus_scope(office.campus):
        assert not Department.objects.filter(code="C.S.E.").exists()
        do_import(office, "students", rows, answers={"codes:department": "existing"})
        assert not Department.objects.filter(code="C.S.E.").exists()
        do_import(
            office,
            "students",
            [rows[0], ["T2", "Bo", "C.S.E.", 2, "A"]],
            answers={"codes:department": "as_written"},
        )
        assert Department.objects.filter(code="C.S.E.").exists()


def test_codes_of_courses_and_buildings_that_are_almost_there_are_asked(cast: Cast) -> None:
    with campus_scope(cast.campus):
        building = Building.objects.create(name="North wing")
    almost = cast.course.code.replace("-", ".")
    assert almost != cast.course.code
    rows = [["Student ID", "Course code"], [cast.stranger.code, almost]]
    refused(cast, "enrollments", rows)
    do_import(cast, "enrollments", rows, answers={"codes:course": "existing"})
    report = do_import(cast, "enrollments", rows, answers={"codes:course": "as_written"})
    assert counts(report) == (0, 0, 0, 1)
    rows = [["Building", "Room"], ["North-Wing", "1"]]
    refused(cast, "classrooms", rows)
    do_import(cast, "classrooms", rows, answers={"codes:building": "existing"})
    with campus_scope(cast.campus):
        assert Enrollment.objects.filter(student=cast.stranger, course=cast.course).exists()
        assert Classroom.objects.filter(building=building, room_number="1").exists()


def test_a_term_is_asked_where_two_are_running(cast: Cast) -> None:
    with campus_scope(cast.campus):
        other = Term.objects.create(
            name="Block", academic_year="2026-2027", starts_on="2026-09-01", ends_on="2026-10-01"
        )
    rows = [["Student ID", "Course code"], [cast.stranger.code, cast.course.code]]
    refused(cast, "enrollments", rows)
    report = do_import(cast, "enrollments", rows, answers={"term": str(other.pk)}, dry=True)
    assert counts(report) == (0, 0, 0, 1)  # no such course in that term
    report = do_import(cast, "enrollments", rows, answers={"term": str(cast.course.term_id)})
    assert counts(report) == (1, 0, 0, 0)
    assert not asked(do_import(cast, "enrollments", rows, dry=True, term=other.pk))


# --- For whoever adds a column -------------------------------------------------------------------


def test_every_column_that_single_cells_leave_open_is_read_as_a_whole() -> None:
    whole = {day: days, clock: clocks, weekday: weekdays}
    for kind in IMPORT_TYPES.values():
        for field in kind.fields:
            if field.parse in whole:
                assert field.column is whole[field.parse], (kind.name, field.name)
            if "decimal" in field.parse.__qualname__:
                assert field.column is not None, (kind.name, field.name)


def test_no_two_fields_of_a_type_have_one_heading() -> None:
    from apps.tabular_files.fields import normal

    for kind in IMPORT_TYPES.values():
        spelled = [
            {normal(text) for text in (field.name, str(field.label), *field.headings)}
            for field in kind.fields
        ]
        for number, own in enumerate(spelled):
            for other in spelled[number + 1 :]:
                assert not own & other, (kind.name, own & other)
