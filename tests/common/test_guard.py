"""The first look at a request: before sessions, sign-in and views."""

import io
import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from apps.common.bodies import SafeJSONRenderer
from apps.common.handlers import AsyncHandler, Handler
from apps.common.strict_json import MAX_DEPTH
from tests.api.support import client_of
from tests.factories import PASSWORD, Cast

application = Handler()
LIMIT: Final = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
LOGIN: Final = "/_allauth/app/v1/auth/login"
DEEP: Final = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
FIELD: Final = 'Content-Disposition: form-data; name="a"'
UNREADABLE: Final = [
    (DEEP, "too_deep"),
    ('{"email": ' + "[" * 50_000 + "]" * 50_000 + "}", "too_deep"),
    ('{"email": "a\\u0000@north.example", "password": "x"}', "bad_text"),
    ('{"email": "\\ud800", "password": "x"}', "bad_text"),
    ('{"\\u0000": 1}', "bad_text"),
    ('{"email": NaN}', "bad_number"),
    ('{"email": 1e400}', "bad_number"),
    ('{"email": ' + "9" * 5000 + "}", "bad_number"),
    ("{", "parse_error"),
]


@pytest.fixture
def visitor(cast: Cast) -> Client:
    return Client(headers={"host": cast.host}, raise_request_exception=False)


def code_of(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


@pytest.mark.parametrize(("body", "code"), UNREADABLE)
@pytest.mark.parametrize(
    "path", [LOGIN, "/_allauth/app/v1/tokens/refresh", "/_allauth/app/v1/auth/password/request"]
)
def test_the_sign_in_api_reads_json_as_strictly(
    visitor: Client, path: str, body: str, code: str
) -> None:
    answer = visitor.post(path, body, content_type="application/json")
    assert (answer.status_code, code_of(answer)) == (400, code)


@pytest.mark.parametrize(("body", "code"), UNREADABLE)
def test_the_api_reads_json_as_strictly(cast: Cast, body: str, code: str) -> None:
    client = client_of(cast, cast.lecturer.user)
    answer = client.generic("POST", "/api/v1/sessions/start", body, content_type="application/json")
    assert (answer.status_code, code_of(answer)) == (400, code)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "text/plain",
    ],
)
@pytest.mark.parametrize(
    "body", [*(body for body, _code in UNREADABLE), f"--x\r\n{FIELD}\r\n\r\nb\r\n--x--\r\n"]
)
def test_the_sign_in_api_reads_everything_as_json_whatever_it_calls_itself(
    visitor: Client, method: str, kind: str, body: str
) -> None:
    answer = visitor.generic(method.upper(), LOGIN, body, content_type=kind)
    assert answer.status_code == 400, answer.content


def test_whoever_signs_in_rightly_still_does(cast: Cast, visitor: Client) -> None:
    body = {"email": cast.admin.email, "password": PASSWORD}
    assert visitor.post(LOGIN, json.dumps(body), content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/students?search=a%00b", {}),
        ("/api/v1/me/consents/a%00b/withdraw", {}),
        ("/teach/?page=%00", {}),
        ("/static/%00", {}),
        ("/calendar/%00.ics", {}),
        ("/api/v1/me", {"x-campus": "a\x00"}),
        ("/api/v1/me", {"x-session-token": "\x00"}),
        ("/teach/", {"cookie": 'sessionid="\\000\\000abcdefgh"'}),
        ("/accounts/login/", {"user-agent": "\x00"}),
    ],
)
def test_what_cannot_be_stored_gets_no_further(
    visitor: Client, path: str, headers: dict[str, str]
) -> None:
    """In the address, in a header, in a cookie that hides it."""
    address, _mark, query = path.partition("?")
    answer = visitor.generic("GET", address, headers=headers, QUERY_STRING=query)
    assert answer.status_code == 400
    if path.startswith("/api/"):
        assert code_of(answer) == "bad_text"
    else:
        assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("query", ["%ED%A0%80", "%FF", "%F0%9F%98%80"])
def test_bytes_that_are_no_text_are_replaced(cast: Cast, query: str) -> None:
    client = client_of(cast, cast.admin)
    answer = client.generic("GET", "/api/v1/students", QUERY_STRING=f"search={query}")
    assert answer.status_code == 200


@pytest.mark.parametrize("charset", ["utf-16", "unicode_escape", "zlib", "utf-7", "nonsense"])
def test_only_utf_8_is_read(cast: Cast, visitor: Client, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    for path in (LOGIN, "/api/v1/me"):
        answer = visitor.generic("POST", path, "{}", content_type=kind)
        assert (answer.status_code, code_of(answer)) == (415, "unsupported_charset")
    kind = "application/json; charset=UTF-8"
    office = client_of(cast, cast.admin)
    fine = office.generic("POST", "/api/v1/me/notifications/read", "{}", content_type=kind)
    assert fine.status_code == 200


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("query", ["", "a=%e4", "a=1&" * 1500], ids=["none", "one", "many"])
@pytest.mark.parametrize(
    "parameter",
    [
        *("charset=idna", "charset=zlib", "charset=rot13", "charset=undefined", "charset=utf\x008"),
        *("charset*=a'b'%ff", "x*=idna''%e4", "charset=" + "x" * 5000),
    ],
    ids=lambda parameter: parameter[:16],
)
def test_a_character_set_that_cannot_be_followed_is_refused(
    cast: Cast, parameter: str, query: str
) -> None:
    """By the application that the web server runs: Django reads it before any middleware."""
    environ = (
        RequestFactory().generic("GET", "/healthz", QUERY_STRING=query, HTTP_HOST=cast.host).environ
    )
    said: list[str] = []
    answer = application(
        {**environ, "CONTENT_TYPE": f"text/plain; {parameter}"},
        lambda status, _headers, _problem=None: said.append(status),
    )
    answer.close()
    assert said[0][:3] in ("400", "415")


def test_the_entry_points_use_these_handlers(cast: Cast) -> None:
    assert isinstance(import_module("campus.wsgi").application, Handler)
    assert isinstance(import_module("campus.asgi").application, AsyncHandler)


def test_forms_with_what_cannot_be_stored_are_refused(cast: Cast) -> None:
    """Those of browsers and those of phones; in values, in names, in the names of files."""
    browser = Client(headers={"host": cast.host}, raise_request_exception=False)
    assert cast.lecturer.user is not None
    browser.force_login(cast.lecturer.user)
    assert browser.post("/teach/start", {"topic": "a\x00b"}).status_code == 400
    phone = client_of(cast, cast.student.user)
    paper = SimpleUploadedFile("a.pdf", b"%PDF-1.7 \x00 binary content is fine")
    fields = {"nonce": "12345678", "reason": "x", "category": "other"}
    refused = phone.post("/api/v1/me/leave", {**fields, "reason": "\x00"}, format="multipart")
    assert (refused.status_code, code_of(refused)) == (400, "bad_text")
    accepted = phone.post("/api/v1/me/leave", {**fields, "attachment": paper}, format="multipart")
    assert code_of(accepted) != "bad_text"
    named = (
        b'--x\r\nContent-Disposition: form-data; name="attachment"; filename="a\x00.pdf"\r\n\r\n'
        b"%PDF\r\n--x--\r\n"
    )
    kind = "multipart/form-data; boundary=x"
    answer = phone.generic("POST", "/api/v1/me/leave", named.decode(), content_type=kind)
    assert answer.status_code == 400


def test_more_fields_than_a_form_may_have_are_no_server_error(cast: Cast) -> None:
    client = client_of(cast, cast.student.user)
    many = {f"field{number}": "1" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    answer = client.post("/api/v1/me/leave", many, format="multipart")
    assert (answer.status_code, code_of(answer)) == (400, "bad_request")
    assert client.get("/api/v1/students", many).status_code == 400


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/v1/me/consents", "application/json"),
        (LOGIN, "application/json"),
        ("/api/v1/me/face-samples", "multipart/form-data; boundary=x"),
        ("/accounts/login/", "application/x-www-form-urlencoded"),
    ],
)
def test_bodies_beyond_the_limit_are_refused(visitor: Client, path: str, kind: str) -> None:
    answer = visitor.generic("POST", path, b"x" * (LIMIT + 1), content_type=kind)
    assert answer.status_code == 413
    if not path.startswith("/accounts"):
        assert code_of(answer) == "too_large"


@pytest.mark.parametrize("zeros", [1, 30, 5000])
def test_zeros_before_the_length_hide_no_body(visitor: Client, zeros: int) -> None:
    """Django counts none of the bytes of a file in a form: it goes by what was said."""
    form = f'--x\r\n{FIELD}; filename="a"\r\n\r\n{"x" * LIMIT}\r\n--x--\r\n'.encode()
    answer = visitor.generic(
        "POST",
        "/accounts/login/",
        form,
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH="0" * zeros + str(len(form)),
    )
    assert answer.status_code == 413


def test_whole_rosters_may_be_larger_but_not_endless(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    roster = SimpleUploadedFile("a.csv", b"x" * (LIMIT + 1), content_type="text/csv")
    body = {"kind": "students", "file": roster}
    assert client.post("/api/v1/imports", body, format="multipart").status_code == 202
    assert 20 * 2**20 < settings.LARGER_BODIES["/api/v1/imports"] < 24 * 2**20


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests end without closing the connection, which the test's transaction lives in."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class Endless(io.RawIOBase):
    """A body that goes on; says how much of it was read."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.taken += size
        return b"x" * size


def chunked(cast: Cast, path: str, body: Any) -> tuple[int, bytes]:
    """A request without `Content-Length`, as the server hands it over."""
    said: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": cast.host,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": cast.host,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": "application/json",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": body,
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
    }

    def start(status: str, _headers: Any, _error: Any = None) -> Any:
        said.append(status)

    parts = application(environ, start)
    return int(said[0][:3]), b"".join(parts)


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("path", [LOGIN, "/api/v1/me/consents", "/accounts/login/"])
def test_a_body_without_a_length_is_bounded_as_well(cast: Cast, path: str) -> None:
    endless = Endless()
    status, _body = chunked(cast, path, endless)
    assert status == 413
    assert endless.taken <= LIMIT + 1


@pytest.mark.usefixtures("one_connection")
def test_a_body_without_a_length_is_read(cast: Cast) -> None:
    """Django by itself takes it for an empty one."""
    body = json.dumps({"email": cast.admin.email, "password": PASSWORD}).encode()
    status, answer = chunked(cast, LOGIN, io.BytesIO(body))
    assert status == 200, answer


def test_an_answer_is_text_whatever_it_repeats() -> None:
    """A choice field names the value that it refuses."""
    rendered = SafeJSONRenderer().render({"errors": [{"detail": "“\ud800” is no choice"}]})
    assert json.loads(rendered) == {"errors": [{"detail": "“�” is no choice"}]}


def test_a_choice_that_is_no_text_is_refused(cast: Cast) -> None:
    client: APIClient = client_of(cast, cast.student.user)
    body = '{"kind": "\\ud800", "version": "1"}'
    answer = client.generic("POST", "/api/v1/me/consents", body, content_type="application/json")
    assert (answer.status_code, code_of(answer)) == (400, "bad_text")
