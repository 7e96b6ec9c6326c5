"""One device per student, one student per device, proved by the key itself."""

import base64
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.core.signing import TimestampSigner
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Device, Student
from apps.audit.models import Entry
from apps.notifications.models import Delivery, Message, Preference
from apps.tenants.scope import campus_scope
from tests.accounts.support import Phone, code_of, race, signed_in
from tests.factories import PASSWORD, Cast

DEVICE = "/api/v1/me/device"
CHALLENGE = "/api/v1/me/device/challenge"
REBIND = "/api/v1/me/device/rebind"


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


def aged(cast: Cast, age: timedelta) -> None:
    """The replacement was asked for so long ago."""
    with campus_scope(cast.campus):
        Device.objects.update(rebind_requested_at=timezone.now() - age)


def test_device_may_be_replaced_two_days_after_asking(
    cast: Cast, student_client: APIClient
) -> None:
    bind(student_client, Phone())
    shown = student_client.post(REBIND).json()["device"]
    assert datetime.fromisoformat(shown["rebind_at"]) > timezone.now() + timedelta(hours=47)
    for age, expected in [(timedelta(hours=47), 409), (timedelta(hours=48), 201)]:
        aged(cast, age)
        assert bind(student_client, Phone()).status_code == expected
    with campus_scope(cast.campus):
        assert Device.objects.filter(is_active=True).count() == 1
        assert Device.objects.filter(is_active=False, released_at__isnull=False).count() == 1
    assert student_client.get(DEVICE).json()["device"]["rebind_at"] is None


def test_an_old_device_is_not_replaced_unasked(cast: Cast, student_client: APIClient) -> None:
    """Who learned a password binds no phone without the owner hearing of it two days before."""
    bind(student_client, Phone())
    with campus_scope(cast.campus):
        Device.objects.update(bound_at=timezone.now() - timedelta(days=300))
    assert code_of(bind(student_client, Phone())) == "device_already_bound"


def test_asking_is_told_once_and_can_be_taken_back(cast: Cast, student_client: APIClient) -> None:
    bind(student_client, Phone())
    first, again = student_client.post(REBIND), student_client.post(REBIND)
    assert first.json() == again.json()
    with campus_scope(cast.campus):
        message = Message.objects.get()
        assert message.data["device"] == "Pixel"
        assert message.deliveries.filter(user_id=cast.student.user_id).exists()
    assert student_client.delete(REBIND).json()["device"]["rebind_at"] is None
    with campus_scope(cast.campus):
        assert set(Entry.objects.values_list("action", flat=True)) >= {
            "accounts.device.rebind_requested",
            "accounts.device.rebind_cancelled",
        }
    assert bind(student_client, Phone()).status_code == 409


def test_refusals_say_what_helps(cast: Cast, student_client: APIClient) -> None:
    phone = Phone()
    bind(student_client, phone)
    words = bind(student_client, Phone()).json()["errors"][0]["detail"]
    assert "Ask for a replacement" in words
    student_client.post(REBIND)
    with campus_scope(cast.campus):
        Device.objects.update(rebind_requested_at=datetime(2036, 9, 14, 8, 0, tzinfo=UTC))
    words = bind(student_client, Phone()).json()["errors"][0]["detail"]
    assert "2036-09-16 10:00" in words  # on the campus's clock
    words = bind(signed_in(cast.host, cast.classmate.email), phone).json()["errors"][0]["detail"]
    assert "office can release it" in words


def test_the_office_sees_whether_a_device_is_bound_and_not_which(
    cast: Cast, student_client: APIClient
) -> None:
    phone = Phone("0123456789abcdef")
    bind(student_client, phone)
    answer = signed_in(cast.host, cast.operator.email).get(
        f"/api/v1/students/{cast.student.pk}/device"
    )
    assert answer.json()["bound"] is True
    assert phone.device_uuid.encode() not in answer.content
    assert "public_key" not in answer.json()["device"]


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
        ("device_uuid", "a\nb"),
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


def test_the_student_is_told_of_a_release_whatever_they_chose(
    cast: Cast, student_client: APIClient
) -> None:
    bind(student_client, Phone())
    with campus_scope(cast.campus):
        Preference.objects.create(
            user=cast.student.user, kind="device_reset", channel="email", is_wanted=False
        )
    reset(signed_in(cast.host, cast.admin.email), cast.student)
    with campus_scope(cast.campus):
        told = Delivery.objects.filter(user=cast.student.user, message__kind="device_reset")
        assert set(told.values_list("channel", flat=True)) == {"inbox", "email"}


def test_the_student_is_told_that_another_device_took_the_place(
    cast: Cast, student_client: APIClient
) -> None:
    bind(student_client, Phone())
    aged(cast, timedelta(hours=49))
    with campus_scope(cast.campus):
        assert not Message.objects.filter(kind="device_reset").exists()
    assert bind(student_client, Phone()).status_code == 201
    with campus_scope(cast.campus):
        assert Message.objects.get(kind="device_reset").title == "Another device is bound to you"


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


def in_browser(client: APIClient, name: str) -> None:
    """As after a sign-in there: the cookie of `signin.known_devices`."""
    signed = TimestampSigner(salt="accounts.known_devices").sign(name)
    client.cookies[settings.DEVICE_COOKIE_NAME] = signed


def test_one_browser_is_one_students_device(
    cast: Cast, student_client: APIClient, classmate_client: APIClient
) -> None:
    """The one who signs in next in the same browser: known by its cookie, whatever key is sent."""
    in_browser(student_client, "one")
    assert bind(student_client, Phone(), kind="web").status_code == 201
    in_browser(classmate_client, "one")
    answer = bind(classmate_client, Phone(), kind="web")
    assert (answer.status_code, code_of(answer)) == (409, "device_is_anothers")
    reset(signed_in(cast.host, cast.admin.email), cast.student)
    assert bind(classmate_client, Phone(), kind="web").status_code == 201


def test_a_bound_device_that_moves_into_anothers_browser_stays_where_it_was(
    cast: Cast, student_client: APIClient, classmate_client: APIClient
) -> None:
    own = Phone()
    in_browser(student_client, "one")
    bind(student_client, Phone(), kind="web")
    bind(classmate_client, own, kind="web")
    in_browser(classmate_client, "one")
    answer = bind(classmate_client, own, kind="web")
    assert (answer.status_code, code_of(answer)) == (409, "device_is_anothers")
    with campus_scope(cast.campus):
        assert Device.objects.filter(is_active=True).count() == 2


def test_two_browsers_are_two_students_devices(
    student_client: APIClient, classmate_client: APIClient
) -> None:
    in_browser(student_client, "one")
    in_browser(classmate_client, "another")
    assert bind(student_client, Phone(), kind="web").status_code == 201
    assert bind(classmate_client, Phone(), kind="web").status_code == 201


@pytest.mark.parametrize("said", ["web", "android", "ios"])
def test_a_browser_that_says_it_is_an_app_is_one_students_device_too(cast: Cast, said: str) -> None:
    """The page's script can be changed, or its request sent by hand: the session tells."""
    in_hand = Client(headers={"host": cast.host})
    phones = [Phone(), Phone()]

    def bound(person: Student, phone: Phone) -> Any:
        in_hand.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        asked = in_hand.post(f"{DEVICE}/challenge").json()
        body = phone.binding(asked, kind=said)
        return in_hand.post(DEVICE, body, content_type="application/json")

    assert bound(cast.student, phones[0]).status_code == 201
    assert bound(cast.student, phones[0]).status_code == 200  # again frees it as little
    in_hand.post("/accounts/logout/")
    answer = bound(cast.classmate, phones[1])
    assert (answer.status_code, code_of(answer)) == (409, "device_is_anothers")
    with campus_scope(cast.campus):
        assert Device.objects.get().kind == "web"


def test_an_app_keeps_no_browser(
    cast: Cast, student_client: APIClient, classmate_client: APIClient
) -> None:
    in_browser(student_client, "one")
    bind(student_client, Phone())
    in_browser(classmate_client, "one")
    assert bind(classmate_client, Phone()).status_code == 201
    with campus_scope(cast.campus):
        assert set(Device.objects.values_list("browser", flat=True)) == {""}
