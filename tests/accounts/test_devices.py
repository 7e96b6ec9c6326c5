"""One device per student, one student per device, proved by the key itself."""

import base64
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Device, Student
from apps.accounts.notices import notify_device_changed
from apps.audit.models import Entry
from apps.tenants.scope import campus_scope
from tests.accounts.support import Phone, code_of, race, signed_in
from tests.factories import Cast

DEVICE = "/api/v1/me/device"
CHALLENGE = "/api/v1/me/device/challenge"


def challenge(client: APIClient) -> dict[str, Any]:
    answer = client.post(CHALLENGE)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def bind(client: APIClient, phone: Phone, **changes: Any) -> Any:
    return client.post(DEVICE, phone.binding(challenge(client), **changes))


def reset(client: APIClient, student: Student) -> Any:
    return client.post(f"/api/v1/students/{student.pk}/device/reset", {"reason": "lost"})


@pytest.fixture
def student_client(cast: Cast) -> APIClient:
    return signed_in(cast.host, cast.student.email)


@pytest.fixture
def classmate_client(cast: Cast) -> APIClient:
    return signed_in(cast.host, cast.classmate.email)


def test_first_device_is_bound(cast: Cast, student_client: APIClient) -> None:
    assert student_client.get(DEVICE).json() == {"bound": False, "device": None}
    phone = Phone()
    answer = bind(student_client, phone)
    assert answer.status_code == 201
    assert student_client.get(DEVICE).json()["device"]["name"] == "Pixel"
    with campus_scope(cast.campus):
        device = Device.objects.get()
        assert (device.student_id, bytes(device.public_key)) == (cast.student.pk, phone.spki)
        entry = Entry.objects.get(action="accounts.device.bound")
    assert entry.actor_id == f"user:{cast.student.user_id}"


def test_identifiers_and_keys_are_never_shown(student_client: APIClient) -> None:
    phone = Phone("0123456789abcdef")
    assert phone.device_uuid.encode() not in bind(student_client, phone).content
    shown = student_client.get(DEVICE).json()["device"]
    assert not {"device_uuid", "public_key", "push_token"} & shown.keys()


def test_message_to_sign_is_the_documented_one(cast: Cast, student_client: APIClient) -> None:
    given, phone = challenge(student_client), Phone()
    message = given["message"].replace("{device_uuid}", phone.device_uuid).encode()
    proof = base64.b64encode(phone.sign(message)).decode()
    body = {**phone.binding(given), "signature": proof}
    assert student_client.post(DEVICE, body).status_code == 201
    assert given["student"] == cast.student.pk


def test_same_device_again_updates_what_is_known(cast: Cast, student_client: APIClient) -> None:
    phone = Phone()
    bind(student_client, phone)
    again = bind(student_client, phone, name="Renamed", push_token="p" * 400)
    assert (again.status_code, again.json()["device"]["name"]) == (200, "Renamed")
    with campus_scope(cast.campus):
        assert Device.objects.get().push_token == "p" * 400


def test_repeated_request_gets_the_same_device(cast: Cast, student_client: APIClient) -> None:
    phone = Phone()
    body = phone.binding(challenge(student_client))
    first, second = student_client.post(DEVICE, body), student_client.post(DEVICE, body)
    assert first.json()["device"]["id"] == second.json()["device"]["id"]


def test_second_device_is_refused(cast: Cast, student_client: APIClient) -> None:
    bind(student_client, Phone())
    answer = bind(student_client, Phone())
    assert (answer.status_code, code_of(answer)) == (409, "device_already_bound")
    with campus_scope(cast.campus):
        assert Device.objects.count() == 1


def test_device_may_be_replaced_after_two_days(cast: Cast, student_client: APIClient) -> None:
    bind(student_client, Phone())
    for age, expected in [(timedelta(hours=47), 409), (timedelta(hours=48), 201)]:
        with campus_scope(cast.campus):
            Device.objects.update(bound_at=timezone.now() - age)
        assert bind(student_client, Phone()).status_code == expected
    with campus_scope(cast.campus):
        assert Device.objects.filter(is_active=True).count() == 1
        assert Device.objects.filter(is_active=False, released_at__isnull=False).count() == 1


@pytest.mark.parametrize("shared", ["key", "uuid"])
def test_device_of_somebody_else_is_refused(
    student_client: APIClient, classmate_client: APIClient, shared: str
) -> None:
    phone, other = Phone("shared"), Phone("shared")
    if shared == "key":
        other.key, other.device_uuid = phone.key, "another"
    bind(student_client, phone)
    answer = bind(classmate_client, other)
    assert (answer.status_code, code_of(answer)) == (409, "device_bound_elsewhere")
    assert phone.device_uuid not in str(answer.json())


def test_replayed_identifier_without_the_key_fails(
    student_client: APIClient, classmate_client: APIClient
) -> None:
    """AMS-43: who copies another phone's id and public key still cannot sign with it."""
    victim, thief = Phone(), Phone()
    bind(student_client, victim)
    body = thief.binding(challenge(classmate_client))
    copied = {**body, "public_key": victim.binding(challenge(student_client))["public_key"]}
    answer = classmate_client.post(DEVICE, copied)
    assert (answer.status_code, code_of(answer)) == (400, "bad_signature")


def test_proof_of_another_student_is_worthless(
    student_client: APIClient, classmate_client: APIClient
) -> None:
    body = Phone().binding(challenge(student_client))
    assert code_of(classmate_client.post(DEVICE, body)) == "challenge_expired"


def test_challenge_expires(student_client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    given = challenge(student_client)
    late = timezone.now() + timedelta(minutes=5, seconds=1)
    monkeypatch.setattr("apps.accounts.api.views.timezone.now", lambda: late)
    answer = student_client.post(DEVICE, Phone().binding(given))
    assert (answer.status_code, code_of(answer)) == (400, "challenge_expired")


@pytest.mark.parametrize("nonce", ["x", "1.2.3", "é.é.é", "99999999999999999999.a.b", "..", "\n"])
def test_invented_challenge_is_refused(student_client: APIClient, nonce: str) -> None:
    body = Phone().binding(challenge(student_client), nonce=nonce)
    assert student_client.post(DEVICE, body).status_code == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "toaster"),
        ("public_key", "junk"),
        ("public_key", 7),
        ("public_key", ["x"]),
        ("signature", "no base64!"),
        ("signature", None),
        ("device_uuid", ""),
        ("device_uuid", "x" * 256),
        ("device_uuid", "\x00"),
        ("name", "x" * 101),
    ],
)
def test_bad_input_is_a_400(student_client: APIClient, field: str, value: Any) -> None:
    answer = bind(student_client, Phone(), **{field: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == field


@pytest.mark.parametrize("who", ["admin", "operator"])
def test_office_resets_and_the_student_binds_anew(
    cast: Cast, student_client: APIClient, who: str
) -> None:
    bind(student_client, Phone())
    office = signed_in(cast.host, getattr(cast, who).email)
    assert reset(office, cast.student).status_code == 204
    assert bind(student_client, Phone()).status_code == 201
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="accounts.device.reset")
    assert entry.actor_id == f"user:{getattr(cast, who).pk}"
    assert entry.data == {"reason": "lost"}


def test_released_device_can_serve_another_student(
    cast: Cast, student_client: APIClient, classmate_client: APIClient
) -> None:
    phone = Phone()
    bind(student_client, phone)
    reset(signed_in(cast.host, cast.admin.email), cast.student)
    assert bind(classmate_client, phone).status_code == 201


def test_reset_without_a_device_is_a_404(cast: Cast) -> None:
    answer = reset(signed_in(cast.host, cast.admin.email), cast.student)
    assert (answer.status_code, code_of(answer)) == (404, "no_device")


def test_reset_of_another_campus_student_is_a_404(cast: Cast, other_cast: Cast) -> None:
    answer = reset(signed_in(cast.host, cast.admin.email), other_cast.student)
    assert (answer.status_code, code_of(answer)) == (404, "no_such_student")


def test_student_is_told(in_campus: Cast) -> None:
    notify_device_changed(in_campus.student.pk)
    assert mail.outbox[0].to == [in_campus.student.email]
    assert in_campus.student.full_name in mail.outbox[0].body


@pytest.mark.django_db(transaction=True)
def test_two_phones_of_one_student_at_once(cast: Cast, student_client: APIClient) -> None:
    bodies = [Phone().binding(challenge(student_client)) for _n in range(4)]
    codes = race(*(partial(student_client.post, DEVICE, body) for body in bodies))
    assert codes == [201, 409, 409, 409]


@pytest.mark.django_db(transaction=True)
def test_two_students_with_one_phone_at_once(
    cast: Cast, student_client: APIClient, classmate_client: APIClient
) -> None:
    phone = Phone()
    mine = phone.binding(challenge(student_client))
    theirs = phone.binding(challenge(classmate_client))
    codes = race(
        partial(student_client.post, DEVICE, mine), partial(classmate_client.post, DEVICE, theirs)
    )
    assert codes == [201, 409]
