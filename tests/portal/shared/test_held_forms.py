"""Forms that are sent twice, after the sign-in ended, or from a page that is out of date."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.attendance.models import AttendanceRecord
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import PASSWORD, Cast, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    with campus_scope(cast.campus):
        return make_session(cast.course, starts_at=timezone.now())


def browser_of(cast: Cast, email: str, *, strict: bool = False) -> Client:
    """A browser in which this person signed in by the page: it has the device's cookie."""
    client = Client(
        enforce_csrf_checks=strict,
        headers={"host": cast.host, "origin": f"http://{cast.host}"},
    )
    sign_in(client, email)
    return client


def sign_in(client: Client, email: str, to: str = "/") -> Any:
    page = client.get("/accounts/login/")
    body = {"login": email, "password": PASSWORD, "next": to}
    body["csrfmiddlewaretoken"] = str(page.context["csrf_token"])
    answer = client.post("/accounts/login/", body)
    assert answer.status_code == 302, answer.content
    return answer


def end_session(client: Client) -> None:
    """As after two weeks, or after "sign out everywhere else"."""
    del client.cookies[settings.SESSION_COOKIE_NAME]


def shown_again(content: str) -> tuple[str, dict[str, str]]:
    """Where the held form goes, and its fields."""
    form = re.search(r'<section class="panel">.*?</section>', content, re.S)
    assert form
    action = re.search(r'action="([^"]*)"', form[0])
    assert action
    return action[1], dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', form[0]))


def start_of(session: ClassSession) -> str:
    return f"/teach/sessions/{session.pk}/start"


def status_of(cast: Cast, session: ClassSession) -> str:
    with campus_scope(cast.campus):
        return ClassSession.objects.get(pk=session.pk).status


# --- Twice -----------------------------------------------------------------------------------


def test_the_second_press_of_start_leads_to_the_projector(cast: Cast, lesson: ClassSession) -> None:
    client = browser_of(cast, cast.lecturer.email)
    for _press in range(2):
        answer = client.post(start_of(lesson), {"topic": "Sets"})
        assert answer["Location"] == f"/teach/sessions/{lesson.pk}/projector"


@pytest.mark.parametrize("closing", [{}, {"close_open": "1"}])
def test_the_second_press_starts_no_second_unscheduled_session(
    cast: Cast, closing: dict[str, str]
) -> None:
    client = browser_of(cast, cast.lecturer.email)
    body = {"course": cast.course.pk, "topic": "Extra", **closing}
    first, second = client.post("/teach/start", body), client.post("/teach/start", body)
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    with campus_scope(cast.campus):
        assert ClassSession.objects.get().status == "open"


def test_the_second_press_of_complete_is_no_error(cast: Cast, lesson: ClassSession) -> None:
    client = browser_of(cast, cast.lecturer.email)
    client.post(start_of(lesson), {"topic": "Sets"})
    for _press in range(2):
        client.post(f"/teach/sessions/{lesson.pk}/complete")
    content = client.get(f"/teach/sessions/{lesson.pk}/").content.decode()
    assert "Only an open session can be completed" not in content
    assert "The session is completed already." in content


# --- Signed out ------------------------------------------------------------------------------


def test_what_was_sent_after_the_sign_in_ended_can_be_done_afterwards(
    cast: Cast, lesson: ClassSession
) -> None:
    client = browser_of(cast, cast.lecturer.email)
    end_session(client)
    answer = client.post(start_of(lesson), {"topic": "Sets & <maps>"})
    assert answer["Location"] == "/accounts/login/?next=/continue"
    assert status_of(cast, lesson) == "scheduled"
    back = sign_in(client, cast.lecturer.email, to="/continue")
    page = client.get(back["Location"])
    assert page.status_code == 200
    assert status_of(cast, lesson) == "scheduled"  # showing it does nothing
    assert b"Nothing was saved" in page.content
    assert b"Sets &amp; &lt;maps&gt;" in page.content
    action, fields = shown_again(page.content.decode())
    assert action == start_of(lesson)
    assert client.post(action, {**fields, "topic": "Sets"}).status_code == 302
    assert status_of(cast, lesson) == "open"
    assert b"Sets" not in client.get("/continue").content  # done, and forgotten


def test_somebody_else_does_not_read_what_was_sent(cast: Cast, lesson: ClassSession) -> None:
    client = browser_of(cast, cast.lecturer.email)
    end_session(client)
    client.post(start_of(lesson), {"topic": "Secret plans"})
    sign_in(client, cast.outsider.email)
    content = client.get("/continue").content
    assert b"Secret plans" not in content
    assert b"Nothing was saved" in content


def test_an_unknown_browser_leaves_nothing_in_the_database(
    cast: Cast, lesson: ClassSession
) -> None:
    client = Client(headers={"host": cast.host, "origin": f"http://{cast.host}"})
    answer = client.post(start_of(lesson), {"topic": "Sets"})
    assert answer.status_code == 302
    assert settings.SESSION_COOKIE_NAME not in client.cookies


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_form_of_another_site_is_never_kept(
    cast: Cast, lesson: ClassSession, origin: str
) -> None:
    client = browser_of(cast, cast.lecturer.email)
    end_session(client)
    client.post(start_of(lesson), {"topic": "Planted"}, headers={"origin": origin})
    sign_in(client, cast.lecturer.email)
    assert b"Planted" not in client.get("/continue").content


def test_a_part_of_a_page_is_told_that_nothing_was_saved(cast: Cast, lesson: ClassSession) -> None:
    """A sign-in page in its place reads like an answer: 200, and the dialog closes."""
    client = browser_of(cast, cast.lecturer.email)
    client.post(start_of(lesson), {"topic": "Sets"})
    end_session(client)
    body = {"student": cast.student.pk, "status": "present"}
    answer = client.post(f"/teach/sessions/{lesson.pk}/mark", body, headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer["X-Not-Saved"] == "signed-out"
    assert b"Nothing was saved" in answer.content
    with campus_scope(cast.campus):
        assert not AttendanceRecord.objects.exists()


# --- Out of date -----------------------------------------------------------------------------


def test_a_stale_form_is_shown_again_with_a_fresh_token(cast: Cast, lesson: ClassSession) -> None:
    client = browser_of(cast, cast.lecturer.email, strict=True)
    body = {"topic": "Sets", "csrfmiddlewaretoken": "x" * 64}
    answer = client.post(start_of(lesson), body)
    assert answer.status_code == 403
    assert b"CSRF" not in answer.content
    action, fields = shown_again(answer.content.decode())
    assert (action, fields["topic"]) == (start_of(lesson), "Sets")
    assert client.post(action, fields)["Location"].endswith("/projector")


def test_a_stale_form_after_the_sign_in_ended_is_kept(cast: Cast, lesson: ClassSession) -> None:
    client = browser_of(cast, cast.lecturer.email, strict=True)
    end_session(client)
    del client.cookies[settings.CSRF_COOKIE_NAME]
    answer = client.post(start_of(lesson), {"topic": "Sets"})
    assert answer["Location"] == "/accounts/login/?next=/continue"
    sign_in(client, cast.lecturer.email)
    action, fields = shown_again(client.get("/continue").content.decode())
    assert client.post(action, fields)["Location"].endswith("/projector")


def test_another_sites_form_gets_words_and_no_button(cast: Cast, lesson: ClassSession) -> None:
    client = browser_of(cast, cast.lecturer.email, strict=True)
    answer = client.post(
        start_of(lesson), {"topic": "Planted"}, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert b"Planted" not in answer.content
    assert b"Nothing was saved" in answer.content


def test_passwords_are_not_shown_again(cast: Cast) -> None:
    client = browser_of(cast, cast.lecturer.email, strict=True)
    end_session(client)
    answer = client.post("/accounts/login/", {"login": "a@b.example", "password": "hunter2-x"})
    assert answer.status_code == 403
    assert b"hunter2-x" not in answer.content
    assert b'href="/accounts/login/"' in answer.content


def test_a_stale_part_of_a_page_says_so_and_gets_a_token(cast: Cast, lesson: ClassSession) -> None:
    client = browser_of(cast, cast.lecturer.email, strict=True)
    address = f"/teach/sessions/{lesson.pk}/mark"
    body = {"student": cast.student.pk, "status": "present"}
    answer = client.post(address, body, headers={"hx-request": "true"})
    assert (answer.status_code, answer["X-Not-Saved"]) == (403, "stale")
    token = client.get("/form-token").json()
    assert token["user"] == str(cast.lecturer.user_id)
    again = client.post(address, {**body, "csrfmiddlewaretoken": token["token"]})
    assert again.status_code == 422  # read: the session is not open
