"""OneRoster 1.2 bundles."""

import io
import zipfile
from datetime import UTC, datetime

import pytest

from apps.accounts.models import Faculty, Student, User
from apps.accounts.writes import Writer
from apps.audit.models import Entry
from apps.common.errors import Invalid
from apps.enrollments.models import Course, Department, Enrollment, EnrollmentPeriod, Subject, Term
from apps.imports.services.apply import ImportReport
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_student
from tests.imports.support import counts, csv_file, do_import, reasons, xlsx

pytestmark = pytest.mark.django_db

BUNDLE: dict[str, list[list[str]]] = {
    "manifest": [["propertyName", "value"], ["oneroster.version", "1.2"]],
    "orgs": [
        ["sourcedId", "status", "name", "type", "identifier", "parentSourcedId"],
        ["o1", "active", "Our University", "school", "", ""],
        ["o2", "active", "Mathematics", "department", "MATH", "o1"],
    ],
    "academicSessions": [
        ["sourcedId", "status", "title", "type", "startDate", "endDate", "schoolYear"],
        ["y1", "active", "2026/27", "schoolYear", "2026-09-01", "2027-08-31", "2027"],
        ["t1", "active", "Fall", "term", "2026-09-01", "2027-01-31", "2027"],
    ],
    "courses": [
        ["sourcedId", "status", "title", "courseCode", "orgSourcedId"],
        ["c1", "active", "Linear Algebra", "MA201", "o2"],
        ["c2", "tobedeleted", "Old", "OLD1", "o2"],
    ],
    "classes": [
        ["sourcedId", "status", "title", "courseSourcedId", "classCode", "termSourcedIds"],
        ["k1", "active", "LA group 1", "c1", "MA201 G1", "t1"],
        ["k2", "active", "Lost", "c9", "X", "t1"],
        ["k3", "active", "Nobody teaches", "c1", "MA201 G2", "t1"],
    ],
    "users": [
        ["sourcedId", "status", "username", "givenName", "familyName", "identifier", "email"],
        ["u1", "active", "emmy", "Emmy", "Noether", "F900", "emmy@north.example"],
        ["u2", "active", "sofja", "Sofja", "Kowalewskaja", "S900", "sofja@north.example"],
        ["u3", "active", "carl", "Carl", "Gauß", "S901", "not an address"],
    ],
    "roles": [
        ["sourcedId", "userSourcedId", "roleType", "role"],
        ["r1", "u1", "primary", "teacher"],
        ["r2", "u2", "primary", "student"],
        ["r3", "u3", "primary", "student"],
    ],
    "enrollments": [
        ["sourcedId", "status", "classSourcedId", "userSourcedId", "role", "primary"],
        ["e1", "active", "k1", "u1", "teacher", "true"],
        ["e2", "active", "k1", "u2", "student", "false"],
        ["e3", "active", "k1", "u9", "student", "false"],
    ],
}


def zipped(files: dict[str, list[list[str]]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, rows in files.items():
            archive.writestr(f"{name}.csv", csv_file(rows))
    return buffer.getvalue()


def test_a_bundle_makes_the_campus(cast: Cast) -> None:
    report = do_import(cast, "oneroster", zipped(BUNDLE))
    assert sorted((p.sheet, p.row) for p in report.problems) == [
        ("classes", 3),
        ("enrollments", 4),
        ("users", 4),
    ]
    with campus_scope(cast.campus):
        term = Term.objects.get(name="Fall")
        assert term.academic_year == "2026-2027"
        assert Department.objects.get(code="MATH").name == "Mathematics"
        assert Subject.objects.get(code="MA201").name == "Linear Algebra"
        assert not Subject.objects.filter(code="OLD1").exists()
        course = Course.objects.get(code="MA201-G1", term=term)
        assert course.faculty == Faculty.objects.get(code="F900")
        sofja = Student.objects.get(code="S900")
        assert sofja.full_name == "Sofja Kowalewskaja"
        assert Enrollment.objects.get(student=sofja).course == course
        assert not Student.objects.filter(code="S901").exists()
        assert Course.objects.get(code="MA201-G2").faculty.code == "vacant-MA201-G2"


def test_the_same_bundle_twice_changes_nothing(cast: Cast) -> None:
    do_import(cast, "oneroster", zipped(BUNDLE))
    again = do_import(cast, "oneroster", zipped(BUNDLE))
    assert counts(again)[:2] == (0, 0)


def test_who_leaves_is_dropped_and_not_deleted(cast: Cast) -> None:
    do_import(cast, "oneroster", zipped(BUNDLE))
    left = {**BUNDLE, "enrollments": [list(row) for row in BUNDLE["enrollments"]]}
    left["enrollments"][2][1] = "tobedeleted"
    do_import(cast, "oneroster", zipped(left))
    with campus_scope(cast.campus):
        assert Enrollment.objects.get(student__code="S900").status == "dropped"


def test_people_who_leave_are_named_and_rest(cast: Cast) -> None:
    do_import(cast, "oneroster", zipped(BUNDLE))
    left = {**BUNDLE, "users": [list(row) for row in BUNDLE["users"]]}
    left["users"][2][1] = "tobedeleted"
    left["enrollments"] = BUNDLE["enrollments"][:2]
    shown = do_import(cast, "oneroster", zipped(left), dry=True)
    assert shown.result.removed_names == ["S900 Sofja Kowalewskaja"]
    office = do_import(cast, "oneroster", zipped(left), writer=Writer(cast.admin))
    assert office.result.removed == 1
    with campus_scope(cast.campus):
        assert not Student.objects.get(code="S900").is_active
        assert Faculty.objects.get(code="F900").is_active


def test_roles_of_version_1_1_and_no_passwords(cast: Cast) -> None:
    users = [[*BUNDLE["users"][0], "role", "password"], [*BUNDLE["users"][1], "teacher", "secret"]]
    report = do_import(cast, "oneroster", zipped({"users": users}))
    assert reasons(report) == []
    assert not User.objects.get(email="emmy@north.example").has_usable_password()


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", xlsx([["id"]]), zipped({"other": [["a"]]})])
def test_what_is_no_bundle(cast: Cast, data: bytes) -> None:
    with pytest.raises(Invalid):
        do_import(cast, "oneroster", data)


# --- What registrars' files bring ----------------------------------------------------------------

TODAY = datetime(2026, 11, 28, 9, tzinfo=UTC)
HEADINGS = {
    "academicSessions": "sourcedId,title,type,startDate,endDate,parentSourcedId,schoolYear",
    "courses": "sourcedId,title,courseCode",
    "classes": "sourcedId,status,title,courseSourcedId,classCode,termSourcedIds",
    "users": "sourcedId,status,enabledUser,role,username,givenName,familyName,identifier,email",
    "enrollments": "sourcedId,status,classSourcedId,userSourcedId,role,primary,beginDate,endDate",
}
PLAIN = {
    "academicSessions": ["s1,Fall A,term,2026-08-17,2026-12-18,y1,2027"],
    "courses": ["c1,Biology,BIO1"],
    "classes": ["k1,,Biology,c1,BIO-C,s1"],
    "users": [
        "u1,,true,teacher,tea,Tom,Bio,9001,tom@north.example",
        "u3,,true,student,stu,Ann,Only,8001,ann@north.example",
    ],
    "enrollments": ["e1,,k1,u1,teacher,true,,", "e3,,k1,u3,student,,,"],
}


def bundle(**files: list[str]) -> bytes:
    """The plain bundle with these files in place of its own; a version 1.1, roles in the users."""
    rows = PLAIN | files
    return zipped(
        {
            name: [[cell.replace(";", ",") for cell in line.split(",")] for line in lines]
            for name, lines in ((name, [HEADINGS[name], *rows[name]]) for name in rows)
        }
    )


def taken(cast: Cast, **files: list[str]) -> ImportReport:
    report = do_import(cast, "oneroster", bundle(**files), now=TODAY)
    assert report.problems == []
    return report


def classes(cast: Cast) -> list[tuple[str, str, str]]:
    with campus_scope(cast.campus):
        rows = Course.objects.exclude(pk__in=[cast.course.pk, cast.other_course.pk])
        named = rows.values_list("code", "term__name", "faculty__code")
        return list(named.order_by("code", "term__starts_on"))


def places(cast: Cast) -> list[tuple[str, str, str]]:
    with campus_scope(cast.campus):
        rows = Enrollment.objects.filter(student__code__in=["8001", "8002", "u3"])
        named = rows.values_list("course__code", "student__code", "status")
        return list(named.order_by("course__term__starts_on", "course__code"))


def twice(cast: Cast, **files: list[str]) -> None:
    taken(cast, **files)
    assert counts(taken(cast, **files))[:2] == (0, 0)


def test_codes_that_are_numbers_of_sections(cast: Cast) -> None:
    twice(
        cast,
        courses=["c1,Biology,BIO1", "c2,Chemistry,CHE1"],
        classes=["k1,,Biology,c1,1,s1", "k2,,Chemistry,c2,1,s1"],
        enrollments=[*PLAIN["enrollments"], "e2,,k2,u1,teacher,true,,", "e4,,k2,u3,student,,,"],
    )
    assert classes(cast) == [("BIO1-1", "Fall A", "9001"), ("CHE1-1", "Fall A", "9001")]
    # A later file has one of them alone: it is met by its id.
    taken(cast, classes=["k1,,Biology,c1,1,s1"])
    assert len(classes(cast)) == 2


def test_a_code_that_another_subject_has_here(cast: Cast) -> None:
    taken(cast, classes=["k1,,Biology,c1,1,s1"])
    taken(
        cast,
        courses=["c2,Chemistry,CHE1"],
        classes=["k2,,Chemistry,c2,1,s1"],
        enrollments=["e2,,k2,u1,teacher,true,,"],
    )
    assert classes(cast) == [("1", "Fall A", "9001"), ("CHE1-1", "Fall A", "9001")]


def test_two_classes_of_a_subject_with_one_code(cast: Cast) -> None:
    twice(
        cast,
        classes=["k1,,Biology,c1,1,s1", "k2,,Biology,c1,1,s1"],
        enrollments=[*PLAIN["enrollments"], "e2,,k2,u1,teacher,true,,"],
    )
    assert [code for code, _term, _teacher in classes(cast)] == ["BIO1-1", "BIO1-1-k2"]


def test_classes_of_a_year_and_of_two_terms(cast: Cast) -> None:
    twice(
        cast,
        academicSessions=[
            "y1,2026-27,schoolYear,2026-08-17,2027-06-10,,2027",
            "s1,Sem1,semester,2026-08-17,2026-12-18,y1,2027",
            "s2,Sem2,semester,2027-01-04,2027-06-10,y1,2027",
            "g1,Quarter,gradingPeriod,2026-08-17,2026-10-10,s1,2027",
        ],
        classes=["k1,,Year,c1,YEAR,y1", "k2,,Both,c1,BOTH,s1;s2", "k3,,Quarter,c1,QUARTER,g1"],
        enrollments=["e1,,k1,u1,teacher,true,,", "e3,,k1,u3,student,,,"],
    )
    assert [(code, term) for code, term, _teacher in classes(cast)] == [
        ("BOTH", "Sem1"),
        ("BOTH", "Sem2"),
        ("QUARTER", "Sem1"),
        ("YEAR", "Sem1"),
        ("YEAR", "Sem2"),
    ]
    assert places(cast) == [("YEAR", "8001", "enrolled"), ("YEAR", "8001", "enrolled")]


def test_somebody_is_their_id_whatever_their_number(cast: Cast) -> None:
    no_number = "u3,,true,student,ann@north.example,Ann,Only,,ann@north.example"
    twice(cast, users=[PLAIN["users"][0], no_number])
    assert places(cast) == [("BIO-C", "u3", "enrolled")]
    with campus_scope(cast.campus):
        ann = Student.objects.get(code="u3")
    report = taken(cast)
    assert "Ann Only has the number 8001 now." in report.result.notes
    with campus_scope(cast.campus):
        ann.refresh_from_db()
        assert (ann.code, Student.objects.filter(last_name="Only").count()) == ("8001", 1)
        [entry] = Entry.objects.filter(action="accounts.student.renumbered")
        assert entry.data == {"before": "u3", "after": "8001"}
    # Without a number again: still the same.
    twice(cast, users=[PLAIN["users"][0], no_number])
    assert places(cast) == [("BIO-C", "8001", "enrolled")]


def test_a_number_that_somebody_else_has(cast: Cast) -> None:
    taken(cast)
    with campus_scope(cast.campus):
        other = make_student("8002")
    users = [PLAIN["users"][0], PLAIN["users"][1].replace("8001", "8002")]
    report = do_import(cast, "oneroster", bundle(users=users), now=TODAY)
    assert reasons(report) == [(3, f"8002 is the number of {other}. This is 8001 Ann Only here.")]
    assert places(cast) == [("BIO-C", "8001", "enrolled")]


def test_who_is_gone_rests_and_is_dropped(cast: Cast) -> None:
    taken(cast)
    gone = {
        "users": [PLAIN["users"][0], PLAIN["users"][1].replace("u3,,true", "u3,tobedeleted,false")],
        "enrollments": ["e1,active,k1,u1,teacher,true,,", "e3,tobedeleted,k1,u3,student,,,"],
    }
    taken(cast, **gone)
    assert places(cast) == [("BIO-C", "8001", "dropped")]
    with campus_scope(cast.campus):
        assert not Student.objects.get(code="8001").is_active
        assert EnrollmentPeriod.objects.filter(enrollment__student__code="8001").count() == 1


def test_who_never_came_and_is_gone_is_nobody(cast: Cast) -> None:
    twice(
        cast,
        users=[PLAIN["users"][0], PLAIN["users"][1].replace("u3,,", "u3,tobedeleted,")],
        enrollments=["e1,,k1,u1,teacher,true,,", "e3,tobedeleted,k1,u3,student,,,"],
    )
    assert places(cast) == []


def test_who_may_not_sign_in_rests(cast: Cast) -> None:
    twice(cast, users=[PLAIN["users"][0], PLAIN["users"][1].replace("u3,,true", "u3,,false")])
    with campus_scope(cast.campus):
        assert not Student.objects.get(code="8001").is_active
    assert places(cast) == []
    taken(cast)  # let in again
    assert places(cast) == [("BIO-C", "8001", "enrolled")]


@pytest.mark.parametrize(
    ("rows", "status", "periods"),
    [
        (
            [
                "e3,active,k1,u3,student,,2026-08-17,2026-09-30",
                "e4,active,k1,u3,student,,2026-10-20,2026-12-18",
            ],
            "enrolled",
            ["2026-08-17 – 2026-09-30", "2026-10-20 – "],
        ),
        (
            [
                "e4,active,k1,u3,student,,2026-10-20,2026-12-18",
                "e3,tobedeleted,k1,u3,student,,2026-08-17,2026-09-30",
            ],
            "enrolled",
            ["2026-10-20 – "],
        ),
        (["e3,,k1,u3,student,,2026-08-17,2026-09-30"], "dropped", ["2026-08-17 – 2026-09-30"]),
        (["e3,,k1,u3,student,,2026-12-07,"], "enrolled", ["2026-12-07 – "]),
        (["e3,,k1,u3,student,,,2026-12-07"], "enrolled", ["2026-11-28 – "]),
    ],
    ids=["left and came back", "a deleted row beside it", "ended", "begins later", "ends later"],
)
def test_stays_in_a_class(cast: Cast, rows: list[str], status: str, periods: list[str]) -> None:
    twice(cast, enrollments=["e1,,k1,u1,teacher,true,,", *rows])
    assert places(cast) == [("BIO-C", "8001", status)]
    with campus_scope(cast.campus):
        found = EnrollmentPeriod.objects.filter(enrollment__student__code="8001")
        assert [str(period) for period in found] == periods


def test_days_that_are_none(cast: Cast) -> None:
    rows = ["e1,,k1,u1,teacher,true,,", "e3,,k1,u3,student,,soon,"]
    report = do_import(cast, "oneroster", bundle(enrollments=rows), now=TODAY)
    assert [(p.sheet, p.row, p.column) for p in report.problems] == [
        ("enrollments", 3, "beginDate")
    ]


def test_a_class_without_a_teacher_is_kept_and_named(cast: Cast) -> None:
    unstaffed = ["e3,,k1,u3,student,,,"]
    report = taken(cast, enrollments=unstaffed)
    assert "Without a teacher: BIO-C." in report.result.notes
    assert counts(taken(cast, enrollments=unstaffed))[:2] == (0, 0)
    assert classes(cast) == [("BIO-C", "Fall A", "vacant-BIO-C")]
    assert places(cast) == [("BIO-C", "8001", "enrolled")]
    taken(cast)
    assert classes(cast) == [("BIO-C", "Fall A", "9001")]
    with campus_scope(cast.campus):
        assert not Faculty.objects.get(code="vacant-BIO-C").is_active
    taken(cast, enrollments=unstaffed)  # who teaches left again
    with campus_scope(cast.campus):
        assert Faculty.objects.get(code="vacant-BIO-C").is_active


def test_codes_of_subjects_lose_what_codes_cannot_hold(cast: Cast) -> None:
    twice(cast, courses=["c1,Biology Honours,ENG 10 (H)", "c2,Another,ENG 10 H"])
    with campus_scope(cast.campus):
        found = Subject.objects.filter(code__startswith="ENG").order_by("code")
        assert [(s.code, s.name) for s in found] == [
            ("ENG-10-H", "Biology Honours"),
            ("ENG-10-H-c2", "Another"),
        ]


def test_a_zip_made_on_a_mac(cast: Cast) -> None:
    buffer = io.BytesIO(bundle())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("__MACOSX/export/._users.csv", b"\x00\x05\x16\x07\x00\x02")
        archive.writestr("._orgs.csv", b"\x00\x05\x16\x07")
    report = do_import(cast, "oneroster", buffer.getvalue(), now=TODAY)
    assert report.problems == []
    assert places(cast) == [("BIO-C", "8001", "enrolled")]
