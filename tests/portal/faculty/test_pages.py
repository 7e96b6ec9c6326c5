"""The portal's pages, with the fixed cast: owner, outsider, student, nobody."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.attendance.models import AttendanceRecord, RecordChange, Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_cast, make_session, make_student, make_user
from tests.portal.support import INLINE, client_of, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def lecturer(cast: Cast) -> Client:
    return client_of(cast, cast.lecturer.user)


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    with campus_scope(cast.campus):
        return make_session(cast.course, starts_at=timezone.now())


@pytest.fixture
def open_lesson(cast: Cast, lesson: ClassSession) -> ClassSession:
    with campus_scope(cast.campus):
        return register_open(session=lesson, topic="Sets", now=timezone.now(), actor=SYSTEM)


@pytest.mark.parametrize(
    ("who", "leads_to"),
    [
        ("lecturer", "/teach/"),
        ("student", "/home/"),
        ("admin", "/admin/"),
        ("principal", "/overview/"),
        (None, "/accounts/login/?next=/"),
    ],
)
def test_everybody_is_led_to_their_own_work(cast: Cast, who: str | None, leads_to: str) -> None:
    person = getattr(cast, who) if who else None
    user = person if person is None or isinstance(person, User) else person.user
    assert client_of(cast, user).get("/")["Location"] == leads_to


def test_a_role_less_person_is_told_so(cast: Cast) -> None:
    with campus_scope(cast.campus):
        nobody = make_user("nobody@north.example")
    assert client_of(cast, nobody).get("/").status_code == 403


def test_today_shows_the_own_sessions_of_the_campus_day(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    with campus_scope(cast.campus):
        make_session(cast.other_course, topic="Not mine", starts_at=timezone.now())
        make_session(cast.course, topic="Later", starts_at=timezone.now() + timedelta(days=2))
    content = lecturer.get("/teach/").content.decode()
    assert f"/teach/sessions/{lesson.pk}/start" in content
    assert "Not mine" not in content
    assert "Coming up" in content


def test_starting_leads_to_the_projector(lecturer: Client, lesson: ClassSession) -> None:
    answer = lecturer.post(page_of(lesson, "start"), {"topic": "Sets"})
    assert answer["Location"] == page_of(lesson, "projector")
    assert lecturer.get(answer["Location"]).status_code == 200


def test_a_refused_start_says_why_on_the_same_page(lecturer: Client, lesson: ClassSession) -> None:
    answer = lecturer.post(page_of(lesson, "start"), {"topic": ""})
    assert answer.status_code == 400
    assert b"Say what the session is about." in answer.content


def test_an_unscheduled_session_can_be_started(cast: Cast, lecturer: Client) -> None:
    answer = lecturer.post("/teach/start", {"course": cast.course.pk, "topic": "Extra"})
    assert answer.status_code == 302
    with campus_scope(cast.campus):
        assert ClassSession.objects.get().status == "open"
    again = lecturer.post("/teach/start", {"course": cast.course.pk, "topic": "Twice"})
    assert again.status_code == 409
    assert b"Another session of this course is open" in again.content


def test_only_own_courses_can_be_started(cast: Cast, lecturer: Client) -> None:
    answer = lecturer.post("/teach/start", {"course": cast.other_course.pk, "topic": "X"})
    assert answer.status_code == 400


def test_a_mark_is_saved_with_its_reason(
    cast: Cast, lecturer: Client, open_lesson: ClassSession
) -> None:
    body = {"student": cast.student.pk, "status": "present", "reason": "Seen in class"}
    assert lecturer.post(page_of(open_lesson, "mark"), body).status_code == 204
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.get().status == Status.PRESENT
        assert RecordChange.objects.get().reason == "Seen in class"


@pytest.mark.parametrize(
    "body",
    [{}, {"student": 0, "status": "present"}, {"student": "x", "status": "y"}, {"status": "late"}],
)
def test_a_wrong_mark_is_answered_with_the_reasons(
    lecturer: Client, open_lesson: ClassSession, body: dict
) -> None:
    answer = lecturer.post(page_of(open_lesson, "mark"), body)
    assert answer.status_code == 422
    assert b"notice-error" in answer.content


def test_changing_a_mark_without_a_reason_is_refused(
    cast: Cast, lecturer: Client, open_lesson: ClassSession
) -> None:
    body = {"student": cast.student.pk, "status": "present"}
    assert lecturer.post(page_of(open_lesson, "mark"), body).status_code == 204
    answer = lecturer.post(page_of(open_lesson, "mark"), {**body, "status": "absent"})
    assert answer.status_code == 422
    assert b"Say why" in answer.content


def test_completing_closes_the_register(
    cast: Cast, lecturer: Client, open_lesson: ClassSession
) -> None:
    assert lecturer.post(page_of(open_lesson, "complete")).status_code == 302
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.filter(status=Status.ABSENT).count() == 3


def test_state_is_never_changed_by_get(lecturer: Client, open_lesson: ClassSession) -> None:
    for page in ("start", "mark", "complete"):
        assert lecturer.get(page_of(open_lesson, page)).status_code == 405
    assert b"one-time-code" not in lecturer.get(page_of(open_lesson, "code")).content


def test_changes_need_the_csrf_token(cast: Cast, open_lesson: ClassSession) -> None:
    strict = Client(headers={"host": cast.host}, enforce_csrf_checks=True)
    strict.force_login(cast.lecturer.user)  # type: ignore[arg-type]
    assert strict.post(page_of(open_lesson, "complete")).status_code == 403


def test_the_board_answers_304_until_something_changes(
    cast: Cast, lecturer: Client, open_lesson: ClassSession
) -> None:
    first = lecturer.get(page_of(open_lesson, "board"))
    board = first.json()
    assert board["counts"]["unmarked"] == 3
    assert board["code"]["svg"].startswith("<svg")
    again = lecturer.get(
        page_of(open_lesson, "board"), headers={"if-none-match": first.headers["ETag"]}
    )
    unchanged = lecturer.get(page_of(open_lesson, "board"), {"since": board["version"]}).json()
    assert again.status_code in (304, 200)  # 200 where the code's window turned over meanwhile
    assert unchanged["rows"] is unchanged["counts"] is None


@pytest.mark.django_db(transaction=True)
def test_an_idle_poll_asks_three_statements_and_a_full_board_nine() -> None:
    """The campus's announcement and the user for 304; no table of the register."""
    cast = make_cast("north")
    with campus_scope(cast.campus):
        for _ in range(20):
            enroll(make_student(), cast.course)
        session = make_session(cast.course, starts_at=timezone.now())
        register_open(session=session, topic="T", now=timezone.now(), actor=SYSTEM)
        record_mark(
            session=session,
            student_id=cast.student.pk,
            status=Status.PRESENT,
            reason="",
            now=timezone.now(),
            actor=SYSTEM,
        )
    client = client_of(cast, cast.lecturer.user)
    client.get(page_of(session, "board"))

    def statements(**headers: str) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(page_of(session, "board"), headers=headers)
        real = [q for q in queries.captured_queries if q["sql"] not in ("BEGIN", "COMMIT")]
        statements.etag = answer.headers["ETag"]  # type: ignore[attr-defined]
        return answer.status_code, len(real)

    status, full = statements()
    assert (status, full) == (200, 9)
    for _ in range(5):  # a window may turn over between two polls, not five times
        status, idle = statements(**{"if-none-match": statements.etag})  # type: ignore[attr-defined]
        if status == 304:
            break
    assert (status, idle) == (304, 3)


def test_pages_carry_no_inline_script_or_style_under_a_strict_policy(
    cast: Cast, lecturer: Client, open_lesson: ClassSession
) -> None:
    student = client_of(cast, cast.student.user)
    pages = [
        (lecturer, "/teach/"),
        (lecturer, page_of(open_lesson)),
        (lecturer, page_of(open_lesson, "projector")),
        (student, "/attendance/"),
        (client_of(cast, None), "/accounts/login/"),
    ]
    for client, path in pages:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert INLINE.search(answer.content) is None, (path, INLINE.search(answer.content))
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy


def test_today_asks_no_more_for_many_sessions(cast: Cast, lecturer: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert lecturer.get("/teach/").status_code == 200
        return len(queries)

    statements()
    with campus_scope(cast.campus):
        make_session(cast.course, starts_at=timezone.now())
    few = statements()
    with campus_scope(cast.campus):
        for minutes in range(1, 12):
            make_session(cast.course, starts_at=timezone.now() + timedelta(minutes=minutes))
    assert statements() == few


def test_an_unknown_page_and_host_are_answered_with_pages(cast: Cast, lecturer: Client) -> None:
    assert lecturer.get("/nowhere").status_code == 404
    stray = Client(headers={"host": "unknown.example"}, REMOTE_ADDR="203.0.113.7")
    answer = stray.get("/")
    assert answer.status_code == 404
    assert b"No campus lives at this address" in answer.content


@pytest.mark.parametrize("topic", ["a\x01b", "a\x0bb", "a\r\nb", "a" * 201])
def test_a_topic_is_one_line_of_text(
    cast: Cast, lecturer: Client, lesson: ClassSession, topic: str
) -> None:
    answer = lecturer.post(page_of(lesson, "start"), {"topic": topic})
    assert answer.status_code == 400
    with campus_scope(cast.campus):
        lesson.refresh_from_db()
    assert lesson.status == ClassSession.Status.SCHEDULED


def test_a_note_with_control_characters_cancels_nothing(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    lecturer.post(page_of(lesson, "off"), {"note": "a\x01b"})
    with campus_scope(cast.campus):
        lesson.refresh_from_db()
    assert lesson.status == ClassSession.Status.SCHEDULED
