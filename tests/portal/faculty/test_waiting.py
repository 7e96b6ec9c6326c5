"""The lecturer's list of waiting check-ins, one-time codes, and what the student sees."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, Policy
from apps.checkin.models import CheckInAttempt
from apps.liveness.models import LivenessCheck
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.checkin.test_offline import closed_at, opened_earlier
from tests.checkin.test_waiting import kept_waiting
from tests.factories import Cast
from tests.phone import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    return opened_earlier(open_session(cast), timedelta(hours=1))


@pytest.fixture
def waiting(cast: Cast, session: ClassSession) -> list[UUID]:
    return [kept_waiting(cast, session, student) for student in (cast.student, cast.classmate)]


@pytest.fixture
def lecturer(cast: Cast, client: Client) -> Client:
    client.force_login(cast.lecturer.user)  # type: ignore[arg-type]
    client.defaults["HTTP_HOST"] = cast.host
    return client


def statuses(cast: Cast) -> dict[str, str]:
    with campus_scope(cast.campus):
        return dict(AttendanceRecord.objects.values_list("student__code", "status"))


def test_the_page_lists_them_with_what_they_lack(
    lecturer: Client, session: ClassSession, waiting: list[UUID]
) -> None:
    page = lecturer.get(f"/teach/sessions/{session.pk}/").content.decode()
    assert "Waiting for you" in page
    assert page.count("the place is not proven") >= 2
    for attempt in waiting:
        assert f'value="{attempt}"' in page


def test_a_second_opinion_about_head_turns_is_told_where_there_is_one(
    lecturer: Client, cast: Cast, session: ClassSession, waiting: list[UUID]
) -> None:
    page = f"/teach/sessions/{session.pk}/"
    assert "second opinion" not in lecturer.get(page).content.decode()
    now = timezone.now()
    with campus_scope(cast.campus):
        for attempt, found in zip(waiting, ({"second_opinion": 0.9}, {"across": []}), strict=True):
            LivenessCheck.objects.create(
                student=cast.student,
                reference=str(attempt),
                measurements=found,
                told_at=now,
                sent_at=now,
            )
    shown = lecturer.get(page).content.decode()
    assert shown.count("second opinion, often wrong: a live face.") == 1


def test_one_press_accepts_all_that_are_ticked(
    lecturer: Client, cast: Cast, session: ClassSession, waiting: list[UUID]
) -> None:
    url = f"/teach/sessions/{session.pk}/waiting"
    answer = lecturer.post(url, {"attempt": waiting, "decision": "accept"}, follow=True)
    assert "2 check-ins accepted." in answer.content.decode()
    assert statuses(cast) == {"STUD": "present", "MATE": "present"}


def test_each_has_buttons_of_its_own(
    lecturer: Client, cast: Cast, session: ClassSession, waiting: list[UUID]
) -> None:
    """What else is ticked does not matter then."""
    url = f"/teach/sessions/{session.pk}/waiting"
    lecturer.post(url, {"attempt": waiting, "refuse": waiting[0]})
    assert statuses(cast) == {}
    lecturer.post(url, {"attempt": waiting, "accept": waiting[1]})
    assert statuses(cast) == {"MATE": "present"}
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.get(pk=waiting[0]).reason == "declined"


@pytest.mark.parametrize(
    "body",
    [{}, {"decision": "accept"}, {"decision": "x", "attempt": "y"}, {"accept": "no id"}],
)
def test_nothing_is_decided_by_half_a_form(
    lecturer: Client, cast: Cast, session: ClassSession, waiting: list[UUID], body: dict[str, str]
) -> None:
    url = f"/teach/sessions/{session.pk}/waiting"
    answer = lecturer.post(url, body, follow=True)
    assert "Select at least one check-in." in answer.content.decode()
    assert statuses(cast) == {}


def test_the_list_alone_is_a_partial(
    lecturer: Client, session: ClassSession, waiting: list[UUID]
) -> None:
    url = f"/teach/sessions/{session.pk}/waiting"
    partial = lecturer.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in partial
    assert str(waiting[0]) in partial
    assert lecturer.get(url).status_code == 302


def test_when_nobody_may_decide_any_more_there_are_no_buttons(
    lecturer: Client, cast: Cast, session: ClassSession, waiting: list[UUID]
) -> None:
    closed_at(session, timezone.now())
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, edit_days=0, created_at=timezone.now())
        ClassSession.objects.update(ends_at=timezone.now() - timedelta(minutes=1))
    page = lecturer.get(f"/teach/sessions/{session.pk}/").content.decode()
    assert "the place is not proven" in page
    assert 'name="accept"' not in page


def test_the_day_names_the_sessions_in_which_somebody_waits(
    lecturer: Client, session: ClassSession, waiting: list[UUID]
) -> None:
    assert "2 check-ins of CS201-A" in lecturer.get("/teach/").content.decode()


def test_the_student_sees_that_it_waits(
    cast: Cast, client: Client, session: ClassSession, waiting: list[UUID]
) -> None:
    client.force_login(cast.student.user)  # type: ignore[arg-type]
    page = client.get("/attendance/", headers={"host": cast.host}).content.decode()
    assert "without proof of the place" in page
    assert "it lapses on" in page


# --- One-time codes --------------------------------------------------------------------------


def test_a_code_is_given_to_a_student_that_was_searched_for(
    lecturer: Client, cast: Cast, session: ClassSession
) -> None:
    url = f"/teach/sessions/{session.pk}/code"
    page = lecturer.get(url, {"q": cast.classmate.code}).content.decode()
    assert f'value="{cast.classmate.pk}"' in page
    assert f'value="{cast.student.pk}"' not in page
    assert cast.stranger.full_name not in lecturer.get(url, {"q": "Student"}).content.decode()
    made = lecturer.post(url, {"student": cast.student.pk}, headers={"HX-Request": "true"})
    text = made.content.decode()
    assert cast.student.full_name in text
    code = text.partition('dir="ltr">')[2][:6]
    phone = Phone(cast, cast.student)
    assert phone.redeem(session=session.pk, one_time_code=code).status_code == 201
    assert made.headers["Cache-Control"]


def test_a_code_for_the_class_is_offered_where_the_policy_knows_it(
    lecturer: Client, cast: Cast, session: ClassSession
) -> None:
    url = f"/teach/sessions/{session.pk}/code"
    assert "whole_class" not in lecturer.get(url).content.decode()
    assert lecturer.post(url, {"whole_class": "1"}).status_code == 409
    with campus_scope(cast.campus):
        held = ClassSession.objects.get(pk=session.pk)
        held.policy = {**held.policy, "class_code_weight": "0.30"}
        held.save()
    assert "whole_class" in lecturer.get(url).content.decode()
    assert "Code for the whole class" in lecturer.post(url, {"whole_class": "1"}).content.decode()


@pytest.mark.parametrize("student", ["", "x", "٣", "9" * 30])
def test_an_odd_student_is_refused(lecturer: Client, session: ClassSession, student: str) -> None:
    answer = lecturer.post(f"/teach/sessions/{session.pk}/code", {"student": student})
    assert answer.status_code == 400
