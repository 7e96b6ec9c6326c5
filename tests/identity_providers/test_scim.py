"""SCIM as Microsoft Entra and Okta speak it: finding people, closing and reopening them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Device, Membership, Role, Student, User
from apps.accounts.services import (
    membership_add,
    membership_deactivate,
    profile_deactivate,
)
from apps.api_keys.models import ApiKey
from apps.api_keys.services import key_make
from apps.attendance.models import AttendanceRecord
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.identity_providers.models import Leaver, ScimClient
from apps.identity_providers.services import scim_client_key_renew
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import ME, REFRESH, at, tokens
from tests.admin.support import client_of, url
from tests.factories import Cast, make_session
from tests.identity_providers.support import words

pytestmark = pytest.mark.django_db
USERS = "/scim/v2/Users"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# As their documentation shows them.
ENTRA_OFF: dict[str, Any] = {
    "schemas": [PATCH],
    "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
}
ENTRA_ON: dict[str, Any] = {
    "schemas": [PATCH],
    "Operations": [{"op": "Add", "path": "active", "value": "True"}],
}
OKTA_OFF: dict[str, Any] = {
    "schemas": [PATCH],
    "Operations": [{"op": "replace", "value": {"active": False}}],
}


class Directory:
    """The other side: a key, and requests with SCIM's media type."""

    def __init__(self, campus: Campus, host: str, **fields: Any) -> None:
        with campus_scope(campus):
            self.row = ScimClient(name="Entra", created_at=timezone.now(), digest=b"", **fields)
            self.row.save()
            self.key = scim_client_key_renew(client=self.row, now=timezone.now(), actor=SYSTEM)
        self.client = Client(headers={"host": host})

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        sent = body if isinstance(body, str) else json.dumps(body)
        return self.client.generic(
            method,
            path,
            "" if body is None else sent,
            content_type="application/scim+json",
            headers={"Authorization": f"Bearer {self.key}"},
            query_params=query or None,
        )

    def found(self, query: str) -> dict[str, Any]:
        answer = self.ask("GET", USERS, filter=query, startIndex=1, count=100)
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/scim+json"
        body: dict[str, Any] = answer.json()
        assert body["totalResults"] == 1, body
        found: dict[str, Any] = body["Resources"][0]
        return found

    def patch(self, person: dict[str, Any], body: Any) -> Any:
        return self.ask("PATCH", f"{USERS}/{person['id']}", body)


@pytest.fixture
def directory(cast: Cast) -> Directory:
    return Directory(cast.campus, cast.host)


def test_people_are_found_as_directories_look_for_them(cast: Cast, directory: Directory) -> None:
    found = directory.found('userName eq "STUD@north.example"')
    assert found["userName"] == "stud@north.example"
    assert found["name"] == {"givenName": "Student", "familyName": "STUD"}
    assert found[ENTERPRISE] == {"employeeNumber": "STUD"}
    assert found["active"] is True
    assert found["meta"]["location"].endswith(f"/scim/v2/Users/{found['id']}")
    assert directory.ask("GET", f"{USERS}/{found['id']}").json() == found
    by_mail = 'emails[type eq "work"].value eq "stud@north.example"'
    assert directory.found(by_mail)["id"] == found["id"]
    assert directory.found(f'id eq "{found["id"]}"')["id"] == found["id"]
    assert directory.found('username EQ "admin@north.example"')["displayName"] == "Admin"
    # Entra's test of the connection: somebody who is nobody.
    nobody = directory.ask("GET", USERS, filter='userName eq "b5a1-4c"').json()
    assert (nobody["totalResults"], nobody["Resources"]) == (0, [])
    numbers = Directory(cast.campus, cast.host, user_name="number")
    assert numbers.found('userName eq "stud"')["userName"] == "STUD"


def test_the_list_has_pages_and_few_statements(
    cast: Cast, directory: Directory, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20):
        whole = directory.ask("GET", USERS).json()
    assert whole["totalResults"] == whole["itemsPerPage"] == 9
    second = directory.ask("GET", USERS, startIndex=3, count=2).json()
    assert second["Resources"] == whole["Resources"][2:4]
    assert (second["startIndex"], second["itemsPerPage"], second["totalResults"]) == (3, 2, 9)
    assert directory.ask("GET", USERS, count=0).json()["Resources"] == []
    assert directory.ask("GET", USERS, startIndex=-5, count=-1).json()["itemsPerPage"] == 0
    assert directory.ask("GET", USERS, startIndex=1000).json()["Resources"] == []


@pytest.mark.parametrize("off", [ENTRA_OFF, OKTA_OFF], ids=["Entra", "Okta"])
def test_a_leaver_is_out_at_once_and_comes_back(
    cast: Cast, other_cast: Cast, directory: Directory, off: dict[str, Any]
) -> None:
    """Sessions, refresh tokens and the phone end; the register stays; reopened it is as before."""
    user, now = cast.student.user, timezone.now()
    assert user is not None
    with campus_scope(other_cast.campus):
        Membership.objects.create(user=user, role=Role.STUDENT)
    there = tokens(at(other_cast.host), user.email)
    phone = tokens(at(cast.host), user.email)
    page = Client(headers={"host": cast.host})
    page.force_login(user)
    with campus_scope(cast.campus):
        Device.objects.create(
            student=cast.student,
            device_uuid="d",
            public_key=b"k",
            kind="web",
            bound_at=now,
            last_seen_at=now,
        )
        AttendanceRecord.objects.create(
            session=make_session(cast.course),
            course=cast.course,
            student=cast.student,
            status="present",
            source="manual",
            recorded_at=now,
        )
    found = directory.found(f'userName eq "{user.email}"')
    answer = directory.patch(found, off)
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    bearer = f"Bearer {phone['access_token']}"
    assert at(cast.host, Authorization=bearer).get(ME).status_code == 401
    refresh = {"refresh_token": phone["refresh_token"]}
    assert at(cast.host).post(REFRESH, refresh).status_code in (400, 401)
    assert page.get(ME).status_code in (401, 403)
    assert at(cast.host).post("/_allauth/app/v1/auth/login", {}).status_code == 400
    with campus_scope(cast.campus):
        assert not Device.objects.filter(is_active=True).exists()
        assert not Student.objects.get(pk=cast.student.pk).is_active
        assert AttendanceRecord.objects.filter(student=cast.student).exists()
        left = Entry.objects.get(action="identity_providers.person.left")
        assert (left.actor_label, left.data["devices"]) == ("SCIM: Entra", 1)
    # The account is good elsewhere as before.
    bearer = f"Bearer {there['access_token']}"
    assert at(other_cast.host, Authorization=bearer).get(ME).status_code == 200
    # Twice is once; and back.
    assert directory.patch(found, off).status_code == 200
    assert directory.patch(found, ENTRA_ON).json()["active"] is True
    assert directory.patch(found, ENTRA_ON).json()["active"] is True
    assert tokens(at(cast.host), user.email)
    with campus_scope(cast.campus):
        assert Student.objects.get(pk=cast.student.pk).is_active
        assert not Leaver.objects.exists()
        assert Entry.objects.filter(action="identity_providers.person.left").count() == 1


def test_keys_and_passkeys_of_this_campus_end(cast: Cast, directory: Directory) -> None:
    user, now = cast.lecturer.user, timezone.now()
    assert user is not None
    with campus_scope(cast.campus):
        key_make(user=user, name="S", scope="read", days=30, now=now, actor=SYSTEM)
        Membership.objects.create(user=user, role=Role.PRINCIPAL)
        gone = Membership.objects.create(user=user, role=Role.OPERATOR)
        membership_deactivate(membership=gone, now=now, actor=SYSTEM)
    with signed_act("mfa_authenticator"):
        for host in ("north.example", "south.example"):
            data = {"rp_id": host, "name": host, "synced": False}
            Authenticator.objects.create(user=user, type="webauthn", data=data)
    found = directory.found('userName eq "lect@north.example"')
    assert directory.ask("DELETE", f"{USERS}/{found['id']}").status_code == 204
    kept = Authenticator.objects.filter(user=user)
    assert [row.data["rp_id"] for row in kept] == ["south.example"]
    with campus_scope(cast.campus):
        assert not ApiKey.objects.filter(revoked_at=None).exists()
        assert not Membership.objects.filter(user=user, is_active=True).exists()
    assert directory.patch(found, ENTRA_ON).status_code == 200
    with campus_scope(cast.campus):
        roles = Membership.objects.filter(user=user, is_active=True).values_list("role", flat=True)
        # What the office had taken before is not given back, and keys are not either.
        assert set(roles) == {Role.FACULTY, Role.PRINCIPAL}
        assert not ApiKey.objects.filter(revoked_at=None).exists()


def test_what_the_office_decided_stands(cast: Cast, directory: Directory) -> None:
    found = directory.found('userName eq "stud@north.example"')
    with campus_scope(cast.campus):
        profile_deactivate(person=cast.student, now=timezone.now(), actor=SYSTEM)
    assert directory.patch(found, ENTRA_OFF).json()["active"] is False
    answer = directory.patch(found, ENTRA_ON)
    assert (answer.status_code, answer.json()["scimType"]) == (409, "mutability")
    assert "office has closed" in answer.json()["detail"]
    # Closed by the directory, reopened by hand with one of two roles: the other stays taken.
    lecturer = directory.found('userName eq "lect@north.example"')
    user = cast.lecturer.user
    assert user is not None
    with campus_scope(cast.campus):
        Membership.objects.create(user=user, role=Role.PRINCIPAL)
        directory.patch(lecturer, OKTA_OFF)
        membership_add(user=user, role=Role.PRINCIPAL, now=timezone.now(), actor=SYSTEM)
    for body in (ENTRA_ON, OKTA_OFF, ENTRA_ON):
        assert directory.patch(lecturer, body).status_code == 200
    with campus_scope(cast.campus):
        roles = Membership.objects.filter(user=user, is_active=True).values_list("role", flat=True)
        assert list(roles) == [Role.PRINCIPAL]


def test_the_last_administrator_is_not_closed(cast: Cast, directory: Directory) -> None:
    found = directory.found('userName eq "admin@north.example"')
    answer = directory.patch(found, OKTA_OFF)
    assert (answer.status_code, answer.json()["scimType"]) == (409, "mutability")
    with campus_scope(cast.campus):
        other = User.objects.create_user("second@north.example", "x")
        Membership.objects.create(user=other, role=Role.ADMIN)
    assert directory.patch(found, OKTA_OFF).json()["active"] is False
    second = directory.found('userName eq "second@north.example"')
    assert directory.patch(second, OKTA_OFF).status_code == 409


def test_a_put_changes_what_is_the_directorys(cast: Cast, directory: Directory) -> None:
    """Okta sends whole people; names and addresses are the roster's."""
    found = directory.found('userName eq "mate@north.example"')
    path = f"{USERS}/{found['id']}"
    whole = {**found, "externalId": "00u1", "name": {"givenName": "Other"}, "active": False}
    answer = directory.ask("PUT", path, whole).json()
    assert (answer["active"], answer["externalId"]) == (False, "00u1")
    assert answer["name"]["givenName"] == "Student"
    assert directory.found('externalId eq "00u1"')["id"] == found["id"]
    again = directory.ask("PUT", path, {**whole, "active": None, "externalId": "00u2"}).json()
    assert (again["active"], again["externalId"]) == (False, "00u2")
    other = directory.found('userName eq "stud@north.example"')
    named = {"Operations": [{"op": "add", "path": "externalId", "value": "00u2"}]}
    taken = directory.patch(other, named)
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    # Another directory has names of its own.
    second = Directory(cast.campus, cast.host)
    assert second.patch(other, named).json()["externalId"] == "00u2"
    manager = {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "x"}
    quiet = {"Operations": [manager, {"op": "replace", "path": "name.givenName", "value": "Z"}]}
    assert directory.patch(other, quiet).json()["name"]["givenName"] == "Student"


@pytest.mark.parametrize(
    ("method", "body", "kind"),
    [
        ("PATCH", "{", "invalidSyntax"),
        ("PATCH", "[]", "invalidSyntax"),
        ("PATCH", {}, "invalidSyntax"),
        ("PATCH", {"Operations": []}, "invalidSyntax"),
        ("PATCH", {"Operations": [7]}, "invalidSyntax"),
        ("PATCH", {"Operations": [{"op": "move", "path": "active"}]}, "invalidSyntax"),
        ("PATCH", {"Operations": [{"op": "replace", "value": 7}]}, "invalidSyntax"),
        ("PATCH", {"Operations": [{"op": "replace", "path": 7, "value": 7}]}, "invalidPath"),
        ("PATCH", {"Operations": [{"op": "remove", "path": "active"}]}, "mutability"),
        (
            "PATCH",
            {"Operations": [{"op": "replace", "path": "active", "value": "no"}]},
            "invalidValue",
        ),
        (
            "PATCH",
            {"Operations": [{"op": "replace", "path": "active", "value": 0}]},
            "invalidValue",
        ),
        ("PUT", {"externalId": ["x"]}, "invalidValue"),
        ("PUT", {"externalId": "x" * 256}, "invalidValue"),
        ("PUT", '{"externalId": "\\u0000"}', "invalidSyntax"),
    ],
)
def test_bad_bodies_are_said_in_scims_words(
    directory: Directory, method: str, body: Any, kind: str
) -> None:
    found = directory.found('userName eq "stud@north.example"')
    answer = directory.ask(method, f"{USERS}/{found['id']}", body)
    error = answer.json()
    assert (answer.status_code, error["status"], error["scimType"]) == (400, "400", kind)
    assert error["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert directory.found('userName eq "stud@north.example"')["active"] is True


def test_bad_queries_are_too(directory: Directory) -> None:
    for query, kind in (
        ({"filter": 'userName co "a"'}, "invalidFilter"),
        ({"filter": 'password eq "a"'}, "invalidFilter"),
        ({"filter": 'userName eq "a" or userName eq "b"'}, "invalidFilter"),
        ({"filter": "userName eq a"}, "invalidFilter"),
        ({"filter": 'userName eq "'}, "invalidFilter"),
        ({"filter": 'userName eq "\\ud800"'}, "invalidValue"),
        ({"filter": 'userName eq "\\u0000"'}, "invalidValue"),
        ({"filter": "(" * 2000}, "invalidFilter"),
        ({"count": "many"}, "invalidValue"),
        ({"startIndex": "9" * 30}, "invalidValue"),
    ):
        answer = directory.ask("GET", USERS, **query)
        assert (answer.status_code, answer.json()["scimType"]) == (400, kind), query
    for path in ("x", "9" * 40, "0", "-1", "%C2%B2"):
        assert directory.ask("GET", f"{USERS}/{path}").status_code == 404, path
    assert directory.ask("POST", f"{USERS}/1", {}).status_code == 405
    assert directory.ask("GET", "/scim/v2/Groups").json()["status"] == "404"


def test_a_newcomer_is_entered_where_the_campus_lets_it(cast: Cast, directory: Directory) -> None:
    new = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": "new@north.example",
        "externalId": "00u9",
        "active": True,
        "name": {"givenName": "Noor", "familyName": "Newman"},
        "emails": [{"primary": True, "type": "work", "value": "new@north.example"}],
        ENTERPRISE: {"employeeNumber": "N900001"},
    }
    refused = directory.ask("POST", USERS, new)
    assert (refused.status_code, "entered by the office" in refused.json()["detail"]) == (403, True)
    known = directory.ask("POST", USERS, {**new, "userName": "stud@north.example"})
    assert (known.status_code, known.json()["scimType"]) == (409, "uniqueness")
    with campus_scope(cast.campus):
        ScimClient.objects.update(creates=True)
    made = directory.ask("POST", USERS, new)
    assert made.status_code == 201
    assert made["Location"] == made.json()["meta"]["location"]
    assert made.json()["externalId"] == "00u9"
    with campus_scope(cast.campus):
        student = Student.objects.get(code="N900001")
        roles = Membership.objects.filter(user=student.user).values_list("role", flat=True)
        assert list(roles) == [Role.STUDENT]
    for wrong in (
        {**new, "userName": "b@north.example", "emails": [], ENTERPRISE: {}},
        {**new, "userName": "c@else.example", "emails": [{"value": "c@else.example"}]},
        {"userName": 7},
    ):
        assert directory.ask("POST", USERS, wrong).status_code in (400, 409), wrong


def test_only_the_campuss_own_key_is_answered(
    cast: Cast, other_cast: Cast, directory: Directory
) -> None:
    foreign = Directory(other_cast.campus, cast.host)
    assert foreign.ask("GET", USERS).status_code == 401
    found = directory.found('userName eq "stud@north.example"')
    theirs = Directory(other_cast.campus, other_cast.host)
    assert theirs.ask("GET", f"{USERS}/{found['id']}").status_code == 404
    assert theirs.patch(found, OKTA_OFF).status_code == 404
    right = directory.key
    for key in ("", "x", right[:-1], right + "x", right.replace("scim_", "campus_")):
        directory.key = key
        answer = directory.ask("GET", USERS)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["status"] == "401"
    directory.key = right
    with campus_scope(cast.campus):
        assert ScimClient.objects.get(pk=directory.row.pk).last_used_at is not None
        ScimClient.objects.update(revoked_at=timezone.now() - timedelta(seconds=1))
    assert directory.ask("GET", USERS).status_code == 401
    # A person's session is no key, and a key is no person's.
    signed_in = Client(headers={"host": cast.host})
    signed_in.force_login(cast.admin)
    assert signed_in.get(USERS).status_code == 401
    assert at(cast.host, Authorization=f"Bearer {right}").get(ME).status_code == 401


def test_what_the_server_says_of_itself(directory: Directory) -> None:
    config = directory.ask("GET", "/scim/v2/ServiceProviderConfig").json()
    assert config["patch"] == {"supported": True}
    types = directory.ask("GET", "/scim/v2/ResourceTypes").json()["Resources"]
    assert [one["endpoint"] for one in types] == ["/Users"]
    schemas = directory.ask("GET", "/scim/v2/Schemas").json()["Resources"]
    assert {one["id"] for one in schemas} == {types[0]["schema"], ENTERPRISE}
    for one in (*types, *schemas):
        path = f"/scim/v2/{one['meta']['location'].partition('/scim/v2/')[2]}"
        assert directory.ask("GET", path).json() == one
    assert directory.ask("GET", "/scim/v2/Schemas/x").status_code == 404


def test_a_key_is_made_shown_once_and_revoked_in_the_administration(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    page = client.post(url(ScimClient, "add"), {"name": "Okta", "user_name": "email"})
    assert "no-store" in page["Cache-Control"]
    key = words(page).partition("scim_")[2].partition("<")[0].strip()
    directory = Directory(cast.campus, cast.host)
    directory.key = f"scim_{key}"
    assert directory.ask("GET", USERS).status_code == 200
    with campus_scope(cast.campus):
        made = ScimClient.objects.get(name="Okta")
        written = json.dumps(list(Entry.objects.values_list("data", flat=True)))
    assert key not in written
    assert key not in words(client.get(url(ScimClient, "change", made.pk)))
    listing = url(ScimClient, "changelist")
    chosen: Any = {"_selected_action": [str(made.pk)]}
    again = client.post(listing, {**chosen, "action": "make_key"})
    assert "scim_" in words(again)
    assert directory.ask("GET", USERS).status_code == 401
    directory.key = "scim_" + words(again).partition("scim_")[2].partition("<")[0].strip()
    assert directory.ask("GET", USERS).status_code == 200
    client.post(listing, {**chosen, "action": "revoke"})
    assert directory.ask("GET", USERS).status_code == 401
    assert client_of(cast, cast.operator).get(url(ScimClient, "add")).status_code == 403
