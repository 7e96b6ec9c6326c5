"""The demo campus: complete, safe to load again, and good to sign in to."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings
from rest_framework.test import APIClient

from apps.accounts.models import Faculty, Membership, Role, Student, User
from apps.attendance.models import AttendanceRecord, AttendanceSummary, Status
from apps.attendance.selectors.register import register_of
from apps.attendance.services.register import register_open_now
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.classrooms.models import Beacon, Classroom
from apps.common.errors import Refused
from apps.demo.allowed import demo_allowed
from apps.demo.loader import Loaded, demo_problems, load_demo
from apps.demo.loader.passwords import readable_password
from apps.enrollments.models import Course, Enrollment
from apps.notifications.models import Message
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from apps.timetable.models import GeneratedSession, WeeklySlot
from apps.timetable.services import sessions_generate
from tests.accounts.support import at, tokens
from tests.demo.conftest import NOON
from tests.factories import make_campus


@pytest.fixture
def in_demo(loaded: Loaded) -> Iterator[Loaded]:
    with campus_scope(loaded.campus):
        yield loaded


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("load_demo", *arguments, stdout=output, no_color=True)
    return output.getvalue()


def test_it_holds_at_least_the_sample_of_the_systems_before(in_demo: Loaded) -> None:
    rooms = Classroom.objects.filter(latitude__isnull=False, geofence_radius__gt=0)
    assert rooms.count() >= 4
    assert Beacon.objects.filter(is_active=True).count() >= 4
    assert Faculty.objects.count() >= 3
    assert Student.objects.count() >= 30
    assert Course.objects.count() >= 4
    assert Enrollment.objects.count() >= 8
    assert User.objects.filter(is_superuser=True).count() == 1
    assert in_demo.campus.face_enabled


def test_there_are_sign_ins_of_every_role(loaded: Loaded) -> None:
    roles = Counter(sign_in.role for sign_in in loaded.sign_ins)
    assert roles == {
        "super_admin": 1,
        Role.ADMIN: 1,
        Role.OPERATOR: 1,
        Role.PRINCIPAL: 1,
        Role.FACULTY: 3,
        Role.STUDENT: 3,
    }
    assert len({sign_in.password for sign_in in loaded.sign_ins}) == len(loaded.sign_ins)
    for sign_in in loaded.sign_ins:
        validate_password(sign_in.password, User.objects.get(email=sign_in.email))


def test_whichever_lecturer_starts_a_class_somebody_can_check_in(in_demo: Loaded) -> None:
    classes = {
        role: {one.course: one.email for one in in_demo.sign_ins if one.role == role}
        for role in (Role.FACULTY, Role.STUDENT)
    }
    assert set(classes[Role.FACULTY]) == set(classes[Role.STUDENT])
    assert len(classes[Role.FACULTY]) == Faculty.objects.count()
    for code, email in classes[Role.FACULTY].items():
        session = ClassSession.objects.filter(course__code=code, starts_at__gte=NOON).earliest(
            "starts_at"
        )
        assert session.starts_at <= NOON + timedelta(minutes=5)
        assert session.course.faculty.email == email
        enrolled = Enrollment.objects.filter(course=session.course)
        assert enrolled.filter(student__email=classes[Role.STUDENT][code]).exists()


def test_everybody_of_the_table_can_sign_in_and_work_at_once(loaded: Loaded) -> None:
    for sign_in in loaded.sign_ins:
        access = tokens(at("localhost"), sign_in.email, sign_in.password)["access_token"]
        phone = APIClient(headers={"host": "localhost", "Authorization": f"Bearer {access}"})
        me = phone.get("/api/v1/me").json()
        assert me["campus"]["slug"] == "demo"
        assert me["user"]["is_superuser"] is (sign_in.role == "super_admin")
        assert me["roles"] == ([] if sign_in.role == "super_admin" else [sign_in.role])


def test_nobody_reads_that_their_first_password_was_changed(in_demo: Loaded) -> None:
    assert not Message.objects.filter(kind="account_security").exists()


def test_local_addresses_lead_to_it(loaded: Loaded) -> None:
    for host in ("localhost:8000", "127.0.0.1:8000", "[::1]:8000", "demo.localhost"):
        refused = at(host).get("/api/v1/me")
        assert refused.json()["errors"][0]["code"] == "not_authenticated"
    assert at("elsewhere.localhost").get("/api/v1/me").status_code == 404


def nothing_changes(first: Loaded, *, now: datetime) -> None:
    with campus_scope(first.campus):
        entries = Entry.objects.count()
    again = load_demo(slug="demo", now=now)
    assert (again.made, again.sign_ins) == ({}, [])
    with campus_scope(first.campus):
        assert Entry.objects.count() == entries


def test_a_second_run_changes_nothing(loaded: Loaded) -> None:
    nothing_changes(loaded, now=NOON + timedelta(minutes=10))


@pytest.mark.slow
def test_a_second_run_past_midnight_changes_nothing(db: None) -> None:
    late = NOON.replace(hour=23, minute=58)
    nothing_changes(load_demo(slug="demo", now=late), now=late + timedelta(minutes=10))


def test_days_later_new_sessions_are_added_and_nothing_else(loaded: Loaded) -> None:
    later = load_demo(slug="demo", now=NOON + timedelta(days=7))
    assert set(later.made) == {"sessions"}
    assert later.sign_ins == []


def test_every_lecturer_can_press_start(in_demo: Loaded) -> None:
    for lecturer in Faculty.objects.order_by("code"):
        course = Course.objects.filter(faculty=lecturer, sessions__topic__gt="").earliest("pk")
        session = register_open_now(course=course, topic="", now=NOON, actor=SYSTEM)
        assert session.starts_at == NOON.replace(minute=5, second=0)
        assert session.policy["place"]
        assert session.policy["beacons"]
        assert session.policy["face"]


def test_a_section_has_one_session_at_a_time_and_a_room_too(in_demo: Loaded) -> None:
    sessions = list(ClassSession.objects.select_related("course").order_by("starts_at"))
    for index, session in enumerate(sessions):
        for other in sessions[index + 1 :]:
            if other.starts_at < session.ends_at:
                assert session.classroom_id != other.classroom_id
                assert session.faculty_id != other.faculty_id
                attend = {row.student_id for row in register_of(session_id=session.pk)}
                others = {row.student_id for row in register_of(session_id=other.pk)}
                assert not attend & others


def test_past_sessions_have_full_registers(in_demo: Loaded) -> None:
    held = ClassSession.objects.filter(status=ClassSession.Status.COMPLETED)
    assert held.count() == 3 * Course.objects.count()
    for session in held:
        assert session.ends_at < NOON
        records = AttendanceRecord.objects.filter(session=session)
        assert records.count() == session.total_enrolled > 0
        assert 0 < session.total_attended <= session.total_enrolled
    statuses = set(AttendanceRecord.objects.values_list("status", flat=True))
    assert statuses == {Status.PRESENT, Status.LATE, Status.ABSENT, Status.EXCUSED}


def test_the_command_prints_passwords_once_and_new_ones_on_request(db: None) -> None:
    first, second = run(), run()
    user = User.objects.get(email="admin@demo.example")
    (password,) = (line.split()[-1] for line in first.splitlines() if "admin@demo.example" in line)
    assert "Sign in at http://localhost:8000/" in first
    assert user.check_password(password)
    assert password not in user.password
    assert "nothing was changed" in second
    assert "@demo.example" not in second
    third = run("--reset-passwords", "--address", "http://campus.test/")
    assert "Sign in at http://campus.test/" in third
    assert third.count("@demo.example") == 10
    user.refresh_from_db()
    assert password not in third
    assert not user.check_password(password)


def rename(student: Student) -> None:
    Student.objects.filter(pk=student.pk).update(code="SOMEBODY-ELSE")


def problems_of(loaded: Loaded) -> list[str]:
    return demo_problems(campus=loaded.campus, sign_ins=loaded.sign_ins)


def test_what_was_loaded_is_whole(loaded: Loaded) -> None:
    assert problems_of(loaded) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda: rename(Student.objects.order_by("code")[0]), "Of the students are missing"),
        (lambda: Beacon.objects.all()[0].delete(), "Of the beacons are missing"),
        (lambda: Enrollment.objects.all()[0].delete(), "is not attended by"),
        (lambda: WeeklySlot.objects.all().delete(), "has no weekly slots"),
        (
            lambda: ClassSession.objects.filter(status="completed").update(status="cancelled"),
            "has no session that was held",
        ),
        (lambda: Membership.objects.filter(role="admin").delete(), "has not the role admin"),
        (
            lambda: AttendanceSummary.objects.filter(late_sessions__gt=0).update(late_sessions=99),
            "not what the records say",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    in_demo: Loaded, damage: Callable[[], Any], said: str
) -> None:
    with signed_act("accounts_membership"):
        damage()
    assert any(said in problem for problem in problems_of(in_demo)), problems_of(in_demo)


def test_a_password_that_does_not_fit_is_named(in_demo: Loaded) -> None:
    wrong = [replace(in_demo.sign_ins[0], password="another")]
    (problem,) = demo_problems(campus=in_demo.campus, sign_ins=wrong)
    assert "does not fit" in problem


def test_a_first_load_that_is_not_whole_fails(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_slots(**_: Any) -> None:
        """As if the timetable had not been made."""

    with monkeypatch.context() as patch:
        patch.setattr("apps.demo.loader.load.weeks_ensure", without_slots)
        with pytest.raises(CommandError, match="has no weekly slots"):
            run()
    assert "nothing was changed" not in run("--verify")  # the second load makes what was missing
    assert "Read back" in run("--verify")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
class TestReset:
    def reset(self, *arguments: str) -> str:
        output = StringIO()
        call_command("reset_demo", *arguments, stdout=output, no_color=True)
        connections["owner"].close()
        return output.getvalue()

    def test_the_demo_is_made_anew_and_nothing_else_touched(self) -> None:
        west = make_campus("west")
        run("--host", "harbour.example")
        before = Campus.objects.get(slug="demo")
        with campus_scope(before):
            Student.objects.create(code="X-1", first_name="Added")
        said = self.reset()
        after = Campus.objects.get(slug="demo")
        assert after.pk != before.pk
        assert "rows and 0 images deleted" in said
        assert "Read back: everything is there and fits." in said
        assert said.count("@demo.example") == 10  # the super administrator's too, who stayed
        assert set(after.domains.values_list("host", flat=True)) >= {"localhost", "harbour.example"}
        with campus_scope(after):
            assert not Student.objects.filter(code="X-1").exists()
        assert Campus.objects.filter(pk=west.pk).exists()
        assert "Read back" in self.reset()  # and again

    def test_without_a_demo_one_is_made(self) -> None:
        assert "Read back" in self.reset()

    def test_a_campus_that_is_no_demo_is_refused(self) -> None:
        make_campus("west")
        with pytest.raises(CommandError, match="is not the demo"):
            self.reset("--campus", "west")
        assert Campus.objects.filter(slug="west").exists()

    @override_settings(DEMO_ALLOWED=False)
    def test_settings_that_allow_no_demo_refuse(self) -> None:
        with pytest.raises(CommandError, match="DEMO_ALLOWED"):
            self.reset()


@override_settings(DEMO_ALLOWED=False)
def test_nothing_is_loaded_where_settings_say_no(db: None) -> None:
    with pytest.raises(CommandError, match="DEMO_ALLOWED"):
        run()
    assert not Campus.objects.filter(slug="demo").exists()


def test_silence_of_the_settings_is_a_no() -> None:
    with override_settings():
        del settings.DEMO_ALLOWED
        assert not demo_allowed()
    assert demo_allowed()


def test_another_campus_is_left_alone(db: None) -> None:
    make_campus("west")
    before = User.objects.count()
    with pytest.raises(Refused) as refusal:
        load_demo(slug="west", now=NOON)
    assert refusal.value.code == "not_a_demo"
    assert User.objects.count() == before


def test_a_second_demo_campus_takes_no_address_from_the_first(loaded: Loaded) -> None:
    other = load_demo(slug="harbour", now=NOON)
    assert list(other.campus.domains.values_list("host", flat=True)) == ["harbour.localhost"]
    assert loaded.campus.domains.count() == 4


def test_passwords_are_long_readable_and_never_the_same() -> None:
    passwords = {readable_password() for _ in range(200)}
    assert len(passwords) == 200
    for password in passwords:
        groups = password.split("-")
        assert [len(group) for group in groups] == [5, 5, 5, 5]
        assert all(group.isascii() and group.isalpha() for group in groups)


def test_it_has_a_weekly_timetable_without_clashes(in_demo: Loaded) -> None:
    assert WeeklySlot.objects.count() == 2 * Course.objects.count()
    made = GeneratedSession.objects.count()
    assert made == 4 * Course.objects.count()
    again = sessions_generate(
        first=NOON.date(), last=NOON.date() + timedelta(days=18), now=NOON, actor=SYSTEM
    )
    assert again.existing >= made
