"""A directory that is broken or hostile, with a key that is right."""

import json
from random import Random
from typing import Any

import pytest

from apps.accounts.models import Faculty, Student
from apps.identity_providers.models import ScimPerson
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.fuzzing import RAW, SEGMENTS, TYPES, VALUES
from tests.identity_providers.test_scim import ENTERPRISE, PATCH, USERS, Directory
from tests.terminals.test_bent_readers import bent

pytestmark = pytest.mark.django_db
NEW: dict[str, Any] = {
    "userName": "new@north.example",
    "externalId": "00u9",
    "active": True,
    "name": {"givenName": "Noor", "familyName": "Newman"},
    "emails": [{"primary": True, "value": "new@north.example"}],
    ENTERPRISE: {"employeeNumber": "N900001"},
}
CHANGE: dict[str, Any] = {
    "schemas": [PATCH],
    "Operations": [{"op": "Replace", "path": "externalId", "value": "x"}],
}


def test_a_newcomer_is_nobody_else_who_has_the_same_address_in_their_entry(cast: Cast) -> None:
    """Else the directory closes a lecturer when it means the student."""
    directory = Directory(cast.campus, cast.host, creates=True, user_name="number")
    with campus_scope(cast.campus):
        Faculty.objects.filter(pk=cast.lecturer.pk).update(email="new@north.example")
    made = directory.ask("POST", USERS, {**NEW, "userName": "N900001"})
    assert made.status_code == 201, made.content
    assert made.json()["userName"] == "N900001"
    with campus_scope(cast.campus):
        student = Student.objects.get(code="N900001")
        assert ScimPerson.objects.get(external_id="00u9").user_id == student.user_id
    assert directory.ask("DELETE", f"{USERS}/{made.json()['id']}").status_code == 204
    with campus_scope(cast.campus):
        assert Faculty.objects.get(pk=cast.lecturer.pk).is_active
        assert not Student.objects.get(code="N900001").is_active


def test_bent_requests_are_no_server_errors(cast: Cast, settings: Any) -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": dict.fromkeys(rates, "1000000/min"),
    }
    directory = Directory(cast.campus, cast.host, creates=True)
    directory.client.raise_request_exception = False
    me = directory.found('userName eq "stud@north.example"')["id"]
    random, broken = Random(7), []
    for number in range(40):
        raw = random.choice(RAW) if random.random() < 0.15 else None
        kind = random.choice(TYPES) if random.random() < 0.2 else "application/scim+json"
        method, body = random.choice([("POST", NEW), ("PATCH", CHANGE), ("PUT", NEW)])
        path = USERS if method == "POST" else f"{USERS}/{me}"
        value = str(random.choice(VALUES)).replace('"', "").encode(errors="replace").decode()
        query = {"filter": f'{random.choice(["userName", "id", "emails", value])} eq "{value}"'}
        answers = (
            directory.client.generic(
                method,
                path,
                raw or json.dumps(bent(random, {**body, "userName": f"n{number}@north.example"})),
                content_type=kind,
                headers={"Authorization": f"Bearer {directory.key}"},
            ),
            directory.client.get(
                f"{USERS}/{random.choice(SEGMENTS)}",
                headers={"Authorization": f"Bearer {directory.key}"},
            ),
            directory.ask("GET", USERS, **{**query, "count": value, "startIndex": value}),
            directory.ask("GET", USERS, **query),
        )
        broken += [one.request for one in answers if one.status_code >= 500]
    assert broken == []
