"""The kiosk of a room: opened by a link once, follows what is on there, ended by the office."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.services.register import register_close, register_open
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.checkin.services.codes import student_code_issue
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.terminals import tasks
from apps.terminals.models import CardTerminal, Punch
from apps.terminals.selectors import terminals_unwell
from tests.admin.support import client_of, url
from tests.factories import Cast, enroll, make_classroom, make_session
from tests.terminals.support import (
    MINUTE,
    allow_cards,
    give_card,
    make_terminal,
    open_lesson,
    register,
)
from tests.terminals.test_kiosk import post, read, shown
from tests.terminals.test_readers import PUNCHES, SERIAL, reader

pytestmark = pytest.mark.django_db
PART = {"hx-request": "true"}


@pytest.fixture
def moment() -> datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def code(cast: Cast, moment: datetime) -> str:
    with campus_scope(cast.campus):
        allow_cards(moment, arrivals="names")
        give_card(cast.student, "0004A21F", now=moment)
        return make_terminal(cast.classroom, now=moment, kind="room_kiosk")[1]


@pytest.fixture
def kiosk(cast: Cast, code: str) -> Client:
    client = Client(headers={"host": cast.host})
    assert opened(client, code) == 302
    return client


def opened(client: Client, code: str) -> int:
    return client.post("/kiosk/room", {"code": code}).status_code


def told(cast: Cast, session: ClassSession, student: Student) -> str:
    with campus_scope(cast.campus):
        return student_code_issue(
            session=session, student_id=student.pk, now=timezone.now(), actor=SYSTEM
        )[0]


def page_of(kiosk: Client) -> str:
    """What is on, without tags and with single spaces."""
    answer = kiosk.get("/kiosk/", headers=PART)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


# --- Opening ---------------------------------------------------------------------------------


def test_the_administration_shows_a_link_once(cast: Cast) -> None:
    office = client_of(cast, cast.admin)
    form = {"name": "Door", "kind": "room_kiosk", "classroom": cast.classroom.pk, "is_active": "on"}
    page = office.post(url(CardTerminal, "add"), form)
    text = page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert "terminal_" not in text
    assert "<svg" in text
    found = re.search(rf"https?://{cast.host}[^/]*/kiosk/room#([0-9A-Z-]{{14}})<", text)
    assert found is not None
    tablet = Client(headers={"host": cast.host})
    assert opened(tablet, found[1]) == 302
    with campus_scope(cast.campus):
        row = CardTerminal.objects.get()
    asked = {"action": "replace_token", "_selected_action": [str(row.pk)]}
    text = office.post(url(CardTerminal, "changelist"), asked).content.decode()
    assert tablet.get("/kiosk/").status_code == 403
    again = re.search(r"/kiosk/room#([0-9A-Z-]{14})<", text)
    assert again is not None
    assert opened(tablet, again[1]) == 302
    assert tablet.get("/kiosk/").status_code == 200


def test_opening_signs_out_and_leaves_a_cookie_for_the_kiosk_alone(cast: Cast, code: str) -> None:
    client = Client(headers={"host": cast.host})
    client.force_login(cast.admin)
    assert code not in client.get("/kiosk/room").content.decode()
    assert client.get("/people/").status_code != 302
    assert opened(client, code) == 302
    assert client.get("/teach/").status_code == 302
    cookie = client.cookies["campus_kiosk"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/kiosk/", True, "Strict")
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="terminals.kiosk.opened")
        row = CardTerminal.objects.get()
    assert entry.actor_label == "Admin"
    assert (row.opening_digest, row.opens_until) == (None, None)
    assert row.heard_at is not None


def test_a_code_opens_once_and_as_it_is_typed(cast: Cast, code: str) -> None:
    first, second = Client(headers={"host": cast.host}), Client(headers={"host": cast.host})
    assert opened(first, code.lower().replace("-", " ").replace("0", "o")) == 302
    refused = second.post("/kiosk/room", {"code": code})
    assert (refused.status_code, "was used" in refused.content.decode()) == (403, True)
    assert "campus_kiosk" not in refused.cookies
    assert first.get("/kiosk/").status_code == 200


@pytest.mark.parametrize("text", ["", "0" * 12, "é" * 40, "0000-0000-000"])
def test_other_codes_open_nothing(cast: Cast, code: str, text: str) -> None:
    assert opened(Client(headers={"host": cast.host}), text) == 403


def test_a_code_is_good_for_minutes_an_active_terminal_and_its_campus(
    cast: Cast, other_cast: Cast, code: str, moment: datetime
) -> None:
    client = Client(headers={"host": cast.host})
    assert opened(Client(headers={"host": other_cast.host}), code) == 403
    good = moment + timedelta(minutes=15)
    for changed in ({"opens_until": moment}, {"opens_until": good, "is_active": False}):
        with campus_scope(cast.campus):
            assert CardTerminal.objects.get().opens_until in (moment, good)
            CardTerminal.objects.update(**changed)
        assert opened(client, code) == 403
    with campus_scope(cast.campus):
        CardTerminal.objects.update(is_active=True)
    assert opened(client, code) == 302


def test_codes_are_not_tried_out(cast: Cast, code: str) -> None:
    client = Client(headers={"host": cast.host})
    answers = [opened(client, "0" * 12) for _time in range(21)]
    assert (set(answers[:20]), answers[20]) == ({403}, 429)
    assert opened(client, code) == 429


# --- Ending ----------------------------------------------------------------------------------


def test_switching_it_off_ends_it_at_once_and_the_door_cannot(cast: Cast, kiosk: Client) -> None:
    with campus_scope(cast.campus):
        lesson = open_lesson(cast, now=timezone.now(), starts_at=timezone.now())
    kiosk.force_login(cast.lecturer.user)
    for path in ("end", f"open/{lesson.pk}"):
        assert kiosk.post(f"/kiosk/{path}").status_code == 403
    assert kiosk.get("/kiosk/").status_code == 200
    with campus_scope(cast.campus):
        row = CardTerminal.objects.get()
    form = {"name": "Door", "classroom": cast.classroom.pk}
    assert client_of(cast, cast.admin).post(url(CardTerminal, "change", row.pk), form)
    page = kiosk.get("/kiosk/", headers=PART)
    assert (page.status_code, "has ended" in page.content.decode()) == (403, True)
    assert read(kiosk, "0004A21F").status_code == 403
    assert post(kiosk, "code", number="STUD", code="1").status_code == 403
    with campus_scope(cast.campus):
        assert not Punch.objects.exists()


def test_its_token_opens_the_kiosk_and_no_other_address(
    cast: Cast, other_cast: Cast, kiosk: Client, moment: datetime
) -> None:
    token = kiosk.cookies["campus_kiosk"].value
    body = {"punches": []}
    assert reader(cast, token).post(PUNCHES, body, format="json").status_code == 401
    anyone = Client(headers={"host": cast.host})
    assert anyone.post(f"/hikvision/{token}", {}).status_code == 403
    assert anyone.get(f"/iclock/{token}/ping?SN={SERIAL}").status_code == 403
    assert kiosk.get("/kiosk/", headers={"host": other_cast.host}).status_code == 403
    with campus_scope(cast.campus):
        _reader, other = make_terminal(cast.classroom, now=moment, name="Reader")
    anyone.cookies["campus_kiosk"] = other
    assert anyone.get("/kiosk/").status_code == 403


# --- What is on ------------------------------------------------------------------------------


def test_it_follows_what_is_on_in_its_room(cast: Cast, kiosk: Client, moment: datetime) -> None:
    assert page_of(kiosk) == "Main 101 No class now"
    with campus_scope(cast.campus):
        later = make_session(cast.course, starts_at=moment + 2 * timedelta(days=1))
    assert "No class now Next: Algorithms, " in page_of(kiosk)
    with campus_scope(cast.campus):
        ClassSession.objects.filter(pk=later.pk).update(starts_at=moment + 5 * MINUTE)
    assert "Hold your card to the reader Next: Algorithms, " in page_of(kiosk)
    with campus_scope(cast.campus):
        later.refresh_from_db()
        lesson = register_open(session=later, topic="Sorting", now=moment, actor=SYSTEM)
    assert page_of(kiosk).startswith("Algorithms CS201-A Main 101 ")
    assert page_of(kiosk).endswith("Hold your card to the reader")
    with campus_scope(cast.campus):
        both = open_lesson(
            cast, now=moment, course=cast.other_course, starts_at=moment, classroom=cast.classroom
        )
    assert re.match("Main 101 Algorithms CS305-A .* Algorithms CS201-A", page_of(kiosk))
    with campus_scope(cast.campus):
        register_close(session=lesson, now=moment, actor=SYSTEM)
        ClassSession.objects.filter(pk=both.pk).update(classroom=make_classroom("102"))
    assert page_of(kiosk) == "Main 101 No class now"


def test_cards_are_asked_for_as_the_policy_says(
    cast: Cast, kiosk: Client, moment: datetime
) -> None:
    with campus_scope(cast.campus):
        allow_cards(moment, None)
        lesson = open_lesson(cast, now=moment, starts_at=moment)
    page = kiosk.get("/kiosk/", headers=PART).content.decode()
    assert ("data-cards" in page, "data-codes" in page) == (False, True)
    assert page_of(kiosk).endswith("Type your number and your code")
    with campus_scope(cast.campus):
        register_close(session=lesson, now=moment, actor=SYSTEM)
    page = kiosk.get("/kiosk/", headers=PART).content.decode()
    assert ("data-cards" in page, "data-codes" in page) == (False, False)


def test_asking_again_is_a_304_of_few_statements(
    cast: Cast, kiosk: Client, moment: datetime
) -> None:
    with campus_scope(cast.campus):
        open_lesson(cast, now=moment, starts_at=moment)
    first = kiosk.get("/kiosk/", headers=PART)
    with CaptureQueriesContext(connection) as queries:
        again = kiosk.get("/kiosk/", headers={**PART, "if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    asked = [one["sql"] for one in queries if one["sql"].startswith(("SELECT", "UPDATE"))]
    tables = [one for one in asked if " FROM " in one or one.startswith("UPDATE")]
    assert len(tables) <= 6, tables


def test_a_kiosk_that_is_silent_is_unwell(cast: Cast, kiosk: Client, moment: datetime) -> None:
    with campus_scope(cast.campus):
        CardTerminal.objects.update(heard_at=moment - timedelta(minutes=61))
        assert [is_silent for _one, is_silent in terminals_unwell(now=moment)] == [True]
    kiosk.get("/kiosk/", headers=PART)
    with campus_scope(cast.campus):
        assert terminals_unwell(now=moment) == []


# --- Cards and codes -------------------------------------------------------------------------


def test_a_card_before_the_lesson_counts_when_it_opens(
    cast: Cast, kiosk: Client, moment: datetime
) -> None:
    assert shown(read(kiosk, "0004A21F")) == ("refused", "no session in this room at this time")
    with campus_scope(cast.campus):
        lesson = make_session(cast.course, starts_at=moment + 5 * MINUTE)
    for key in ("2", "3"):
        result = read(kiosk, "04:A2:1F", key=key).json()["results"][0]
        assert (result["state"], result["name"]) == ("waits", "Student STUD")
        assert result["text"] == "It counts as soon as the class is opened."
    assert shown(read(kiosk, "777777", key="4")) == ("refused", "card not known on this campus")
    with campus_scope(cast.campus):
        register_open(session=lesson, topic="Sorting", now=timezone.now(), actor=SYSTEM)
    tasks.work_in()
    with campus_scope(cast.campus):
        assert register(lesson) == {"STUD": ("present", 0)}
        [attempt] = CheckInAttempt.objects.all()
        assert (attempt.method, attempt.device_id) == ("card", None)
        assert Punch.objects.get(key="4").status == "queued"


def test_names_are_shown_as_the_session_of_the_card_says(
    cast: Cast, kiosk: Client, moment: datetime
) -> None:
    with campus_scope(cast.campus):
        give_card(cast.stranger, "0004A221", now=moment)
        enroll(cast.stranger, cast.other_course)
        allow_cards(moment, arrivals="initials", course=cast.other_course)
        for course in (cast.course, cast.other_course):
            open_lesson(cast, now=moment, course=course, starts_at=moment, classroom=cast.classroom)
    at = timezone.now().isoformat()
    cards = [{"id": card, "card": card, "at": at} for card in ("0004A21F", "0004A221")]
    answer = post(kiosk, "punch", punches=cards, sent_at=at).json()
    assert [one["name"] for one in answer["results"]] == ["Student STUD", "S.S."]


def test_cards_kept_over_a_change_of_session_count_in_each(
    cast: Cast, kiosk: Client, moment: datetime
) -> None:
    with campus_scope(cast.campus):
        enroll(cast.student, cast.other_course)
        start = moment - 80 * MINUTE
        first = open_lesson(cast, now=start, starts_at=start, ends_at=start + 45 * MINUTE)
        register_close(session=first, now=start + 46 * MINUTE, actor=SYSTEM)
        second = open_lesson(
            cast,
            now=moment,
            course=cast.other_course,
            starts_at=moment,
            classroom=cast.classroom,
        )
    read_at = [start, moment]
    cards = [{"id": str(at), "card": "0004A21F", "at": at.isoformat()} for at in read_at]
    answer = post(kiosk, "punch", punches=cards, sent_at=timezone.now().isoformat())
    assert [one["state"] for one in answer.json()["results"]] == ["welcome", "welcome"]
    with campus_scope(cast.campus):
        assert register(first)["STUD"] == register(second)["STUD"] == ("present", 0)


def test_a_code_is_of_the_session_in_which_the_student_is(
    cast: Cast, kiosk: Client, moment: datetime
) -> None:
    assert shown(post(kiosk, "code", number="MATE", code="1")) == (
        "refused",
        "This session is not open.",
    )
    with campus_scope(cast.campus):
        enroll(cast.stranger, cast.other_course)
        enroll(cast.classmate, cast.other_course)
        mine, other = (
            open_lesson(cast, now=moment, course=course, starts_at=moment, classroom=cast.classroom)
            for course in (cast.course, cast.other_course)
        )
    code = told(cast, other, cast.stranger)
    assert shown(post(kiosk, "code", number="stra", code=code)) == ("welcome", "Student STRA")
    code = told(cast, mine, cast.student)
    assert shown(post(kiosk, "code", number="STUD", code=code)) == ("welcome", "Student STUD")
    code = told(cast, mine, cast.classmate)
    state, text = shown(post(kiosk, "code", number="MATE", code=code))
    assert (state, "both classes" in text) == ("refused", True)
    with campus_scope(cast.campus):
        assert set(register(other)) == {"STRA"}
        assert set(register(mine)) == {"STUD"}
        assert set(CheckInAttempt.objects.values_list("method", flat=True)) == {"kiosk"}
        register_close(session=other, now=timezone.now(), actor=SYSTEM)
    assert shown(post(kiosk, "code", number="MATE", code=code)) == ("welcome", "Student MATE")


def test_a_session_in_another_room_takes_no_code_here(
    cast: Cast, kiosk: Client, moment: datetime
) -> None:
    with campus_scope(cast.campus):
        elsewhere = make_classroom("102")
        lesson = open_lesson(cast, now=moment, starts_at=moment, classroom=elsewhere)
    code = told(cast, lesson, cast.student)
    assert shown(post(kiosk, "code", number="STUD", code=code))[0] == "refused"
    assert shown(read(kiosk, "0004A21F")) == ("refused", "no session in this room at this time")


def test_each_kiosk_is_limited_by_itself(
    cast: Cast, kiosk: Client, moment: datetime, settings: Any
) -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {**rates, "kiosk_one": "2/min"},
    }
    with campus_scope(cast.campus):
        _other, code = make_terminal(
            cast.classroom, now=moment, kind="room_kiosk", name="Back door"
        )
    neighbour = Client(headers={"host": cast.host})
    assert opened(neighbour, code) == 302
    answers = [post(kiosk, "code", number="MATE", code="1").status_code for _time in range(3)]
    assert answers == [200, 200, 429]
    assert read(kiosk, "0004A21F").status_code == 429
    assert post(neighbour, "code", number="MATE", code="1").status_code == 200
