"""The description of the API: complete, valid, and true of what the API answers."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from django.conf import settings as project
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.accounts.support import at, tokens
from tests.api.support import client_of
from tests.factories import Cast
from tests.permission_matrix import ROLES, ROWS, Row

application = WSGIHandler()
PREFIX: Final = ("/api/v1/", "/api/version")
OLD_ROUTES: Final = project.BASE_DIR / "docs" / "old-routes.md"
EVERYWHERE: Final = {"401", "403", "404", "503"}
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Examples per operation, where the role is let in at all.
EXAMPLES: Final = {"anonymous": 1, "student": 4, "faculty": 4, "admin": 6}
AT_THE_DOOR: Final = 1
MOSTLY: Final = st.sampled_from([True, True, True, False])
Operation = schemathesis.APIOperation


def path_of(row: Row) -> str:
    """The row's address as OpenAPI writes it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", row.route)


REGISTERED: Final = {
    (row.method, path_of(row)): row for row in ROWS if path_of(row).startswith(PREFIX)
}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    document = SchemaGenerator().get_schema(public=True)
    return dict(json.loads(OpenApiJsonRenderer().render(document, renderer_context={})))


def described(description: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def test_the_description_is_valid_and_raises_no_warning(tmp_path: Path) -> None:
    file = tmp_path / "schema.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(file))
    assert file.stat().st_size > 0


def test_every_operation_is_described(description: dict[str, Any]) -> None:
    """The table of permissions names every address; the description names the same."""
    assert set(described(description)) == set(REGISTERED)
    bare = [
        key
        for key, operation in described(description).items()
        if not (operation.get("summary") and operation.get("tags"))
    ]
    assert bare == []


def test_every_operation_names_its_errors_in_the_one_shape(description: dict[str, Any]) -> None:
    shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}}
    for key, operation in described(description).items():
        answers = operation["responses"]
        assert set(answers) >= EVERYWHERE, key
        assert "requestBody" not in operation or {"400", "415"} <= set(answers), key
        for status in (status for status in answers if status >= "400"):
            assert answers[status]["content"] == shape, (key, status)
            assert answers[status]["description"], (key, status)


@pytest.mark.django_db
def test_a_file_is_given_to_whoever_asks_for_its_type(cast: Cast) -> None:
    """And its errors are JSON all the same."""
    client = client_of(cast, cast.admin)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    address = "/api/v1/imports/templates/{}.xlsx"
    given = client.get(address.format("students"), headers={"accept": kind})
    assert (given.status_code, given["Content-Type"]) == (200, kind)
    missing = client.get(address.format("aliens"), headers={"accept": kind})
    assert missing.status_code == 404
    assert missing.json()["errors"][0]["code"] == "unknown_kind"
    assert client.get("/api/v1/me", headers={"accept": kind}).status_code == 406


def test_errors_have_the_described_shape(cast: Cast, description: dict[str, Any]) -> None:
    """Every writer of errors: a view, REST framework, the middleware."""
    errors = description["components"]["schemas"]["Errors"]
    assert set(errors["required"]) == {"type", "errors"}
    for answer in (
        at(cast.host).get("/api/v1/me"),
        at("nowhere.example").get("/api/v1/me"),
        at(cast.host).post("/api/v1/me/consents", "<x/>", content_type="text/xml"),
    ):
        body = answer.json()
        assert set(body) == {"type", "errors"}
        assert body["type"] in description["components"]["schemas"]["ErrorTypeEnum"]["enum"]
        assert all(set(error) == {"code", "detail", "attr"} for error in body["errors"])


def test_the_map_of_old_addresses_leads_to_addresses_that_exist(
    description: dict[str, Any],
) -> None:
    rows = [line.split("|") for line in OLD_ROUTES.read_text().splitlines() if line[:1] == "|"]
    ours = [cells[2] for cells in rows[2:]]
    named = re.findall(r"`(GET|POST|PATCH|DELETE) ([a-z/<>-]+)", "".join(ours))
    assert len(named) >= len(ours)
    paths = {(method, re.sub(r"{\w+}", "<id>", path)) for method, path in described(description)}
    missing = [pair for pair in named if (pair[0].lower(), f"/api/v1/{pair[1]}") not in paths]
    assert missing == []


@pytest.fixture
def roomy(settings: Settings) -> None:
    """Limits out of the way, and files nowhere but in memory."""
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": dict.fromkeys(rates, "1000000/min"),
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }


@contextmanager
def one_connection() -> Iterator[None]:
    """Requests end without closing the connection, which the test's transaction lives in.

    Django's test client does the same for each of its requests, and undoes it afterwards.
    """
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


class Caller:
    """Plays generated requests as one person, each in a transaction that is rolled back."""

    def __init__(self, cast: Cast, role: str) -> None:
        self.cast = cast
        self.role = role
        self.problems: dict[str, str] = {}
        self.statuses: set[int] = set()
        person = ROLES[role](cast)
        self.headers = {"Host": cast.host, "Accept-Encoding": "identity"}
        if person is not None:
            access = tokens(at(cast.host), person.email)["access_token"]
            self.headers["Authorization"] = f"Bearer {access}"
        # Ids that a body may name, so that requests get further than to “no such course”.
        self.ids = {
            "course": cast.course.pk,
            "student": cast.student.pk,
            "classroom": cast.classroom.pk,
        }

    def play(self, operation: Operation) -> None:
        row = REGISTERED[operation.method.lower(), operation.path]
        refused = row.answers[self.role] in {401, 403}

        @hypothesis_settings(
            max_examples=AT_THE_DOOR if refused else EXAMPLES[self.role],
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=_cases(operation), real=MOSTLY)
        def examples(case: schemathesis.Case, real: bool) -> None:
            with transaction.atomic():
                if real:
                    self._make_real(case, row)
                self._call(case)
                transaction.set_rollback(True)
            cache.clear()

        examples()

    def _make_real(self, case: schemathesis.Case, row: Row) -> None:
        """Point the request at objects that exist."""
        real = {name: str(value) for name, value in row.arguments_in(self.cast).items()}
        case.path_parameters = {**case.path_parameters, **real}
        if isinstance(case.body, dict):
            known = {name: self.ids[name] for name in case.body.keys() & self.ids.keys()}
            case.body = {**case.body, **known}

    def _call(self, case: schemathesis.Case) -> None:
        answer = case.call(
            base_url=f"http://{self.cast.host}", headers=self.headers, app=application
        )
        self.statuses.add(answer.status_code)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failure:
            self.problems.setdefault(case.operation.label, str(failure))


def _cases(operation: Operation) -> st.SearchStrategy[schemathesis.Case]:
    """What the description allows, and what it forbids where it asks for anything."""
    allowed = operation.as_strategy(GenerationMode.POSITIVE)
    if not (operation.body or operation.query or operation.path_parameters):
        return allowed
    return st.one_of(allowed, operation.as_strategy(GenerationMode.NEGATIVE))


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("role", EXAMPLES)
def test_no_request_breaks_the_description(
    cast: Cast, description: dict[str, Any], role: str
) -> None:
    """No 5xx, no status and no body that the description does not name."""
    caller = Caller(cast, role)
    with one_connection():
        for found in schemathesis.openapi.from_dict(description).get_all_operations():
            caller.play(found.ok())
    if caller.problems:
        pytest.fail("\n".join(caller.problems.values()), pytrace=False)
    assert caller.statuses >= ({401} if role == "anonymous" else {200, 400, 403, 404})
