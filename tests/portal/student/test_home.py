"""The student's start page, the page of everything else, and the frame around both."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.accounts.models import Device, Member, Membership, Role
from apps.notifications.services import notify
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_course, make_session
from tests.leave.support import closed, marked, opened
from tests.portal.support import INLINE, client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def student(cast: Cast) -> Client:
    return client_of(cast, cast.student.user)


def page(client: Client, path: str = "/home/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    """A session of the student's course that is open now."""
    with campus_scope(cast.campus):
        return opened(cast, timezone.now() - timedelta(minutes=5))


def test_an_open_session_offers_the_check_in(student: Client, lesson: ClassSession) -> None:
    text = page(student)
    assert "Now</span>" in text
    assert "now-check-in" in text
    assert 'href="/c"' in text


@pytest.mark.parametrize(
    ("status", "offered"),
    [("present", False), ("late", False), ("excused", False), ("absent", True)],
)
def test_who_is_marked_need_not_check_in(
    cast: Cast, student: Client, lesson: ClassSession, status: str, offered: bool
) -> None:
    with campus_scope(cast.campus):
        marked(lesson, cast.student, status, timezone.now())
    assert ("now-check-in" in page(student)) is offered


def test_a_session_of_others_is_not_shown(cast: Cast, lesson: ClassSession) -> None:
    text = page(client_of(cast, cast.stranger.user))
    assert "now-check-in" not in text
    assert "Nothing is planned" in text


def test_the_next_session_may_be_on_a_later_day(cast: Cast, student: Client) -> None:
    at = timezone.now() + timedelta(days=3)
    with campus_scope(cast.campus):
        make_session(cast.course, starts_at=at, status=ClassSession.Status.CANCELLED)
        make_session(cast.course, starts_at=at + timedelta(days=1))
        make_session(cast.course, starts_at=at + timedelta(days=2))
    text = page(student)
    later = timezone.localtime(at + timedelta(days=1), cast.campus.zone)
    assert f"{later:%A}, {later.day} {later:%B}" in text
    assert "Nothing is planned" not in text


def test_warnings_and_unread_messages_are_shown(cast: Cast, student: Client) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        closed(cast, now - timedelta(days=1))
        for number in range(5):
            notify(
                kind="announcement",
                user_ids=[cast.student.user_id],
                title=f"Number {number}",
                body="Bring it.",
                now=now,
                key=f"n{number}",
            )
    text = page(student)
    assert "Below the required 75 %" in text
    assert [f"Number {n}" in text for n in range(5)] == [False, False, True, True, True]


def test_a_device_that_somebody_asked_for_is_told_with_its_date(
    cast: Cast, student: Client
) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        Device.objects.create(
            student=cast.student,
            device_uuid="d",
            public_key=b"k",
            kind="web",
            bound_at=now,
            last_seen_at=now,
            rebind_requested_at=now,
        )
    free_at = timezone.localtime(now + timedelta(hours=48), cast.campus.zone)
    assert f"{free_at:%A}, {free_at.day} {free_at:%B}, {free_at:%H:%M}" in page(student)


def test_the_page_asks_no_more_for_many_sessions(cast: Cast, student: Client) -> None:
    now = timezone.now()

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(student)
        return len(asked)

    with campus_scope(cast.campus):
        opened(cast, now - timedelta(minutes=5))
        make_session(cast.course, starts_at=now + timedelta(minutes=1))
    page(student)
    before = statements()
    with campus_scope(cast.campus):
        for number in range(5):
            course = make_course(faculty=cast.outsider, code=f"XX{number}-A")
            enroll(cast.student, course)
            opened(cast, now - timedelta(minutes=5), course=course)
            make_session(course, starts_at=now + timedelta(minutes=2))
    assert statements() == before
    assert before <= 22


# --- The frame -------------------------------------------------------------------------------


def test_who_only_studies_gets_the_light_frame(cast: Cast, student: Client) -> None:
    for path in ("/home/", "/more/", "/attendance/", "/week/", "/messages/", "/leave/", "/nothing"):
        text = student.get(path).content.decode()
        assert 'class="tabs"' in text, path
        assert "bootstrap.min.css" not in text, path
        assert 'rel="manifest"' in text, path


def test_who_teaches_as_well_keeps_the_menu_of_lecturers(cast: Cast) -> None:
    with campus_scope(cast.campus):
        Membership.objects.create(user=cast.student.user, role=Role.FACULTY)
    text = client_of(cast, cast.student.user).get("/home/").content.decode()
    assert 'class="tabs"' not in text
    assert 'class="site-nav"' in text
    assert 'href="/home/"' in text


def test_pages_carry_no_inline_script_or_style(cast: Cast, student: Client) -> None:
    for path in ("/home/", "/more/", "/devices/", "/consents/", "/face/", "/class/"):
        found = INLINE.search(student.get(path).content)
        assert found is None, (path, found)


# --- The language ----------------------------------------------------------------------------


def test_the_language_is_offered_where_there_is_a_choice(
    cast: Cast, student: Client, settings: Settings
) -> None:
    assert page(student, "/more/").count("language-choice") == 2  # the label and its field
    settings.LANGUAGES = [("en", "English")]
    assert "language-choice" not in page(student, "/more/")


def test_the_language_is_that_of_pages_and_messages(
    cast: Cast, student: Client, settings: Settings
) -> None:
    settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
    answer = student.post("/language", {"language": "ar", "next": "/more/"})
    assert (answer.status_code, answer["Location"]) == (302, "/more/")
    assert 'dir="rtl"' in page(student, "/more/")
    with campus_scope(cast.campus):
        assert Member.objects.get(user=cast.student.user).language == "ar"


def test_no_other_language_and_no_other_site_is_followed(cast: Cast, student: Client) -> None:
    answer = student.post("/language", {"language": "xx", "next": "https://evil.example/"})
    assert answer["Location"] == "/"
    with campus_scope(cast.campus):
        assert Member.objects.get(user=cast.student.user).language == ""
