"""Which answers are compressed, and that the board's tag survives it."""

import gzip

import pytest
from django.test import Client
from django.utils import timezone

from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db
GZIP = {"accept-encoding": "gzip, br"}


@pytest.fixture
def lecturer(cast: Cast) -> Client:
    return client_of(cast, cast.lecturer.user)


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    with campus_scope(cast.campus):
        lesson = make_session(cast.course, starts_at=timezone.now())
        return register_open(session=lesson, topic="Sets", now=timezone.now(), actor=SYSTEM)


@pytest.mark.parametrize(
    "path", ["/teach/", "/week/", "/reports/", "/static/css/campus.css", "/static/js/site.js"]
)
def test_pages_scripts_and_styles_are_compressed(lecturer: Client, path: str) -> None:
    answer = lecturer.get(path, headers=GZIP)
    assert answer["Content-Encoding"] == "gzip"
    body = b"".join(answer) if answer.streaming else answer.content
    assert gzip.decompress(body)
    assert "Accept-Encoding" in answer["Vary"]
    assert "Content-Encoding" not in lecturer.get(path)


@pytest.mark.parametrize("asked_by", ["cross-site", "same-site"])
def test_what_another_site_asks_for_is_not(lecturer: Client, asked_by: str) -> None:
    """Else its length tells what is in it (BREACH)."""
    answer = lecturer.get("/teach/", headers={**GZIP, "sec-fetch-site": asked_by})
    assert "Content-Encoding" not in answer


def test_answers_that_bring_tokens_are_not(lecturer: Client) -> None:
    assert "Content-Encoding" not in lecturer.get("/form-token", headers=GZIP)


def test_the_length_of_a_page_varies(lecturer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """By up to a hundred bytes; the page's own token, masked anew each time, moves it by a few."""
    numbers = iter([1, 50, 99])
    monkeypatch.setattr("django.utils.text.secrets.randbelow", lambda _most: next(numbers))
    lengths = [len(lecturer.get("/week/", headers=GZIP).content) for _look in range(3)]
    assert lengths[1] > lengths[0] + 20
    assert lengths[2] > lengths[1] + 20


def test_the_boards_tag_survives(lecturer: Client, session: ClassSession) -> None:
    path = f"/teach/sessions/{session.pk}/board"
    for _try in range(2):  # a code may have changed between the two
        first = lecturer.get(path, headers=GZIP)
        assert first["Content-Encoding"] == "gzip"
        tag = {"if-none-match": first["ETag"]}
        if lecturer.get(path, headers={**GZIP, **tag}).status_code == 304:
            return
    pytest.fail("the board was sent again")
