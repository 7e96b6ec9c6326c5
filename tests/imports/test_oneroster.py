"""OneRoster 1.2 bundles."""

import io
import zipfile

import pytest

from apps.accounts.models import Faculty, Student, User
from apps.accounts.writes import Writer
from apps.common.errors import Invalid
from apps.enrollments.models import Course, Department, Enrollment, Subject, Term
from apps.tenants.scope import campus_scope
from tests.factories import Cast
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
        ("classes", 4),
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
