"""What the API is sent: what cannot be written is refused by name, days and numbers have bounds."""

import inspect
import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, Final

import pytest
from django import forms
from django.contrib.admin import site
from django.test import RequestFactory
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from rest_framework import serializers
from rest_framework.test import APIClient

import apps
from apps.checkin.models import CheckInAttempt
from apps.common import fields, form_fields
from apps.common.inputs import Strict
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.api.support import client_of
from tests.attendance.support import open_session
from tests.factories import Cast, make_session
from tests.fuzzing import documented
from tests.permission_matrix import ROLES, ROWS, Row
from tests.phone import Phone, code_of

WRITING: Final = ("post", "put", "patch")
# Who is let through to the body where the row's own statuses do not say it.
FIRST: Final = ("student", "faculty", "admin")
SURPRISE: Final = "surprise"
BOUNDED: Final = {
    serializers.DateField: fields.DayField,
    serializers.DateTimeField: fields.MomentField,
    serializers.TimeField: fields.ClockField,
}
BOUNDED_FORMS: Final = {
    forms.DateField: form_fields.DayField,
    forms.DateTimeField: form_fields.MomentField,
    forms.SplitDateTimeField: form_fields.SplitMomentField,
    forms.TimeField: form_fields.ClockField,
}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    document = SchemaGenerator().get_schema(public=True)
    return dict(json.loads(OpenApiJsonRenderer().render(document)))


def bodies(description: dict[str, Any]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(method, path) → the schemas that its body may have."""
    return {
        (method, path): [entry["schema"] for entry in operation["requestBody"]["content"].values()]
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if method in WRITING and "requestBody" in operation
    }


def objects_in(schema: dict[str, Any], description: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object with fields of its own that this schema leads to."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return objects_in(description["components"]["schemas"][name], description)
    found = [schema] if "properties" in schema else []
    inner = [*schema.get("properties", {}).values(), *schema.get("allOf", [])]
    inner += schema.get("oneOf", []) + ([schema["items"]] if "items" in schema else [])
    return found + [one for part in inner for one in objects_in(part, description)]


def test_every_input_is_closed(description: dict[str, Any]) -> None:
    """A serializer without the common base is found here."""
    wanted = bodies(description)
    assert len(wanted) > 30
    open_ = [
        f"{method.upper()} {path}: {sorted(one['properties'])}"
        for (method, path), schemas in wanted.items()
        for schema in schemas
        for one in objects_in(schema, description)
        if one.get("additionalProperties") is not False
    ]
    assert open_ == []


def without_body(description: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (method, path)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if method in (*WRITING, "delete") and "requestBody" not in operation
    }


@pytest.mark.django_db
def test_what_takes_no_body_names_the_field_that_is_sent(
    cast: Cast, description: dict[str, Any]
) -> None:
    rows = {(row.method, documented(row)): row for row in ROWS}
    client = client_of(cast, cast.student)
    wanted = without_body(description) & rows.keys()
    assert len(wanted) > 15
    silent = []
    for key in wanted:
        row = rows[key]
        path = key[1].format(**row.arguments_in(cast))
        answer = client.generic(
            key[0].upper(), path, json.dumps({SURPRISE: 1}), content_type="application/json"
        )
        if not _names(answer, SURPRISE, "unknown_field"):
            silent.append(f"{key}: {answer.status_code}")
    assert silent == []


def candidates(row: Row) -> list[str]:
    let_in = [role for role, status in row.answers.items() if status not in (401, 403, 404)]
    return [*let_in, *FIRST]


@pytest.mark.django_db
def test_no_body_has_a_field_that_vanishes(cast: Cast, description: dict[str, Any]) -> None:
    """Every operation that takes a body names the field that it does not know.

    Terminals and cameras come with a token of their own: tests/terminals/test_readers.py,
    tests/cameras/test_api.py.
    """
    rows = {(row.method, documented(row)): row for row in ROWS}
    silent, made = [], {}
    of_devices = ("terminals/punches", "cameras/events", "cameras/frames")
    for key in bodies(description).keys() - {("post", f"/api/v1/{path}") for path in of_devices}:
        row = rows[key]
        if row.arguments not in made:
            made[row.arguments] = row.arguments_in(cast)
        path = key[1].format(**made[row.arguments])
        answers = []
        for role in candidates(row):
            client = client_of(cast, ROLES[role](cast))
            answer = client.generic(
                key[0].upper(),
                path,
                json.dumps({**row.body, SURPRISE: 1}),
                content_type="application/json",
            )
            answers.append((role, answer.status_code))
            if _names(answer, SURPRISE, "unknown_field"):
                break
        else:
            silent.append(f"{key}: {answers}")
    assert silent == []


def _names(answer: Any, attr: str, code: str) -> bool:
    errors = answer.json()["errors"] if answer.status_code == 400 else []
    return any(error["attr"] == attr and error["code"] == code for error in errors)


def test_a_lecturer_in_a_change_of_a_session_does_not_vanish(cast: Cast) -> None:
    """Answered with 200 once, as if somebody else taught it from then on."""
    with campus_scope(cast.campus):
        session = make_session(
            cast.course, starts_at=datetime(2030, 9, 2, 8, tzinfo=UTC), is_planned=True
        )
    client = client_of(cast, cast.admin)
    path = f"/api/v1/timetable/sessions/{session.pk}"
    for name in ("faculty", "lecturer"):
        answer = client.patch(path, {"topic": "Graphs", name: cast.outsider.pk}, format="json")
        assert _names(answer, name, "unknown_field")
    with campus_scope(cast.campus):
        assert ClassSession.objects.get(pk=session.pk).topic == ""


def test_a_read_only_field_is_refused_as_such(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    body = {"id": 7, "name": "Founders", "first_day": "2026-10-03", "last_day": "2026-10-03"}
    answer = client.post("/api/v1/timetable/holidays", body, format="json")
    assert _names(answer, "id", "read_only")
    del body["id"]
    assert client.post("/api/v1/timetable/holidays", body, format="json").status_code == 201


def test_a_filter_of_an_export_that_does_not_exist_is_refused(cast: Cast) -> None:
    body = {"report": "attendance", "format": "csv", "filters": {"studnet": 1}}
    answer = client_of(cast, cast.admin).post("/api/v1/reports/exports", body, format="json")
    assert _names(answer, "filters.studnet", "unknown_field")


def every(base: type) -> set[type]:
    """All subclasses of ours, once every module of ours is loaded."""
    for module in walk_packages(apps.__path__, "apps."):
        if ".migrations" not in module.name and ".engines" not in module.name:
            import_module(module.name)
    found: set[type] = set()
    waiting: list[type] = [base]
    while waiting:
        subclasses: list[type] = waiting.pop().__subclasses__()
        waiting += subclasses
        found |= {one for one in subclasses if one.__module__.startswith("apps.")}
    return found


def test_every_day_and_time_of_every_serializer_has_bounds() -> None:
    """Queries and what is answered included: one kind of field everywhere."""
    loose = []
    for serializer in every(serializers.Serializer):
        if inspect.isabstract(serializer) or not _is_complete(serializer):
            continue
        for name, field in serializer().fields.items():
            bounded = next((b for kind, b in BOUNDED.items() if isinstance(field, kind)), None)
            is_output = issubclass(serializer, serializers.ModelSerializer) and not issubclass(
                serializer, Strict
            )
            if bounded and not isinstance(field, bounded) and not is_output:
                loose.append(f"{serializer.__name__}.{name}")
    assert loose == []


def _is_complete(serializer: type) -> bool:
    is_model = issubclass(serializer, serializers.ModelSerializer)
    return not is_model or hasattr(serializer, "Meta")


@pytest.mark.django_db
def test_every_day_and_time_of_every_form_has_bounds(cast: Cast) -> None:
    request = RequestFactory().get("/")
    request.user = ROLES["super_admin"](cast)  # type: ignore[assignment]
    request.campus_id = cast.campus.pk  # type: ignore[attr-defined]
    with campus_scope(cast.campus):
        fields_of = {
            **{form.__name__: form.base_fields for form in every(forms.Form)},  # type: ignore[attr-defined]
            **{
                str(model): admin.get_form(request).base_fields
                for model, admin in site._registry.items()
                if model.__module__.startswith("apps.")
            },
        }
    loose = [
        f"{form}.{name}"
        for form, named in fields_of.items()
        for name, field in named.items()
        for kind, bounded in BOUNDED_FORMS.items()
        if isinstance(field, kind) and not isinstance(field, bounded)
    ]
    assert len(fields_of) > 20
    assert loose == []


FAR: Final = ("0001-01-01", "9999-12-31", "1899-12-31", "2201-01-01")
FAR_MOMENTS: Final = (
    *(f"{day}T00:00:00Z" for day in FAR),
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
)


@pytest.fixture
def office(cast: Cast) -> APIClient:
    return client_of(cast, cast.admin)


@pytest.mark.parametrize("day", FAR)
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("terms", "on"),
        ("timetable/holidays", "first_day"),
        ("timetable/holidays", "last_day"),
        ("timetable/sessions", "first_day"),
        ("timetable/sessions", "last_day"),
        ("reports/attendance", "from"),
        ("reports/attendance", "to"),
    ],
)
def test_days_out_of_bounds_are_no_filters(
    office: APIClient, path: str, name: str, day: str
) -> None:
    answer = office.get(f"/api/v1/{path}", {name: day})
    assert _names(answer, name, "out_of_bounds")


@pytest.mark.parametrize("moment", FAR_MOMENTS)
@pytest.mark.parametrize(
    ("path", "name"),
    [("leave", "since"), ("leave", "until"), ("registers/not-taken", "since")],
)
def test_moments_out_of_bounds_are_no_filters(
    office: APIClient, path: str, name: str, moment: str
) -> None:
    assert office.get(f"/api/v1/{path}", {name: moment}).status_code == 400


@pytest.mark.parametrize("day", FAR)
def test_no_holiday_lies_out_of_bounds(office: APIClient, day: str) -> None:
    body = {"name": "Far", "first_day": day, "last_day": day}
    assert office.post("/api/v1/timetable/holidays", body, format="json").status_code == 400


@pytest.mark.parametrize("moment", FAR_MOMENTS)
def test_no_session_is_moved_out_of_bounds(cast: Cast, office: APIClient, moment: str) -> None:
    with campus_scope(cast.campus):
        session = make_session(
            cast.course, starts_at=datetime(2030, 9, 2, 8, tzinfo=UTC), is_planned=True
        )
    path = f"/api/v1/timetable/sessions/{session.pk}"
    for answer in (
        office.patch(path, {"starts_at": moment}, format="json"),
        office.post(f"{path}/reschedule", {"starts_at": moment}, format="json"),
    ):
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("start", "allowed"), [("08:30", True), ("8:30", False), ("9:5", False), ("08:5", False)]
)
def test_a_time_of_day_has_two_digits_each(
    cast: Cast, office: APIClient, start: str, *, allowed: bool
) -> None:
    body = {"course": cast.course.pk, "weekday": 2, "starts_at": start, "ends_at": "10:00"}
    answer = office.post("/api/v1/timetable/slots", body, format="json")
    assert (answer.status_code == 201) == allowed
    assert allowed or _names(answer, "starts_at", "two_digits")


@pytest.mark.parametrize("name", ["a\r\nb", "a\tb", "\x1b[31m", "a\u2028b", "\u200b", "   "])
def test_names_are_one_line_with_something_to_see(office: APIClient, name: str) -> None:
    body = {"name": name, "first_day": "2026-10-03", "last_day": "2026-10-03"}
    answer = office.post("/api/v1/timetable/holidays", body, format="json")
    assert answer.status_code == 400, answer.json()
    student = {"code": "S1", "first_name": name, "last_name": "x", "email": "s1@north.example"}
    assert office.post("/api/v1/students", student, format="json").status_code == 400


def test_a_text_of_several_lines_keeps_them(cast: Cast) -> None:
    client = client_of(cast, cast.student.user)
    body = {
        "nonce": "abcdefgh",
        "category": "other",
        "reason": "first line\nsecond\tline",
        "starts_at": timezone.now().isoformat(),
        "ends_at": (timezone.now() + timedelta(hours=1)).isoformat(),
    }
    answer = client.post("/api/v1/me/leave", body, format="json")
    assert answer.status_code == 201, answer.json()
    assert answer.json()["reason"] == body["reason"]
    bell = client.post("/api/v1/me/leave", {**body, "reason": "a\x07b"}, format="json")
    assert bell.status_code == 400


# --- "Every attempt is a row" ------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts", [{"a\x00": "1"}, {"a": "\x00"}, {"a": "\ud800"}, {"\ud800": "1"}, {"a": {"b": 1}}]
)
def test_evidence_that_cannot_be_kept_is_refused_before_the_attempt(
    cast: Cast, facts: dict[str, Any]
) -> None:
    """And does not use up the ticket: the same phone checks in right afterwards."""
    session = open_session(cast)
    phone = Phone(cast, cast.student)
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    answer = phone.check_in(ticket, device_info=facts)
    assert answer.status_code == 400
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.count() == 0
    assert phone.check_in(ticket, device_info={"app": "1"}).status_code == 201
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.count() == 1
