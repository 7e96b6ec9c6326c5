"""The scanner's page, who is signed in there, and what is noted as having been online."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.services import SYSTEM
from apps.checkin.services.rapid_codes import challenge_show, over_at
from apps.sessions.models import ClassSession
from apps.sessions.services import session_complete
from apps.signin.online import Heard, minutes_noted
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.factories import Cast
from tests.phone import code_of
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    return open_session(cast)


@pytest.fixture
def student(cast: Cast) -> Client:
    assert cast.student.user is not None
    return client_of(cast, cast.student.user)


def noted(cast: Cast) -> list[Heard]:
    assert cast.student.user is not None
    with campus_scope(cast.campus):
        return minutes_noted(user_id=cast.student.user.pk)


def link(cast: Cast, session: ClassSession, *, ago: timedelta = timedelta(0)) -> str:
    return f"/C/{code_of(cast, session.pk, timezone.now() - ago).token}"


def test_the_link_of_a_code_that_stands_is_no_sign_of_a_network(
    cast: Cast, student: Client, session: ClassSession
) -> None:
    before = noted(cast)
    assert student.get(link(cast, session)).status_code == 200
    assert noted(cast) == before


def test_the_link_of_an_old_code_is_one(cast: Cast, student: Client, session: ClassSession) -> None:
    assert student.get(link(cast, session, ago=timedelta(minutes=1))).status_code == 410
    assert [one.opening for one in noted(cast)] == [False]


@pytest.mark.parametrize("path", ["/c/scan", "/c/state", "/sw.js", "/manifest.webmanifest"])
def test_what_a_browser_asks_by_itself_is_of_one_that_comes_back(
    cast: Cast, student: Client, path: str
) -> None:
    assert student.get(path).status_code == 200
    assert all(one.opening for one in noted(cast))


def test_the_scanner_knows_nobody(cast: Cast, student: Client) -> None:
    nobody = Client(headers={"host": cast.host})
    assert student.get("/c/scan").content == nobody.get("/c/scan").content
    assert nobody.get("/c/state").json()["student"] is None
    assert student.get("/c/state").json()["student"] == cast.student.pk


@pytest.mark.parametrize("named", ["", "x", "-1", "9" * 30, "0"])
def test_a_session_that_is_none_has_no_challenge(student: Client, named: str) -> None:
    assert student.get("/c/state", {"session": named}).json()["challenge"] is False


def test_a_challenge_is_told_to_students_only(
    cast: Cast, student: Client, session: ClassSession
) -> None:
    asked = {"session": str(session.pk)}
    assert student.get("/c/state", asked).json()["challenge"] is False
    with campus_scope(cast.campus):
        challenge = challenge_show(session=session, now=timezone.now(), actor=SYSTEM)
    assert over_at(challenge) > timezone.now()
    assert student.get("/c/state", asked).json()["challenge"] is True
    nobody = Client(headers={"host": cast.host})
    assert nobody.get("/c/state", asked).json()["challenge"] is False


def test_the_worker_names_files_that_exist(cast: Cast) -> None:
    first = Client(headers={"host": cast.host}).get("/sw.js").content.decode().splitlines()[0]
    shell = json.loads(first.removeprefix("self.SHELL = ").removesuffix(";"))
    assert shell["page"] == "/c/scan"
    for path in [*shell["files"], shell["queue"]]:
        assert finders.find(path.removeprefix("/static/")), path


def test_a_page_hears_that_the_session_is_over(
    cast: Cast, student: Client, session: ClassSession
) -> None:
    asked = {"session": str(session.pk)}
    assert student.get("/c/state", asked).json()["open"] is True
    with CaptureQueriesContext(connection) as again:
        assert student.get("/c/state", asked).json()["open"] is True
    assert [one["sql"] for one in again if "class_sessions" in one["sql"]] == []
    nobody = Client(headers={"host": cast.host})
    assert nobody.get("/c/state", asked).json()["open"] is False
    with campus_scope(cast.campus):
        session_complete(session=session, now=timezone.now(), actor=SYSTEM, enrolled=1)
    assert student.get("/c/state", asked).json()["open"] is False
    assert student.get("/c/state", {"session": "999999"}).json()["open"] is False


def test_browsers_are_counted_one_by_one(
    cast: Cast, student: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "scan_state", "1/min")
    assert cast.student.user is not None
    other = client_of(cast, cast.student.user)
    codes = [browser.get("/c/state").status_code for browser in (student, other, student)]
    assert codes == [200, 200, 429]


@pytest.mark.parametrize("path", ["/", "/devices/", "/accounts/password/change/"])
def test_pages_of_students_name_whose_they_are(cast: Cast, student: Client, path: str) -> None:
    """Tokens of forms are renewed for this person only (static/js/form-token.js)."""
    assert cast.student.user is not None
    page = student.get(path, follow=True).content.decode()
    assert f'<meta name="campus-user" content="{cast.student.user.pk}">' in page


def test_the_page_of_a_check_in_names_whose_it_is(
    cast: Cast, student: Client, session: ClassSession
) -> None:
    assert cast.student.user is not None
    whose = f'<meta name="campus-user" content="{cast.student.user.pk}">'
    assert whose in student.get(link(cast, session), follow=True).content.decode()
    assert "campus-user" not in student.get("/c/scan").content.decode()
