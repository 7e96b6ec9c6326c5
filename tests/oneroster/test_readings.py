"""What a reading brings, changes, leaves alone, and lets wait."""

from datetime import timedelta

import pytest

from apps.accounts.models import Faculty, Student
from apps.accounts.services.profiles import profile_deactivate
from apps.accounts.writes import Writer
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.enrollments.models import Course, Department, Enrollment, Subject, Term
from apps.jobs.models import Job
from apps.notifications.models import Delivery
from apps.oneroster.models import OneRosterConnection, OneRosterRow, OneRosterRun
from apps.oneroster.services import nightly_start
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.imports.support import NOW
from tests.oneroster.service import OneRosterService, enrolment, user
from tests.oneroster.support import connect, numbers, read, status

pytestmark = pytest.mark.django_db


def test_a_dry_run_says_what_a_reading_then_saves(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    looked = read(cast, commit=False)
    assert looked.status == "checked"
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="S900").exists()
        assert not OneRosterRow.objects.exists()
    saved = read(cast)
    assert (saved.status, numbers(saved)) == ("saved", numbers(looked))
    assert numbers(saved)[1:] == (0, 0, 0)
    with campus_scope(cast.campus):
        term = Term.objects.get(name="Fall", academic_year="2026-2027")
        assert Department.objects.filter(code="MATH").exists()
        assert Subject.objects.get(code="MA201").name == "Linear Algebra"
        course = Course.objects.get(code="MA201-G1", term=term)
        assert course.faculty == Faculty.objects.get(code="F900")
        assert Enrollment.objects.filter(course=course, status="enrolled").count() == 4
        # Guardians and the other school's people are left out.
        assert not Student.objects.filter(code__in=["G1", "X1"]).exists()
        taken = Student.objects.get(code="S900")
        assert OneRosterRow.objects.get(student=taken).sourced_id == "s0"
        written = str(list(OneRosterRow.objects.values_list("values", flat=True)))
        assert "Sofja" not in written
        assert "@" not in written


def test_read_again_it_asks_for_changes_and_changes_nothing(
    cast: Cast, sis: OneRosterService
) -> None:
    connect(cast, sis)
    read(cast)
    sis.clock = 20  # later than the overlap
    sis.change("users", "s1", email="new@north.example")
    read(cast)
    sis.asked.clear()
    again = read(cast)
    assert numbers(again) == (0, 0, 0, 0)
    [asked] = [path for path in sis.asked if "/users?" in path]
    assert "dateLastModified%3E%3D%272026-09-02T17%3A00%3A00.000Z%27" in asked
    whole = read(cast, full=True)
    assert numbers(whole) == (0, 0, 0, 0)
    assert sum("/users?" in path for path in sis.asked) == 4


def test_a_change_there_changes_that_here_and_nothing_else(
    cast: Cast, sis: OneRosterService
) -> None:
    connect(cast, sis, share=50)
    read(cast)
    with campus_scope(cast.campus):
        Student.objects.filter(code="S901").update(first_name="By Hand")
    sis.clock = 20
    sis.change("users", "s1", email="other@north.example")
    sis.change("users", "u2", **user("u2", "F901", "Ada Lovelace", "teacher"))
    sis.change("enrollments", "e", user={"sourcedId": "u2"})
    sis.change("users", "s4", **user("s4", "S904", "New Comer", "student"))
    sis.change("enrollments", "e4", **enrolment("e4", "k1", "s4", "student"))
    sis.change("enrollments", "e3", status="tobedeleted")
    changed = read(cast)
    assert not changed.is_full
    assert changed.problems == []
    assert status(cast, "S904") == "enrolled"
    assert status(cast, "S903") == "dropped"
    with campus_scope(cast.campus):
        assert Student.objects.get(code="S901").first_name == "By Hand"
        assert Student.objects.get(code="S903").is_active
        assert Course.objects.get(code="MA201-G1").faculty.code == "F901"


def test_what_a_person_decided_is_kept_and_said(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    read(cast)
    with campus_scope(cast.campus):
        for enrolled in Enrollment.objects.filter(student__code="S902"):
            enrolled.status, enrolled.ended_on = "dropped", enrolled.enrolled_on
            enrolled.save()
        closed = Student.objects.get(code="S901")
        profile_deactivate(person=closed, now=NOW, actor=SYSTEM)
        Course.objects.filter(code="MA201-G1").update(faculty=cast.outsider)
        Subject.objects.filter(code="MA201").update(name="By hand")
        Term.objects.filter(name="Fall").update(ends_on="2027-02-15")
    sis.clock = 20
    sis.change("users", "s1", email="moved@north.example")  # of who is closed here
    for full in (False, True):
        run = read(cast, full=full)
        assert numbers(run) == (0, 0, 0, 0)
        assert "Kept by hand: S902 not in MA201-G1." in run.result["notes"]
        assert "Kept closed by hand: S901." in run.result["notes"]
    assert status(cast, "S902") == "dropped"
    with campus_scope(cast.campus):
        assert not Student.objects.get(code="S901").is_active
        assert Course.objects.get(code="MA201-G1").faculty == cast.outsider
        assert Subject.objects.get(code="MA201").name == "By hand"
        assert str(Term.objects.get(name="Fall").ends_on) == "2027-02-15"


@pytest.mark.parametrize("way", ["deleted", "missing", "other school"])
def test_who_leaves_there_rests_here(cast: Cast, sis: OneRosterService, way: str) -> None:
    connect(cast, sis, share=30)
    read(cast)
    sis.clock = 20
    if way == "deleted":
        sis.change("users", "s3", status="tobedeleted")
        sis.change("enrollments", "e3", status="tobedeleted")
    elif way == "missing":
        sis.delete("users", "s3")
        sis.delete("enrollments", "e3")
    else:
        sis.change("users", "s3", roles=[{"role": "student", "org": {"sourcedId": "o9"}}])
        sis.change("enrollments", "e3", school={"sourcedId": "o9"})
    run = read(cast, full=way == "missing")
    assert numbers(run) == (0, 1, 1, 0)
    assert run.result["removed_names"] == ["S903 Sofja Kd"]
    assert status(cast, "S903") == "dropped"
    with campus_scope(cast.campus):
        assert not Student.objects.get(code="S903").is_active
        # Who was never of the service stays.
        assert Student.objects.get(code=cast.student.code).is_active
        assert not OneRosterRow.objects.filter(sourced_id__in=["s3", "e3"]).exists()
    assert numbers(read(cast, full=True)) == (0, 0, 0, 0)


def test_more_than_the_share_waits_until_a_person_confirms(
    cast: Cast, sis: OneRosterService
) -> None:
    connect(cast, sis)
    read(cast)
    sis.delete("users", "s2", "s3")
    sis.delete("enrollments", "e2", "e3")
    waiting = read(cast, full=True)
    assert (waiting.status, waiting.leaving) == ("waiting", 4)
    assert waiting.result["removed_names"] == ["S902 Sofja Kc", "S903 Sofja Kd"]
    assert status(cast, "S903") == "enrolled"
    with campus_scope(cast.campus):
        told = Delivery.objects.filter(message__kind="reading_waits")
        assert set(told.values_list("user_id", flat=True)) == {cast.admin.pk}
        assert told[0].message.data["leaving"] == 4
    sis.delete("users", "s1")
    sis.delete("enrollments", "e1")
    more = read(cast, full=True, confirmed=4)
    assert (more.status, more.leaving) == ("waiting", 6)
    with campus_scope(cast.campus):
        waiting.refresh_from_db()
        assert waiting.status == "replaced"
        assert Student.objects.filter(code__startswith="S90", is_active=True).count() == 4
    done = read(cast, full=True, confirmed=6)
    assert (done.status, numbers(done)) == ("saved", (0, 3, 3, 0))
    with campus_scope(cast.campus):
        more.refresh_from_db()
        assert more.status == "replaced"


def test_another_number_there_makes_no_second_person(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    read(cast)
    sis.clock = 20
    sis.change("users", "s1", identifier="S777")
    run = read(cast)
    [problem] = run.problems
    assert problem["value"] == "S777"
    assert "S901" in problem["reason"]
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="S777").exists()
        Student.objects.filter(code="S901").update(code="S777")
    assert numbers(read(cast, full=True)) == (0, 0, 0, 0)
    with campus_scope(cast.campus):
        row = OneRosterRow.objects.get(sourced_id="s1")
        assert row.values["identifier"] == "S777"
        assert row.student == Student.objects.get(code="S777")


def test_another_code_there_makes_no_second_thing(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    read(cast)
    sis.change("classes", "k1", classCode="LA 7")
    sis.change("courses", "c1", courseCode="MA999")
    sis.change("academicSessions", "t1", title="Winter")
    run = read(cast)
    assert sorted(row["value"] for row in run.problems) == ["LA 7", "MA999", "Winter"]
    assert numbers(run)[:3] == (0, 0, 0)
    with campus_scope(cast.campus):
        Course.objects.filter(code="MA201-G1").update(code="LA-7")
        Subject.objects.filter(code="MA201").update(code="MA999")
        Term.objects.filter(name="Fall").update(name="Winter")
    assert numbers(read(cast)) == (0, 0, 0, 0)
    with campus_scope(cast.campus):
        assert OneRosterRow.objects.get(sourced_id="k1").values["classCode"] == "LA 7"


def test_a_class_that_gets_its_teacher_later(cast: Cast, sis: OneRosterService) -> None:
    """Until then a vacancy stands for the teacher, and is closed afterwards."""
    connect(cast, sis)
    sis.delete("enrollments", "e")
    assert numbers(read(cast))[3] == 0
    assert status(cast, "S900") == "enrolled"
    with campus_scope(cast.campus):
        vacancy = Course.objects.get(code="MA201-G1").faculty
        assert (str(vacancy), vacancy.user) == ("Not staffed MA201-G1", None)
        assert vacancy.is_active
    sis.clock = 20
    sis.change("enrollments", "e", **enrolment("e", "k1", "u1", "teacher"))
    assert numbers(read(cast))[3] == 0
    with campus_scope(cast.campus):
        assert Course.objects.get(code="MA201-G1").faculty.code == "F900"
        vacancy.refresh_from_db()
        assert not vacancy.is_active


def test_a_class_in_another_term_takes_its_students_along(
    cast: Cast, sis: OneRosterService
) -> None:
    connect(cast, sis)
    read(cast)
    spring = {"title": "Spring", "type": "term", "startDate": "2027-02-01", "endDate": "2027-07-31"}
    sis.change("academicSessions", "t2", **spring)
    sis.change("classes", "k1", terms=[{"sourcedId": "t2"}])
    assert numbers(read(cast))[3] == 0
    with campus_scope(cast.campus):
        found = Enrollment.objects.filter(course__code="MA201-G1", course__term__name="Spring")
        assert found.filter(status="enrolled").count() == 4


def test_somebody_under_a_new_sourced_id_does_not_leave(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis, share=100)
    read(cast)
    sis.delete("users", "s1")
    sis.lists["users"].append(user("new", "S901", "Sofja Kb", "student"))
    assert numbers(read(cast, full=True))[2] == 0
    with campus_scope(cast.campus):
        assert Student.objects.get(code="S901").is_active


def test_a_wrong_row_is_said_and_tried_again(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    sis.lists["users"][1]["email"] = "not an address"
    run = read(cast)
    assert [row["value"] for row in run.problems if row["sheet"] == "users"] == ["not an address"]
    sis.lists["users"][1]["email"] = "right@north.example"
    assert numbers(read(cast, full=True))[3] == 0
    assert status(cast, "S900") == "enrolled"


def test_who_may_not_close_people_closes_none(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis, share=100)
    read(cast)
    sis.delete("users", "s1")
    refused = read(cast, full=True, writer=Writer(cast.lecturer.user))
    assert refused.status == "failed"
    with campus_scope(cast.campus):
        assert Student.objects.get(code="S901").is_active


def test_no_other_campus_knows_of_it(cast: Cast, other_cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    read(cast)
    with campus_scope(other_cast.campus):
        assert not OneRosterConnection.objects.exists()
        assert not OneRosterRow.objects.exists()
        assert not OneRosterRun.objects.exists()
    with campus_scope(cast.campus):
        actions = set(Entry.objects.values_list("action", flat=True))
    assert "oneroster.run.saved" in actions


def test_a_week_later_the_night_reads_everything(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis, is_nightly=True)
    read(cast)
    found = []
    with campus_scope(cast.campus):
        for days in (1, 7):
            assert nightly_start(now=NOW + timedelta(days=days)) == 1
            run = OneRosterRun.objects.order_by("-pk")[0]
            found.append(run.is_full)
            assert nightly_start(now=NOW + timedelta(days=days)) == 0  # on its way already
            Job.objects.update(status="cancelled")
    assert found == [False, True]
