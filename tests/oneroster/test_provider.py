"""Our roster for others by OneRoster 1.2: lists, filters, pages, and what has ended."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from requests.utils import parse_header_links

from apps.accounts.models import Faculty, Student
from apps.accounts.services import profile_deactivate
from apps.attendance.models import AttendanceRecord
from apps.audit.services import SYSTEM
from apps.enrollments.models import Course, Enrollment, SourcedId, Term
from apps.enrollments.services import sourced_ids_keep
from apps.oneroster.models import OneRosterConnection
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_course, make_session, make_student
from tests.oneroster.reader import GRADES, ROSTER, Reader
from tests.oneroster.service import OneRosterService
from tests.oneroster.support import connect, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(cast: Cast) -> Reader:
    return Reader(cast).signed_in("roster.readonly", "gradebook.readonly")


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["sourcedId"] for row in rows]


def codes(rows: list[dict[str, Any]]) -> set[str]:
    return {row["identifier"] for row in rows}


def test_a_student_is_described_as_the_standard_says(reader: Reader, cast: Cast) -> None:
    [found] = reader.rows("students", filter="identifier='STUD'")
    school = f"campus-{cast.campus.pk}"
    org = found["roles"][0].pop("org")
    assert found == {
        "sourcedId": str(cast.student.uuid),
        "status": "active",
        "dateLastModified": found["dateLastModified"],
        "username": "STUD",
        "enabledUser": "true",
        "givenName": cast.student.first_name,
        "familyName": cast.student.last_name,
        "identifier": "STUD",
        "email": cast.student.email,
        "roles": [{"roleType": "primary", "role": "student"}],
    }
    href = f"http://{cast.host}{ROSTER}/orgs/{school}"
    assert org == {"href": href, "sourcedId": school, "type": "org"}
    assert found["dateLastModified"].endswith("Z")


def test_a_class_leads_to_its_course_term_and_school(reader: Reader, cast: Cast) -> None:
    path = f"classes/class-{cast.course.pk}"
    found = reader.get(path).json()["class"]
    assert (found["classCode"], found["title"], found["classType"]) == (
        *(cast.course.code, "Algorithms"),
        "scheduled",
    )
    assert found["course"]["sourcedId"] == f"course-{cast.course.subject_id}"
    assert ids(found["terms"]) == [f"term-{cast.course.term_id}"]
    assert found["school"]["type"] == "org"
    for leads in (found["course"], *found["terms"], found["school"]):
        path = leads["href"].removeprefix(f"http://{cast.host}")
        assert reader.get(path).status_code == 200, path


def test_every_list_is_answered_and_its_objects_are_found_by_their_ids(
    reader: Reader, cast: Cast
) -> None:
    counts = {}
    for name in (
        *("orgs", "schools", "academicSessions", "terms", "gradingPeriods", "courses"),
        *("classes", "users", "students", "teachers", "enrollments"),
    ):
        rows = reader.rows(name)
        counts[name] = len(rows)
        for row in rows:
            [found] = reader.get(f"{name}/{row['sourcedId']}").json().values()
            assert found == row
    assert counts == {
        "orgs": 2, "schools": 1, "academicSessions": 1, "terms": 1, "gradingPeriods": 0,
        "courses": 2, "classes": 2, "users": 6, "students": 4, "teachers": 2, "enrollments": 5,
    }  # fmt: skip


def test_lists_of_one_object(reader: Reader, cast: Cast) -> None:
    course, term = f"class-{cast.course.pk}", f"term-{cast.course.term_id}"
    school, subject = f"campus-{cast.campus.pk}", f"course-{cast.course.subject_id}"
    student, teacher = cast.student.uuid, cast.lecturer.uuid
    assert codes(reader.rows(f"classes/{course}/students")) == {"REPR", "STUD", "MATE"}
    assert codes(reader.rows(f"classes/{course}/teachers")) == {"LECT"}
    assert ids(reader.rows(f"students/{student}/classes")) == [course]
    assert ids(reader.rows(f"users/{student}/classes")) == [course]
    assert ids(reader.rows(f"teachers/{teacher}/classes")) == [course]
    assert ids(reader.rows(f"users/{teacher}/classes")) == [course]
    assert ids(reader.rows(f"courses/{subject}/classes")) == [course]
    assert len(reader.rows(f"terms/{term}/classes")) == 2
    assert reader.rows(f"terms/{term}/gradingPeriods") == []
    for name, number in (
        *(("classes", 2), ("courses", 2), ("enrollments", 5)),
        *(("students", 4), ("teachers", 2), ("terms", 1)),
    ):
        assert len(reader.rows(f"schools/{school}/{name}")) == number, name
    inner = f"schools/{school}/classes/{course}"
    assert codes(reader.rows(f"{inner}/students")) == {"REPR", "STUD", "MATE"}
    assert codes(reader.rows(f"{inner}/teachers")) == {"LECT"}
    assert len(reader.rows(f"{inner}/enrollments")) == 4


def test_who_dropped_a_class_is_none_of_its_students(reader: Reader, cast: Cast) -> None:
    with campus_scope(cast.campus):
        place = Enrollment.objects.get(student=cast.classmate)
        place.status, place.ended_on = "dropped", date(2026, 9, 20)
        place.save()
    course = f"class-{cast.course.pk}"
    assert codes(reader.rows(f"classes/{course}/students")) == {"REPR", "STUD"}
    assert reader.rows(f"students/{cast.classmate.uuid}/classes") == []
    found = reader.get(f"enrollments/enrolment-{place.pk}").json()["enrollment"]
    assert (found["status"], found["endDate"]) == ("tobedeleted", "2026-09-20")


def test_what_has_ended_comes_as_a_change(reader: Reader, cast: Cast) -> None:
    rows = reader.rows("users") + reader.rows("enrollments")
    newest = max(row["dateLastModified"] for row in rows)
    later = {"filter": f"dateLastModified>'{newest[:-1]}999Z'"}
    assert reader.rows("users", **later) == []
    with campus_scope(cast.campus):
        Student.objects.filter(code="MATE").update(is_active=False)
        make_student("NEWC")
    assert {row["identifier"]: row["status"] for row in reader.rows("users", **later)} == {
        "MATE": "tobedeleted",
        "NEWC": "active",
    }
    # The enrolment goes with the student, also for who asks for changes of enrolments alone.
    [gone] = reader.rows("enrollments", **later)
    assert (gone["status"], gone["user"]["sourcedId"]) == ("tobedeleted", str(cast.classmate.uuid))


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("identifier='STUD'", {"STUD"}),
        ("identifier!='STUD'", {"REPR", "MATE", "STRA"}),
        ("identifier~'t'", {"STUD", "STRA", "MATE"}),
        ("identifier>='STRA'", {"STRA", "STUD"}),
        ("identifier>'STRA'", {"STUD"}),
        ("identifier<'REPR'", {"MATE"}),
        ("identifier<='REPR'", {"MATE", "REPR"}),
        ("identifier='STUD' OR identifier='MATE'", {"STUD", "MATE"}),
        ("status='active' AND identifier~'RE'", {"REPR"}),
        ("identifier='MATE' OR identifier~'T' AND identifier~'U'", {"MATE", "STUD"}),
        ("roles.role='student'", {"STUD", "REPR", "MATE", "STRA"}),
        ("roles.role='teacher'", set()),
        ("familyName='O''Brien'", set()),
        (" identifier = 'STUD' ", {"STUD"}),
    ],
)
def test_filters(reader: Reader, filter: str, expected: set[str]) -> None:
    assert codes(reader.rows("students", filter=filter)) == expected


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"filter": "password='x'"}, "invalid_filter_field"),
        ({"filter": "identifier=x"}, "invalid_filter_field"),
        ({"filter": "identifier='x' AND"}, "invalid_filter_field"),
        ({"filter": "identifier='x' XOR identifier='y'"}, "invalid_filter_field"),
        ({"filter": "identifier='x"}, "invalid_filter_field"),
        ({"filter": "dateLastModified>='yesterday'"}, "invalid_filter_field"),
        ({"filter": "dateLastModified~'2026'"}, "invalid_filter_field"),
        ({"filter": " OR ".join(["identifier='x'"] * 11)}, "invalid_filter_field"),
        ({"filter": "identifier='" + "x" * 2000 + "'"}, "invalid_filter_field"),
        ({"fields": "sourcedId,password"}, "invalid_selection_field"),
        ({"sort": "password"}, "invaliddata"),
        ({"orderBy": "upwards"}, "invaliddata"),
        ({"limit": "0"}, "invaliddata"),
        ({"limit": "many"}, "invaliddata"),
        ({"offset": "-1"}, "invaliddata"),
        ({"offset": "9" * 30}, "invaliddata"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_the_standards_shape(
    reader: Reader, query: dict[str, str], code: str
) -> None:
    assert reader.refused("students", 400, **query) == code


def test_days_and_references_can_be_filtered_by(reader: Reader, cast: Cast) -> None:
    assert len(reader.rows("terms", filter="startDate<='2026-09-01'")) == 1
    assert reader.rows("terms", filter="endDate<'2027-01-31'") == []
    course = f"class-{cast.course.pk}"
    assert len(reader.rows("enrollments", filter=f"class.sourcedId='{course}'")) == 4
    both = f"class.sourcedId='{course}' AND role='teacher'"
    [found] = reader.rows("enrollments", filter=both)
    assert found["user"]["sourcedId"] == str(cast.lecturer.uuid)


def test_only_the_fields_that_are_asked_for(reader: Reader) -> None:
    for row in reader.rows("users", fields="sourcedId, roles"):
        assert set(row) == {"sourcedId", "roles"}
    [person] = reader.get(f"users/{ids(reader.rows('users'))[0]}", fields="roles").json().values()
    assert set(person) == {"roles"}
    assert reader.refused("users", 400, fields="role") == "invalid_selection_field"


def test_pages_follow_each_other_by_links(reader: Reader, cast: Cast) -> None:
    query: dict[str, Any] = {"limit": 4, "sort": "identifier", "orderBy": "desc"}
    answer = reader.get("users", **query)
    assert answer["X-Total-Count"] == "6"
    seen = codes_in_order = [row["identifier"] for row in answer.json()["users"]]
    links = {one["rel"]: one["url"] for one in parse_header_links(answer["Link"])}
    assert set(links) == {"first", "last", "next"}
    assert links["next"].startswith(f"http://{cast.host}{ROSTER}/users?")
    answer = reader.client.get(links["next"], headers={"Authorization": f"Bearer {reader.token}"})
    seen = seen + [row["identifier"] for row in answer.json()["users"]]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 6
    links = {one["rel"]: one["url"] for one in parse_header_links(answer["Link"])}
    assert set(links) == {"first", "last", "prev"}
    assert codes_in_order == [row["identifier"] for row in reader.rows("users", **query)]
    assert reader.rows("users", offset=6) == []


def test_a_page_costs_the_same_however_long_the_list_is(reader: Reader, cast: Cast) -> None:
    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert reader.rows(path, sort="sourcedId", filter="status='active'")
        return len(captured)

    paths = [
        *("users", "enrollments", "classes", "courses"),
        *(f"classes/class-{cast.course.pk}/students", f"{GRADES}/lineItems"),
    ]
    statements("users")  # the campus of the host is remembered from now on
    before = {path: statements(path) for path in paths}
    with campus_scope(cast.campus):
        for number in range(30):
            course = make_course(faculty=cast.lecturer, code=f"X{number}-A")
            enroll(make_student(f"N{number}"), course)
            enroll(Student.objects.get(code=f"N{number}"), cast.course)
    assert {path: statements(path) for path in paths} == before
    assert max(before.values()) <= 12, before


def test_nothing_of_another_campus_is_seen(reader: Reader, cast: Cast, other_cast: Cast) -> None:
    with campus_scope(other_cast.campus):
        course, student = other_cast.course.pk, other_cast.student.uuid
    for path in (
        *(f"classes/class-{course}", f"users/{student}", f"students/{student}/classes"),
        *(f"classes/class-{course}/students", f"orgs/campus-{other_cast.campus.pk}"),
        f"{GRADES}/lineItems/attendance-{course}",
    ):
        assert reader.refused(path, 404) == "unknownobject"
    with campus_scope(cast.campus):
        assert len(reader.rows("classes")) == Course.objects.count()
    # Its token is worth nothing there.
    reader.client.defaults["HTTP_HOST"] = other_cast.host
    elsewhere = reader.client.get(
        f"{ROSTER}/users",
        headers={"Authorization": f"Bearer {reader.token}", "host": other_cast.host},
    )
    assert elsewhere.status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        *("demographics", "nothing", "users/x", "users/x/y", "classes/class-1x"),
        *("classes/class-99999999999999999999", "schools/x/classes/y/students"),
        *("/ims/oneroster/resources/v1p2/resources", f"{GRADES}/grades", f"{GRADES}/results/x"),
        *("terms/x/students", f"users/{'9' * 300}"),
    ],
)
def test_what_is_not_there_is_an_unknown_object(reader: Reader, path: str) -> None:
    assert reader.refused(path, 404) == "unknownobject"


def test_nothing_can_be_written(reader: Reader) -> None:
    headers = {"Authorization": f"Bearer {reader.token}"}
    for method in ("post", "put", "delete", "patch"):
        answer = getattr(reader.client, method)(f"{ROSTER}/users", headers=headers)
        assert answer.status_code == 405
        assert answer["Allow"] == "GET, HEAD"


def test_ids_that_a_service_gave_are_used_everywhere(reader: Reader, cast: Cast) -> None:
    with campus_scope(cast.campus):
        sourced_ids_keep(
            given={
                "student": {cast.student.pk: "sis/7"},
                "faculty": {cast.lecturer.pk: "t-7"},
                "course": {cast.course.pk: "k-7", cast.other_course.pk: "class-1"},
                "subject": {cast.course.subject_id: "k-7"},
                "term": {cast.course.term_id: "t1"},
            }
        )
        sourced_ids_keep(given={"student": {cast.student.pk: "other"}})
        kept = set(SourcedId.objects.values_list("sourced_id", flat=True))
    # What looks like an id of our own is not taken, the first one stays.
    assert kept == {"sis/7", "t-7", "k-7", "t1"}
    assert ids(reader.rows("classes/k-7/teachers")) == ["t-7"]
    assert "sis/7" in ids(reader.rows("classes/k-7/students"))
    found = reader.get("classes/k-7").json()["class"]
    assert found["course"]["sourcedId"] == "k-7"
    assert ids(found["terms"]) == ["t1"]
    assert reader.refused(f"classes/class-{cast.course.pk}", 404) == "unknownobject"
    assert ids(reader.rows("students", filter="sourcedId='sis/7'")) == ["sis/7"]
    assert len(reader.rows("students", filter="sourcedId!='sis/7'")) == 3


def test_attendance_comes_as_results(reader: Reader, cast: Cast) -> None:
    with campus_scope(cast.campus):
        session = make_session(cast.course)
        for student, status in ((cast.student, "present"), (cast.classmate, "absent")):
            AttendanceRecord.objects.create(
                session=session, student=student, status=status, source="manual",
                recorded_at=session.starts_at,
            )  # fmt: skip
    item = f"attendance-{cast.course.pk}"
    [found] = reader.rows(f"{GRADES}/classes/class-{cast.course.pk}/lineItems")
    assert (found["sourcedId"], found["resultValueMin"], found["resultValueMax"]) == (item, 0, 100)
    assert found["category"]["sourcedId"] == "attendance"
    assert found["assignDate"] == "2026-09-01T00:00:00.000Z"
    results = reader.rows(f"{GRADES}/lineItems/{item}/results")
    scores = {one["student"]["sourcedId"]: one["score"] for one in results}
    assert scores == {str(cast.student.uuid): 100.0, str(cast.classmate.uuid): 0.0}
    assert {one["scoreStatus"] for one in results} == {"partially graded"}
    inner = f"{GRADES}/classes/class-{cast.course.pk}"
    [own] = reader.rows(f"{inner}/students/{cast.student.uuid}/results")
    assert own["score"] == 100.0
    assert len(reader.rows(f"{inner}/lineItems/{item}/results")) == 2
    assert len(reader.rows(f"{inner}/results")) == 2
    assert len(reader.rows(f"{GRADES}/results", filter="score<'50'")) == 1
    assert ids(reader.rows(f"{GRADES}/categories")) == ["attendance"]
    assert reader.rows(f"{GRADES}/scoreScales") == []
    [one] = reader.get(f"{GRADES}/results/{own['sourcedId']}").json().values()
    assert one == own


def test_a_result_that_counts_nothing_has_no_score(reader: Reader, cast: Cast) -> None:
    with campus_scope(cast.campus):
        session = make_session(cast.course)
        AttendanceRecord.objects.create(
            session=session, student=cast.student, status="excused", source="manual",
            recorded_at=session.starts_at,
        )  # fmt: skip
    [found] = reader.rows(f"{GRADES}/results")
    assert "score" not in found
    assert found["scoreStatus"] == "exempt"


def test_a_result_changes_when_the_term_is_archived(reader: Reader, cast: Cast) -> None:
    with campus_scope(cast.campus):
        session = make_session(cast.course)
        AttendanceRecord.objects.create(
            session=session, student=cast.student, status="present", source="manual",
            recorded_at=session.starts_at,
        )  # fmt: skip
        [before] = reader.rows(f"{GRADES}/results")
        Term.objects.update(archived_at=session.starts_at + timedelta(days=200))
    later = f"dateLastModified>'{before['dateLastModified'][:-1]}999Z'"
    [found] = reader.rows(f"{GRADES}/results", filter=later)
    assert found["scoreStatus"] == "fully graded"


def test_who_is_closed_by_the_office_is_to_be_deleted(reader: Reader, cast: Cast) -> None:
    with campus_scope(cast.campus):
        lecturer = Faculty.objects.get(pk=cast.outsider.pk)
        now = lecturer.created_at + timedelta(days=1)
        profile_deactivate(person=lecturer, now=now, actor=SYSTEM)
    found = reader.get(f"teachers/{lecturer.uuid}").json()["user"]
    assert (found["status"], found["enabledUser"]) == ("tobedeleted", "false")
    [teaches] = reader.rows("enrollments", filter=f"user.sourcedId='{lecturer.uuid}'")
    assert teaches["status"] == "tobedeleted"


def test_ids_of_a_service_outlive_what_it_says(in_campus: Cast, sis: OneRosterService) -> None:
    """Who reads our roster knows people by them, whatever the service forgets."""
    connect(in_campus, sis, share=100)
    read(in_campus)
    reader = Reader(in_campus).signed_in()
    assert ids(reader.rows("classes", filter="classCode='MA201-G1'")) == ["k1"]
    assert ids(reader.rows("classes/k1/teachers")) == ["u1"]
    assert ids(reader.rows("classes/k1/students", sort="sourcedId")) == ["s0", "s1", "s2", "s3"]
    assert "t1" in ids(reader.rows("terms"))
    assert "c1" in ids(reader.rows("courses"))
    sis.change("users", "s0", status="tobedeleted")
    sis.delete("users", "s1")
    sis.delete("enrollments", "e1")
    read(in_campus, full=True)
    gone = {row["sourcedId"]: row["status"] for row in reader.rows("students", sort="sourcedId")}
    assert (gone["s0"], gone["s1"], gone["s2"]) == ("tobedeleted", "tobedeleted", "active")
    OneRosterConnection.objects.all().delete()
    assert ids(reader.rows("classes/k1/students", sort="sourcedId")) == ["s2", "s3"]
