"""A session that nobody completes closes by itself, and does not stand in the next one's way."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.attendance import registry, tasks
from apps.attendance.models import AttendanceRecord, AttendanceSummary, Policy, Status
from apps.attendance.services import register
from apps.attendance.services.closing import register_close_itself, sessions_left_open
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_open
from apps.audit.models import Entry
from apps.audit.services import SYSTEM, Actor
from apps.integrity.services.findings import FIND_TASK
from apps.notifications.models import Message
from apps.sessions.models import ClassSession, SessionCourse
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of
from tests.attendance.support import open_session
from tests.factories import Cast, make_session
from tests.phone import Phone, code_of, signed_in
from tests.timetable.test_joint import make_other

pytestmark = pytest.mark.django_db

ADA = Actor(label="Ada", id="user:1")
MINUTE = timedelta(minutes=1)


def left_open(cast: Cast, since: datetime) -> ClassSession:
    session = make_session(cast.course, starts_at=since)  # 90 minutes
    return register_open(session=session, topic="Sorting", now=since, actor=ADA)


def test_it_closes_after_its_end_and_the_grace_of_its_policy(
    in_campus: Cast, now: datetime
) -> None:
    Policy.objects.create(version=1, close_after_minutes=45, created_at=now)
    session = left_open(in_campus, now)
    Policy.objects.create(version=2, close_after_minutes=0, created_at=now)  # 45 holds
    due = session.ends_at + 45 * MINUTE
    assert sessions_left_open(now=due - MINUTE) == []
    assert not register_close_itself(session_id=session.pk, now=due - MINUTE)
    assert sessions_left_open(now=due) == [session.pk]


def test_opened_after_its_end_it_gets_the_grace_from_there(in_campus: Cast, now: datetime) -> None:
    session = make_session(in_campus.course, starts_at=now, ends_at=now + 10 * MINUTE)
    opened_at = now + 40 * MINUTE
    register_open(session=session, topic="Sorting", now=opened_at, actor=ADA)
    assert sessions_left_open(now=opened_at + 29 * MINUTE) == []
    assert sessions_left_open(now=opened_at + 30 * MINUTE) == [session.pk]


def test_it_is_as_if_the_lecturer_had_pressed_the_button(
    in_campus: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = left_open(in_campus, now)
    record_mark(
        session=session,
        student_id=in_campus.student.pk,
        status=Status.PRESENT,
        reason="",
        now=now,
        actor=ADA,
    )
    later = now + timedelta(days=3)
    asked: list[tuple[Any, ...]] = []
    for module in (register, registry):
        monkeypatch.setattr(module, "enqueue", lambda *work: asked.append(work))
    assert register_close_itself(session_id=session.pk, now=later)
    assert asked == [(FIND_TASK, session.pk), (register.ABSENCES_TASK, session.pk)]
    session.refresh_from_db()
    assert (session.status, session.closed_at, session.closed_itself) == ("completed", later, True)
    assert (session.total_enrolled, session.total_attended) == (3, 1)
    absent = AttendanceRecord.objects.filter(session=session, status="absent")
    assert set(absent.values_list("student__code", flat=True)) == {"MATE", "REPR"}
    summary = AttendanceSummary.objects.get(student=in_campus.classmate)
    assert (summary.total_sessions, summary.absent_sessions) == (1, 1)
    entry = Entry.objects.get(action="sessions.session.completed")
    assert (entry.actor_label, entry.data) == (SYSTEM.label, {"by_itself": True})
    notice = Message.objects.filter(
        kind="session_closed_itself", deliveries__user=in_campus.lecturer.user
    )
    assert notice.exists()


def test_it_happens_once(in_campus: Cast, now: datetime) -> None:
    session = left_open(in_campus, now)
    later = now + timedelta(days=3)
    assert register_close_itself(session_id=session.pk, now=later)
    assert not register_close_itself(session_id=session.pk, now=later)
    assert Entry.objects.filter(action="sessions.session.completed").count() == 1
    assert sessions_left_open(now=later) == []


def test_every_campus_is_swept_and_one_fault_stops_nothing(
    cast: Cast, other_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = timezone.now() - timedelta(days=3)
    sessions = {}
    for campus in (cast, other_cast):
        with campus_scope(campus.campus):
            sessions[campus.campus.pk] = left_open(campus, since)
    with campus_scope(cast.campus):
        running = make_session(cast.other_course, starts_at=timezone.now())
        register_open(session=running, topic="Graphs", now=timezone.now(), actor=ADA)
    broken = sessions[cast.campus.pk].pk
    right = register_close_itself

    def failing(*, session_id: int, now: datetime) -> bool:
        if session_id == broken:
            raise RuntimeError("no")
        return right(session_id=session_id, now=now)

    monkeypatch.setattr(tasks, "register_close_itself", failing)
    assert tasks.close_left_open() == 1
    monkeypatch.undo()
    assert tasks.close_left_open() == 1
    assert tasks.close_left_open() == 0
    with campus_scope(cast.campus):
        assert ClassSession.objects.get(pk=running.pk).status == "open"
        assert ClassSession.objects.get(pk=broken).closed_itself


def test_its_code_dies(cast: Cast) -> None:
    session = open_session(cast)
    with campus_scope(cast.campus):
        ClassSession.objects.filter(pk=session.pk).update(
            starts_at=session.starts_at - timedelta(hours=3),
            ends_at=timezone.now() - timedelta(hours=1),
            opened_at=session.starts_at - timedelta(hours=3),
        )
    token = code_of(cast, session.pk, timezone.now()).token
    assert tasks.close_left_open() == 1
    assert (
        Phone(cast, cast.student).redeem(token=token).json()["errors"][0]["code"] == "expired_code"
    )


def test_the_page_and_the_api_say_so(cast: Cast) -> None:
    with campus_scope(cast.campus):
        session = left_open(cast, timezone.now() - timedelta(days=3))
    tasks.close_left_open()
    lecturer = cast.lecturer.user
    assert lecturer is not None
    page = client_of(cast, lecturer).get(f"/teach/sessions/{session.pk}/").content.decode()
    assert "closed automatically" in page
    answer = signed_in(cast, lecturer).get(f"/api/v1/sessions/{session.pk}")
    assert answer.json()["closed_itself"] is True


# --- The next opening offers to close it ---------------------------------------------------------


@pytest.fixture
def earlier(cast: Cast) -> ClassSession:
    with campus_scope(cast.campus):
        return left_open(cast, timezone.now() - timedelta(hours=1))


@pytest.fixture
def lecturer(cast: Cast) -> Client:
    assert cast.lecturer.user is not None
    return client_of(cast, cast.lecturer.user)


def status_of(cast: Cast, session: ClassSession) -> str:
    with campus_scope(cast.campus):
        return ClassSession.objects.get(pk=session.pk).status


def next_session(cast: Cast) -> ClassSession:
    with campus_scope(cast.campus):
        return make_session(cast.course, starts_at=timezone.now())


@pytest.mark.parametrize("way", ["start", "open", "code"])
def test_rest_names_it_and_closes_it_in_one_call(
    cast: Cast, earlier: ClassSession, way: str
) -> None:
    api = signed_in(cast, cast.lecturer.user)
    session = next_session(cast)
    body: dict[str, Any] = {"topic": "Graphs"}
    path = f"/api/v1/sessions/{session.pk}/open"
    if way != "open":
        path = "/api/v1/sessions/start"
        body["course"] = cast.course.pk
    if way == "code":
        code = api.post(f"/api/v1/courses/{cast.course.pk}/start-codes").json()["code"]
        body["start_code"] = code
    refused = api.post(path, body, format="json")
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["code"] == "another_session_open"
    assert status_of(cast, earlier) == "open"
    opened = api.post(path, {**body, "close_open": True}, format="json")
    assert opened.status_code in (200, 201), opened.content
    assert (opened.json()["id"], opened.json()["status"]) == (session.pk, "open")
    assert status_of(cast, earlier) == "completed"
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.filter(session=earlier, status="absent").count() == 3
        assert not ClassSession.objects.get(pk=earlier.pk).closed_itself


def test_a_refused_opening_does_not_use_up_a_start_code(cast: Cast, earlier: ClassSession) -> None:
    """Also where the session in the way is one of a course that only meets with this one."""
    with campus_scope(cast.campus):
        other = make_other(cast)
        session = make_session(other, starts_at=timezone.now())
        SessionCourse.objects.create(session=session, course=cast.course)
    api = signed_in(cast, cast.lecturer.user)
    code = api.post(f"/api/v1/courses/{other.pk}/start-codes").json()["code"]
    body = {"topic": "Graphs", "course": other.pk, "start_code": code}
    for _time in range(2):
        refused = api.post("/api/v1/sessions/start", body, format="json")
        assert refused.json()["errors"][0]["code"] == "another_session_open"
    body["close_open"] = True
    opened = api.post("/api/v1/sessions/start", body, format="json")
    assert opened.status_code == 201, opened.content
    again = api.post("/api/v1/sessions/start", body, format="json")
    assert again.json()["errors"][0]["code"] == "expired_code"
    assert status_of(cast, session) == "open"


def test_nothing_is_closed_when_the_new_one_cannot_be_opened(
    cast: Cast, earlier: ClassSession
) -> None:
    with campus_scope(cast.campus):
        far = make_session(cast.course, starts_at=timezone.now() + timedelta(days=1))
    api = signed_in(cast, cast.lecturer.user)
    answer = api.post(
        f"/api/v1/sessions/{far.pk}/open", {"topic": "X", "close_open": True}, format="json"
    )
    assert answer.json()["errors"][0]["code"] == "outside_window"
    assert status_of(cast, earlier) == "open"


def test_the_page_offers_it(cast: Cast, lecturer: Client, earlier: ClassSession) -> None:
    session = next_session(cast)
    path = f"/teach/sessions/{session.pk}/start"
    refused = lecturer.post(path, {"topic": "Graphs"})
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "Close it and start" in page
    assert f'href="/teach/sessions/{earlier.pk}/"' in page
    assert 'name="topic" value="Graphs"' in page
    done = lecturer.post(path, {"topic": "Graphs", "close_open": "1"})
    assert done["Location"] == f"/teach/sessions/{session.pk}/projector"
    assert status_of(cast, earlier) == "completed"


def test_so_does_an_unscheduled_start(cast: Cast, lecturer: Client, earlier: ClassSession) -> None:
    form = {"course": cast.course.pk, "topic": "Extra"}
    refused = lecturer.post("/teach/start", form)
    assert "Close it and start" in refused.content.decode()
    assert lecturer.post("/teach/start", {**form, "close_open": "1"}).status_code == 302
    assert status_of(cast, earlier) == "completed"
