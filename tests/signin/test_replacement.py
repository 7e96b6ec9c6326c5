"""A passkey binds a new device in the place of a lost one at once, and no thief gains by it."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from rest_framework.test import APIClient

from apps.accounts.models import Device
from apps.audit.models import Entry
from apps.notifications.models import Message
from apps.signin.passkeys import OLD_ENOUGH
from apps.signin.services.replacement import ONCE_IN
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from tests.accounts.support import Phone, code_of, signed_in
from tests.accounts.test_devices import bind, in_browser
from tests.authenticator import SoftPasskey, bytes_of, registered
from tests.factories import Cast

REPLACE = "/api/v1/me/device/passkey"
ASK = "/api/v1/me/device/passkey-challenge"
OLD = OLD_ENOUGH + timedelta(minutes=1)


@pytest.fixture
def client(cast: Cast) -> APIClient:
    found = signed_in(cast.host, cast.student.email)
    assert bind(found, Phone()).status_code == 201
    return found


@pytest.fixture
def passkey(cast: Cast) -> SoftPasskey:
    made = SoftPasskey(cast.host)
    registered(cast.student.user, made, age=OLD)
    return made


def asked(client: APIClient, phone: Phone) -> dict[str, Any]:
    key = base64.b64encode(phone.spki).decode()
    answer = client.post(ASK, {"device_uuid": phone.device_uuid, "public_key": key})
    assert answer.status_code == 200, answer.content
    challenge: dict[str, Any] = answer.json()
    return challenge


def replace(
    client: APIClient, phone: Phone, passkey: SoftPasskey, *, kind: str = "android", **said: Any
) -> Any:
    challenge = asked(client, phone)
    signed = bytes_of(challenge["request_options"]["challenge"])
    body = phone.binding(challenge, kind=kind, assertion=passkey.assertion(signed, **said))
    return client.post(REPLACE, body)


def refused_with(answer: Any) -> tuple[int, str]:
    return answer.status_code, code_of(answer)


def test_a_lost_device_is_replaced_at_once(
    cast: Cast, client: APIClient, passkey: SoftPasskey
) -> None:
    phone = Phone()
    assert code_of(bind(client, phone)) == "device_already_bound"
    answer = replace(client, phone, passkey)
    assert answer.status_code == 201, answer.content
    with campus_scope(cast.campus):
        device = Device.objects.get(is_active=True)
        assert (bytes(device.public_key), device.bound_by_passkey) == (phone.spki, True)
        assert Device.objects.filter(is_active=False, released_at__isnull=False).count() == 1
        entry = Entry.objects.filter(action="accounts.device.bound").latest("at")
        assert entry.data["passkey_name"] == "phone"
        assert entry.data["rp_id"] == cast.host
        assert Message.objects.filter(kind="device_reset").count() == 1


def test_the_browser_that_takes_its_place_is_one_students_device(
    cast: Cast, client: APIClient, passkey: SoftPasskey
) -> None:
    """Else each student with a passkey could bind the same browser."""
    in_browser(client, "one")
    assert replace(client, Phone(), passkey, kind="web").status_code == 201
    classmate = signed_in(cast.host, cast.classmate.email)
    in_browser(classmate, "one")
    assert refused_with(bind(classmate, Phone(), kind="web")) == (409, "device_is_anothers")
    in_browser(classmate, "another")
    assert bind(classmate, Phone(), kind="web").status_code == 201
    theirs = SoftPasskey(cast.host)
    registered(cast.classmate.user, theirs, age=OLD)
    in_browser(classmate, "one")
    answer = replace(classmate, Phone(), theirs, kind="web")
    assert refused_with(answer) == (409, "device_is_anothers")


def test_a_synced_passkey_replaces_too(cast: Cast, client: APIClient) -> None:
    made = SoftPasskey(cast.host, synced=True)
    registered(cast.student.user, made, age=OLD)
    assert replace(client, Phone(), made).status_code == 201


def test_the_options_name_the_own_passkeys(
    cast: Cast, client: APIClient, passkey: SoftPasskey
) -> None:
    registered(cast.classmate.user, SoftPasskey(cast.host), age=OLD)
    options = asked(client, Phone())["request_options"]
    assert [bytes_of(one["id"]) for one in options["allowCredentials"]] == [passkey.credential_id]
    assert (options["rpId"], options["userVerification"]) == (cast.host, "required")
    listed = client.get("/api/v1/me/passkeys").json()
    assert [bytes_of(one["credential_id"]) for one in listed] == [passkey.credential_id]


def test_who_took_the_password_gains_no_time(cast: Cast, client: APIClient) -> None:
    """A passkey that was just added waits as long as asking for another device does."""
    fresh = SoftPasskey(cast.host)
    registered(cast.student.user, fresh, age=OLD_ENOUGH - timedelta(minutes=1))
    assert refused_with(replace(client, Phone(), fresh)) == (403, "passkey_too_new")
    with campus_scope(cast.campus):
        assert Device.objects.filter(is_active=True, bound_by_passkey=False).count() == 1


def test_an_unlocked_phone_alone_is_not_enough(client: APIClient, passkey: SoftPasskey) -> None:
    passkey.verifies = False
    assert refused_with(replace(client, Phone(), passkey)) == (403, "passkey_not_verified")


def test_a_passkey_moves_the_binding_once_a_day(
    cast: Cast, client: APIClient, passkey: SoftPasskey
) -> None:
    assert replace(client, Phone(), passkey).status_code == 201
    assert refused_with(replace(client, Phone(), passkey)) == (409, "replaced_recently")
    with campus_scope(cast.campus):
        device = Device.objects.get(is_active=True)
        device.bound_at -= ONCE_IN
        device.save(update_fields=["bound_at"])
    assert replace(client, Phone(), passkey).status_code == 201


def test_a_classmates_passkey_binds_nothing(
    cast: Cast, client: APIClient, passkey: SoftPasskey
) -> None:
    theirs = SoftPasskey(cast.host)
    registered(cast.classmate.user, theirs, age=OLD)
    assert refused_with(replace(client, Phone(), theirs)) == (403, "bad_passkey")


@pytest.mark.parametrize(
    "said",
    [
        {"type": "webauthn.create"},
        {"origin": "https://evil.example"},
        {"origin": "https://sub.north.example"},
        {"origin": "http://north.example"},
        {"crossOrigin": True},
        {"challenge": "AAAA"},
        {"rp_id": "evil.example"},
    ],
)
def test_what_another_page_or_purpose_made_binds_nothing(
    client: APIClient, passkey: SoftPasskey, said: dict[str, Any]
) -> None:
    assert refused_with(replace(client, Phone(), passkey, **said)) == (403, "bad_passkey")


def test_an_assertion_for_one_key_binds_no_other(client: APIClient, passkey: SoftPasskey) -> None:
    challenge = asked(client, Phone())
    signed = bytes_of(challenge["request_options"]["challenge"])
    stolen = Phone().binding(challenge, assertion=passkey.assertion(signed))
    assert refused_with(client.post(REPLACE, stolen)) == (403, "bad_passkey")


def test_passkeys_of_other_hosts_do_not_count(cast: Cast, client: APIClient) -> None:
    Domain.objects.create(campus=cast.campus, host="second.example")
    registered(cast.student.user, SoftPasskey("second.example"), age=OLD)
    key = base64.b64encode(Phone().spki).decode()
    answer = client.post(ASK, {"device_uuid": "x", "public_key": key})
    assert refused_with(answer) == (404, "no_passkey")


def test_a_removed_passkey_binds_nothing(
    cast: Cast, client: APIClient, passkey: SoftPasskey
) -> None:
    challenge, phone = asked(client, phone := Phone()), phone
    office = signed_in(cast.host, cast.admin.email)
    (row,) = Authenticator.objects.all()
    path = f"/api/v1/students/{cast.student.pk}/passkeys"
    shown = office.get(path).json()
    assert [(one["id"], one["name"], one["rp_id"]) for one in shown] == [
        (row.pk, "phone", cast.host)
    ]
    assert "credential_id" not in shown[0]
    assert office.post(f"{path}/{row.pk}/remove", {"reason": "phone sold"}).status_code == 204
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="accounts.passkey.removed")
        assert (entry.data["reason"], entry.data["passkey_name"]) == ("phone sold", "phone")
        assert Message.objects.filter(kind="account_security").count() == 1
    signed = bytes_of(challenge["request_options"]["challenge"])
    answer = client.post(REPLACE, phone.binding(challenge, assertion=passkey.assertion(signed)))
    assert refused_with(answer) == (403, "bad_passkey")


def test_a_campus_neither_sees_nor_removes_passkeys_of_others(
    cast: Cast, other_cast: Cast, client: APIClient
) -> None:
    """The account is shared; what it opens elsewhere is no business of this campus."""
    row = registered(cast.student.user, SoftPasskey(other_cast.host), age=OLD)
    office = signed_in(cast.host, cast.admin.email)
    path = f"/api/v1/students/{cast.student.pk}/passkeys"
    assert office.get(path).json() == []
    assert office.post(f"{path}/{row.pk}/remove", {"reason": "x"}).status_code == 404
    assert Authenticator.objects.filter(pk=row.pk).exists()
