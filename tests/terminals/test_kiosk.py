"""The kiosk: opened for one session, signed out of pages, cards and codes, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.checkin.services.codes import class_code_issue, student_code_issue
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.terminals.models import CardTerminal, Punch
from tests.factories import Cast
from tests.terminals.support import MINUTE, allow_cards, give_card, open_lesson, register

pytestmark = pytest.mark.django_db


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    now = timezone.now()
    with campus_scope(cast.campus):
        allow_cards(now, class_code_weight="1.00", arrivals="names")
        give_card(cast.student, "0004A21F", now=now)
        return open_lesson(cast, now=now, starts_at=now - 5 * MINUTE)


@pytest.fixture
def kiosk(cast: Cast, lesson: ClassSession) -> Client:
    return opened(cast, lesson, cast.lecturer.user)


def opened(cast: Cast, lesson: ClassSession, user: Any) -> Client:
    client = Client(headers={"host": cast.host})
    client.force_login(user)
    answer = client.post(f"/kiosk/open/{lesson.pk}")
    assert (answer.status_code, answer["Location"]) == (302, "/kiosk/")
    return client


def post(client: Client, name: str, **body: Any) -> Any:
    return client.post(f"/kiosk/{name}", body, content_type="application/json")


def read(client: Client, card: str, key: str = "1") -> Any:
    at = timezone.now().isoformat()
    punches = [{"id": key, "card": card, "at": at}]
    return post(client, "punch", punches=punches, sent_at=at)


def shown(answer: Any) -> tuple[str, str]:
    assert answer.status_code == 200, answer.content
    body = answer.json()
    result = body["results"][0] if "results" in body else body
    return result["state"], result["name"] or result["text"]


def test_opening_signs_the_lecturer_out(cast: Cast, kiosk: Client, lesson: ClassSession) -> None:
    page = kiosk.get("/kiosk/").content.decode()
    assert "Hold your card to the reader" in page
    assert kiosk.get("/teach/").status_code == 302
    cookie = kiosk.cookies["campus_kiosk"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/kiosk/", True, "Strict")
    with campus_scope(cast.campus):
        row = CardTerminal.objects.get()
        assert (row.session_id, row.ends_at) == (lesson.pk, lesson.ends_at + timedelta(minutes=30))
        assert Entry.objects.filter(action="terminals.terminal.added").exists()


def test_a_card_welcomes_by_name_once(cast: Cast, kiosk: Client, lesson: ClassSession) -> None:
    assert shown(read(kiosk, "04:A2:1F")) == ("welcome", "Student STUD")
    again = read(kiosk, "04:A2:1F", key="2").json()["results"][0]
    assert (again["state"], again["text"]) == ("welcome", "You are marked already.")
    assert shown(read(kiosk, "777777", key="3")) == ("refused", "card not known on this campus")
    with campus_scope(cast.campus):
        assert register(lesson) == {"STUD": ("present", 0)}


def test_punches_that_were_kept_ask_no_statement_each(
    cast: Cast, kiosk: Client, lesson: ClassSession
) -> None:
    """Sent twice: known ones are read with what became of them."""
    at, numbers = timezone.now().isoformat(), []
    for size in (2, 30):
        punches = [{"id": f"{size}-{n}", "card": "4A21F", "at": at} for n in range(size)]
        post(kiosk, "punch", punches=punches, sent_at=at)
        with CaptureQueriesContext(connection) as queries:
            answer = post(kiosk, "punch", punches=punches, sent_at=at)
        assert len(answer.json()["results"]) == size
        numbers.append(len(queries))
    assert numbers[1] <= numbers[0] + 1  # the clock may differ by another second


@pytest.mark.parametrize(("arrivals", "name"), [("initials", "S.S."), ("count", "")])
def test_names_are_shown_as_on_the_projector(
    cast: Cast, kiosk: Client, arrivals: str, name: str
) -> None:
    with campus_scope(cast.campus):
        allow_cards(timezone.now(), "0.10", arrivals=arrivals)
    assert read(kiosk, "04:A2:1F").json()["results"][0]["name"] == name


def test_a_told_code_checks_in_without_a_phone(
    cast: Cast, kiosk: Client, lesson: ClassSession
) -> None:
    with campus_scope(cast.campus):
        code, _ends, _student = student_code_issue(
            session=lesson, student_id=cast.classmate.pk, now=timezone.now(), actor=SYSTEM
        )
    assert shown(post(kiosk, "code", number="NOBODY", code=code))[0] == "refused"
    assert shown(post(kiosk, "code", number="stud", code=code))[0] == "refused"
    for _time in range(2):
        assert shown(post(kiosk, "code", number="mate", code=code)) == ("welcome", "Student MATE")
    with campus_scope(cast.campus):
        [attempt] = CheckInAttempt.objects.all()
        assert (attempt.method, attempt.score, attempt.device_id) == ("kiosk", 1, None)
        assert register(lesson) == {"MATE": ("present", 0)}


def test_a_code_for_the_class_is_for_phones(
    cast: Cast, kiosk: Client, lesson: ClassSession
) -> None:
    """At a kiosk anybody could type it with a friend's number."""
    with campus_scope(cast.campus):
        code, _ends = class_code_issue(session=lesson, now=timezone.now(), actor=SYSTEM)
    for _time in range(5):
        assert shown(post(kiosk, "code", number="MATE", code=code))[0] == "refused"
    with campus_scope(cast.campus):
        own, _ends, _student = student_code_issue(
            session=lesson, student_id=cast.classmate.pk, now=timezone.now(), actor=SYSTEM
        )
    state, text = shown(post(kiosk, "code", number="MATE", code=own))
    assert (state, "Too many" in text) == ("refused", True)


def test_a_kiosk_ends_with_its_session(cast: Cast, kiosk: Client, lesson: ClassSession) -> None:
    with campus_scope(cast.campus):
        register_close(session=lesson, now=timezone.now(), actor=SYSTEM)
    page = kiosk.get("/kiosk/")
    assert (page.status_code, "has ended" in page.content.decode()) == (403, True)
    assert shown(post(kiosk, "code", number="MATE", code="1"))[0] == "refused"
    # What was read before the end and kept without network still comes in.
    assert shown(read(kiosk, "0004A21F"))[0] == "welcome"
    with campus_scope(cast.campus):
        assert register(lesson)["STUD"] == ("present", 0)
        CardTerminal.objects.update(ends_at=timezone.now())
    assert read(kiosk, "0004A21F", key="9").status_code == 403


def test_ending_it_makes_an_ordinary_browser(cast: Cast, kiosk: Client) -> None:
    assert kiosk.post("/kiosk/end").status_code == 302
    assert kiosk.cookies["campus_kiosk"].value == ""
    assert kiosk.get("/kiosk/").status_code == 403
    with campus_scope(cast.campus):
        assert Entry.objects.filter(action="terminals.kiosk.closed").count() == 1


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"punches": []}', b'{"punches": [1]}'])
def test_what_cannot_be_read_is_refused(cast: Cast, kiosk: Client, body: bytes) -> None:
    answer = kiosk.post("/kiosk/punch", body, content_type="application/json")
    assert answer.status_code == 400
    with campus_scope(cast.campus):
        assert not Punch.objects.exists()


def test_a_kiosk_of_another_campus_is_none_here(
    cast: Cast, other_cast: Cast, kiosk: Client
) -> None:
    assert kiosk.get("/kiosk/", headers={"host": other_cast.host}).status_code == 403


def test_a_session_that_is_not_open_gets_no_kiosk(cast: Cast, lesson: ClassSession) -> None:
    with campus_scope(cast.campus):
        register_close(session=lesson, now=timezone.now(), actor=SYSTEM)
    client = Client(headers={"host": cast.host})
    client.force_login(cast.admin)
    assert client.post(f"/kiosk/open/{lesson.pk}").status_code == 409
