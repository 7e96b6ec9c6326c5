"""A lecturer's courses, and the plan of their sessions."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Faculty
from apps.attendance.services.register import register_close, register_open
from apps.audit.services import SYSTEM
from apps.notifications.models import Message
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_faculty, make_session
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def lecturer(cast: Cast) -> Client:
    return client_of(cast, cast.lecturer.user)


def course_page(cast: Cast) -> str:
    return f"/teach/courses/{cast.course.pk}/"


def plan_page(session: ClassSession, act: str = "") -> str:
    return f"/teach/sessions/{session.pk}/plan{act}"


@pytest.fixture
def tomorrow() -> datetime:
    return (timezone.now() + DAY).replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture
def lesson(cast: Cast, tomorrow: datetime) -> ClassSession:
    with campus_scope(cast.campus):
        return make_session(cast.course, starts_at=tomorrow, topic="Sets", is_planned=True)


def sent(at: datetime, cast: Cast, **fields: Any) -> dict[str, Any]:
    """A plan form for an hour that begins then."""
    starts, ends = (timezone.localtime(t, cast.campus.zone) for t in (at, at + DAY / 24))
    times = {"starts_at": f"{starts:%H:%M}", "ends_at": f"{ends:%H:%M}"}
    return {"day": f"{starts:%Y-%m-%d}", **times, "classroom": "", "topic": "", **fields}


def test_a_past_register_is_found_and_can_be_corrected(cast: Cast, lecturer: Client) -> None:
    with campus_scope(cast.campus):
        then = timezone.now() - 3 * DAY
        past = make_session(cast.course, starts_at=then)
        register_open(session=past, topic="Logic", now=then, actor=SYSTEM)
        register_close(session=past, now=then + DAY / 24, actor=SYSTEM)
        old = make_session(cast.course, starts_at=then - 60 * DAY, topic="Too old")
    content = lecturer.get(course_page(cast)).content.decode()
    assert f'href="/teach/sessions/{past.pk}/"' in content
    assert "Logic" in content
    assert "0 / 3" in content
    assert content.count("Correct") == 1
    assert "Register not taken" in content  # and it is too late for it
    assert "Take the register" not in content
    page = lecturer.get(f"/teach/sessions/{past.pk}/")
    assert b"mark-dialog" in page.content
    assert b"mark-dialog" not in lecturer.get(f"/teach/sessions/{old.pk}/").content


def test_a_course_costs_the_same_however_many_sessions_it_had(cast: Cast, lecturer: Client) -> None:
    counts = []
    for number in range(2):
        with campus_scope(cast.campus):
            for day in range(1, 6):
                make_session(cast.course, starts_at=timezone.now() - (5 * number + day) * DAY)
        with CaptureQueriesContext(connection) as queries:
            assert lecturer.get(course_page(cast)).status_code == 200
        counts.append(len(queries))
    assert counts[1] <= counts[0]
    assert counts[0] <= 20


def test_the_list_shows_own_courses_in_figures(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    content = lecturer.get("/teach/courses/").content.decode()
    assert course_page(cast) in content
    assert cast.other_course.code not in content


def test_one_more_session_is_planned(cast: Cast, lecturer: Client, tomorrow: datetime) -> None:
    answer = lecturer.post(f"{course_page(cast)}plan", sent(tomorrow, cast, topic="Extra"))
    assert answer["Location"] == course_page(cast)
    with campus_scope(cast.campus):
        planned = ClassSession.objects.get()
    assert (planned.starts_at, planned.topic, planned.status) == (tomorrow, "Extra", "scheduled")


def test_a_clash_is_said_above_the_form_and_keeps_what_was_entered(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    body = sent(lesson.starts_at, cast, topic="Clash")
    answer = lecturer.post(f"{course_page(cast)}plan", body)
    assert answer.status_code == 409
    assert b"already has a session at that time" in answer.content
    assert b'value="Clash"' in answer.content


@pytest.mark.parametrize(
    "wrong",
    [{"day": "2026-02-30"}, {"day": "9999-01-01"}, {"starts_at": "8:5"}, {"classroom": "9" * 30}],
)
def test_a_senseless_plan_is_refused(
    cast: Cast, lecturer: Client, tomorrow: datetime, wrong: dict[str, str]
) -> None:
    answer = lecturer.post(f"{course_page(cast)}plan", {**sent(tomorrow, cast), **wrong})
    assert answer.status_code == 400


def test_a_session_is_moved_and_the_students_are_told(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    later = lesson.starts_at + DAY
    answer = lecturer.post(plan_page(lesson, "/move"), sent(later, cast, topic="Sets"))
    assert answer["Location"] == course_page(cast)
    with campus_scope(cast.campus):
        lesson.refresh_from_db()
        assert lesson.starts_at == later
        assert Message.objects.filter(kind="session_moved").exists()


def test_two_sessions_exchange_their_times(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    with campus_scope(cast.campus):
        other = make_session(cast.course, starts_at=lesson.starts_at + DAY)
        foreign = make_session(cast.other_course, starts_at=lesson.starts_at + 2 * DAY)
    refused = lecturer.post(plan_page(lesson, "/swap"), {"other": foreign.pk})
    assert refused.status_code == 400
    assert lecturer.post(plan_page(lesson, "/swap"), {"other": other.pk}).status_code == 302
    with campus_scope(cast.campus):
        times = dict(ClassSession.objects.values_list("pk", "starts_at"))
    assert (times[lesson.pk], times[other.pk]) == (other.starts_at, lesson.starts_at)


def test_a_session_is_cancelled_with_a_reason(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    assert lecturer.post(plan_page(lesson, "/cancel"), {"note": ""}).status_code == 400
    assert lecturer.post(plan_page(lesson, "/cancel"), {"note": "I am ill."}).status_code == 302
    with campus_scope(cast.campus):
        assert ClassSession.objects.get().status == "cancelled"
        assert Message.objects.get(kind="session_cancelled").data["note"] == "I am ill."
    again = lecturer.post(plan_page(lesson, "/cancel"), {"note": "I am ill."})
    assert again.status_code == 409


def test_a_substitute_holds_the_session_and_it_can_be_taken_back(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    substitute: Faculty = cast.outsider
    other = client_of(cast, substitute.user)
    assert other.get(f"/teach/sessions/{lesson.pk}/").status_code == 404
    body = {"faculty": substitute.pk}
    assert lecturer.post(plan_page(lesson, "/substitute"), body).status_code == 302
    assert other.get(f"/teach/sessions/{lesson.pk}/").status_code == 200
    assert b"Sets" in other.get(course_page(cast)).content
    assert other.get(f"{course_page(cast)}plan").status_code == 404  # not the substitute's course
    content = lecturer.get(course_page(cast)).content.decode()
    assert substitute.full_name in content
    assert f'href="/teach/sessions/{lesson.pk}/"' not in content
    with campus_scope(cast.campus):
        message = Message.objects.get(kind="session_moved")
    assert message.data["lecturer"] == substitute.full_name
    assert lecturer.post(plan_page(lesson, "/substitute"), {"faculty": cast.lecturer.pk})
    assert lecturer.get(f"/teach/sessions/{lesson.pk}/").status_code == 200


def test_a_busy_substitute_is_refused(cast: Cast, lecturer: Client, lesson: ClassSession) -> None:
    with campus_scope(cast.campus):
        course = cast.other_course
        course.section = None  # else it is the section that is busy first
        course.save()
        make_session(course, starts_at=lesson.starts_at, is_planned=True)
    body = {"faculty": cast.outsider.pk}
    answer = lecturer.post(plan_page(lesson, "/substitute"), body)
    assert answer.status_code == 409
    assert b"The lecturer is busy" in answer.content


def test_who_left_is_no_substitute(cast: Cast, lecturer: Client, lesson: ClassSession) -> None:
    with campus_scope(cast.campus):
        gone = make_faculty("GONE", is_active=False)
    answer = lecturer.post(plan_page(lesson, "/substitute"), {"faculty": gone.pk})
    assert answer.status_code == 400


def test_the_week_leads_to_the_own_registers(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    day = timezone.localdate(lesson.starts_at, cast.campus.zone)
    link = f'href="/teach/sessions/{lesson.pk}/"'.encode()
    assert link in lecturer.get("/week/", {"date": str(day)}).content
    student = client_of(cast, cast.student.user).get("/week/", {"date": str(day)})
    assert link not in student.content


def test_sessions_at_one_time_stand_side_by_side(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    with campus_scope(cast.campus):
        make_session(
            cast.course, starts_at=lesson.starts_at + DAY / 48, is_planned=False, topic="Beside"
        )
        make_session(cast.course, starts_at=lesson.starts_at + 4 * DAY / 24, topic="Alone")
    day = timezone.localdate(lesson.starts_at, cast.campus.zone)
    shown = [
        session
        for on, sessions in lecturer.get("/week/", {"date": str(day)}).context["days"]
        for session in sessions
        if on == day
    ]
    places = [(session.topic, session.lane, session.lanes) for session in shown]
    assert places == [("Sets", 0, 2), ("Beside", 1, 2), ("Alone", 0, 1)]
