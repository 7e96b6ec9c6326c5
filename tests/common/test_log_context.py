"""Where a log line comes from: in the line, in the answer, on the error page."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from celery import shared_task
from django.test import Client, RequestFactory
from django.urls import path

from apps.common.error_views import bad_request, server_error
from apps.common.log_context import log_context, logged_fields, new_request_id
from apps.common.logs import HIDDEN, JsonFormatter, RedactingFormatter, without_secrets
from tests.factories import PASSWORD, Cast

logger = logging.getLogger("tests.log_context")


def broken(_request: Any) -> None:
    logger.error("about to fail")
    message = "nobody expected this"
    raise RuntimeError(message)


urlpatterns = [path("accounts/broken", broken)]
handler500 = server_error


class Lines(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(formatter)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.text.append(self.format(record))

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Every line of every logger, as production writes it, debugging ones too."""
    handler, root = Lines(JsonFormatter()), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def test_an_answer_names_its_request(cast: Cast) -> None:
    first, second = (Client(headers={"host": cast.host}).get("/accounts/login/") for _ in "ab")
    assert len(first["X-Request-ID"]) == 32
    assert first["X-Request-ID"] != second["X-Request-ID"]


@pytest.mark.parametrize(
    ("given", "proxies", "kept"),
    [
        ("4f6c2d0a-1111", 1, True),
        ("4f6c2d0a-1111", 0, False),
        ("short", 1, False),
        ("a line\nof another log", 1, False),
        ("x" * 65, 1, False),
    ],
)
def test_only_a_proxy_gives_an_id(given: str, proxies: int, kept: bool) -> None:
    assert (new_request_id(given, trusted=proxies > 0) == given) is kept


def test_a_proxys_id_is_kept(cast: Cast, settings: Any) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    answer = Client(headers={"host": cast.host, "x-request-id": "edge-12345678"}).get("/sw.js")
    assert answer["X-Request-ID"] == "edge-12345678"


@pytest.mark.urls(__name__)
def test_the_page_of_an_error_shows_the_id_of_its_log_lines(cast: Cast, lines: Lines) -> None:
    client = Client(headers={"host": cast.host}, raise_request_exception=False)
    client.force_login(cast.admin)
    answer = client.get("/accounts/broken")
    assert answer.status_code == 500
    request_id = answer["X-Request-ID"]
    assert request_id in answer.content.decode()
    found = [line for line in lines.objects() if line["message"] == "about to fail"]
    assert len(found) == 1
    assert found[0]["request_id"] == request_id
    assert found[0]["campus_id"] == cast.campus.pk
    assert (found[0]["level"], found[0]["logger"]) == ("ERROR", "tests.log_context")
    assert found[0]["time"].endswith("+00:00")
    failures = [line for line in lines.objects() if "nobody expected" in line.get("exception", "")]
    assert {line["request_id"] for line in failures} == {request_id}


def test_a_request_that_cannot_be_read_shows_its_id() -> None:
    with log_context(request_id="0123456789abcdef"):
        page = bad_request(RequestFactory().get("/x"), ValueError())
    assert (page.status_code, b"0123456789abcdef" in page.content) == (400, True)


def test_who_asked_is_named_once_known_and_never_looked_up(cast: Cast) -> None:
    request = RequestFactory().get("/")
    with log_context(request=request):
        assert "user_id" not in logged_fields()
        request.user = cast.admin
        assert logged_fields()["user_id"] == cast.admin.pk
    assert logged_fields() == {}


@shared_task
def say(text: str) -> None:
    logger.warning("said %s", text)


def test_a_tasks_lines_name_it_and_the_request_that_it_comes_from(lines: Lines) -> None:
    with log_context(request_id="0123456789abcdef"):
        say.apply(["this"], headers={"request_id": "0123456789abcdef"}, task_id="t-1")
    found = next(line for line in lines.objects() if line["message"] == "said this")
    assert found["task"].endswith(".say")
    assert (found["task_id"], found["request_id"]) == ("t-1", "0123456789abcdef")
    assert logged_fields() == {}


SECRET = "xK7-quite_secret.Value9"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f'{{"password": "{SECRET}"}}',
        f"{{'new_password': '{SECRET}', 'a': 1}}",
        f"postgresql://campus_app:{SECRET}@db:5432/campus",
        f"redis://:{SECRET}@valkey:6379/0",
        f'"access_token": "{SECRET}"',
        f"ticket='{SECRET}'",
        f'"selfie": "{SECRET}"',
    ],
)
@pytest.mark.parametrize("formatter", [JsonFormatter(), RedactingFormatter("%(message)s")])
def test_named_secrets_are_hidden(text: str, formatter: logging.Formatter) -> None:
    shown = formatter.format(logging.LogRecord("x", 30, "x.py", 1, text, (), None))
    assert HIDDEN in shown
    assert SECRET not in shown


def test_words_about_secrets_stay_readable() -> None:
    for text in ("The password was changed.", "token expired: sign in again", "ticket 4 of 9"):
        assert without_secrets(text) == text


def test_no_secret_of_a_sign_in_reaches_the_log(cast: Cast, lines: Lines) -> None:
    """With every logger at its most talkative: right and wrong passwords, tokens, cookies."""
    client = Client(headers={"host": cast.host})
    email, typed = cast.student.user.email, "wrong-Password-77"
    login = "/_allauth/app/v1/auth/login"
    for password in (typed, PASSWORD):
        body = {"email": email, "password": password}
        answer = client.post(login, body, content_type="application/json")
    token = answer.json()["meta"]["access_token"]
    client.get("/api/v1/me", headers={"authorization": f"Bearer {token}"})
    client.get(f"/C/{token}")
    client.post("/accounts/login/", {"login": email, "password": typed})
    cookies = [cookie.value for cookie in client.cookies.values() if len(cookie.value) > 8]
    written = "\n".join(lines.text)
    assert lines.text
    for secret in (typed, PASSWORD, token, *cookies):
        assert secret not in written
