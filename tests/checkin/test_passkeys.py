"""Passkeys over the evidence: as the device's proof, as the phone's own check of its user."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, Policy
from apps.checkin.models import CheckInAttempt
from apps.integrity.models import Finding, FindingKind
from apps.integrity.services.findings import findings_find
from apps.sessions.models import ClassSession
from apps.signin.passkeys import OLD_ENOUGH
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.authenticator import SoftPasskey, registered
from tests.checkin.test_check_in_api import statements
from tests.factories import Cast, make_cast
from tests.phone import Phone, code_of

OLD = OLD_ENOUGH + timedelta(minutes=1)
PROVEN = {"location": HERE, "beacons": HEARD}


def opened(cast: Cast, **rules: Any) -> ClassSession:
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, created_at=timezone.now(), **rules)
    return open_session(cast)


def passkey_of(cast: Cast, student: Any, *, age: timedelta = OLD, **kind: Any) -> SoftPasskey:
    made = SoftPasskey(cast.host, **kind)
    registered(student.user, made, age=age)
    return made


def send(
    phone: Phone,
    session: ClassSession,
    passkey: SoftPasskey | None,
    *,
    sign: bool = True,
    over: str = "",
    form: str = "json",
    **said: Any,
) -> Any:
    """Redeem the code and send the evidence, signed by the device, the passkey, or both."""
    ticket = phone.ticket(code_of(phone.cast, session.pk, timezone.now()).token)
    evidence = {"ticket": ticket, "nonce": f"nonce-{hashlib.md5(ticket.encode()).hexdigest()}"}
    phone.count = getattr(phone, "count", 0) + 1  # type: ignore[attr-defined]
    evidence["nonce"] += str(phone.count)  # type: ignore[attr-defined]
    text = json.dumps({**evidence, **PROVEN})
    body: dict[str, Any] = {"evidence": text}
    if sign:
        body["signature"] = phone.sign(text.encode())
    if passkey is not None:
        passkey.counter += 0 if passkey.synced else 1
        challenge = hashlib.sha256((over or text).encode()).digest()
        made = passkey.assertion(challenge, **said)
        body["assertion"] = json.dumps(made) if form == "multipart" else made
    return phone.client.post("/api/v1/check-in", body, format=form)


def outcome(answer: Any) -> tuple[str, str]:
    assert answer.status_code == 201, answer.content
    return answer.json()["outcome"], answer.json()["reason"]


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_a_passkey_stands_in_for_the_devices_signature(cast: Cast, form: str) -> None:
    session = opened(cast, passkey="accepted")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    answer = send(phone, session, passkey, sign=False, form=form)
    assert outcome(answer) == ("accepted", "")
    device = answer.json()["factors"]["device"]
    assert (device["passed"], device["reason"], device["confidence"]) == (True, "passkey", 1.0)
    assert "passkey ✓" in answer.json()["explanation"]


def test_where_passkeys_are_not_used_one_proves_nothing(cast: Cast) -> None:
    session = opened(cast)
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    assert outcome(send(phone, session, passkey, sign=False)) == ("refused", "bad_signature")
    assert outcome(send(phone, session, passkey)) == ("accepted", "")


def test_something_has_to_sign(cast: Cast) -> None:
    session = opened(cast, passkey="accepted")
    phone = Phone(cast, cast.student)
    assert send(phone, session, None, sign=False).status_code == 400


def test_a_passkey_can_be_required(cast: Cast) -> None:
    session = opened(cast, passkey="required", required=["qr"], decisive=[])
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    answer = send(phone, session, None)
    assert outcome(answer) == ("refused", "passkey_required")
    assert "not confirmed with a passkey" in answer.json()["explanation"]
    with campus_scope(cast.campus):
        assert not AttendanceRecord.objects.exists()
    assert outcome(send(phone, session, passkey)) == ("accepted", "")


def test_a_wrong_signature_is_not_mended_by_a_passkey(cast: Cast) -> None:
    session = opened(cast, passkey="required")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    phone.key = Phone(cast, cast.classmate, bind=False).key
    assert outcome(send(phone, session, passkey)) == ("refused", "bad_signature")


def test_a_first_passkey_without_a_device_counts_at_once(cast: Cast) -> None:
    session = opened(cast, passkey="accepted")
    phone = Phone(cast, cast.student, bind=False)
    fresh = passkey_of(cast, cast.student, age=timedelta(seconds=5))
    assert outcome(send(phone, session, fresh, sign=False)) == ("accepted", "")


@pytest.mark.parametrize("before", ["device", "passkey"])
def test_who_took_a_password_does_not_check_in_by_adding_a_passkey(cast: Cast, before: str) -> None:
    session = opened(cast, passkey="accepted", person="bonus")
    phone = Phone(cast, cast.student, bind=before == "device")
    if before == "passkey":
        passkey_of(cast, cast.student)
    fresh = passkey_of(cast, cast.student, age=OLD_ENOUGH - timedelta(minutes=1))
    assert outcome(send(phone, session, fresh, sign=False)) == ("refused", "passkey_too_new")


def test_synced_passkeys_are_weighed_by_the_policy(cast: Cast) -> None:
    session = opened(cast, passkey="accepted", synced_passkey_weight="0.50")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student, synced=True)
    answer = send(phone, session, passkey, sign=False)
    assert outcome(answer) == ("accepted", "")
    device = answer.json()["factors"]["device"]
    assert device["confidence"] == 0.5
    assert device["detail"] == {"synced": True, "user_verified": True}


def test_synced_passkeys_can_be_refused(cast: Cast) -> None:
    session = opened(cast, passkey="accepted", synced_passkey_weight="0")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student, synced=True)
    assert outcome(send(phone, session, passkey, sign=False)) == ("refused", "synced_passkey")
    own = passkey_of(cast, cast.student)
    assert outcome(send(phone, session, own, sign=False)) == ("accepted", "")


def test_a_passkey_that_says_later_that_it_is_copied_is_taken_for_one(cast: Cast) -> None:
    session = opened(cast, passkey="accepted", synced_passkey_weight="0")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    passkey.synced = True
    assert outcome(send(phone, session, passkey, sign=False)) == ("refused", "synced_passkey")


def test_a_counter_that_goes_back_is_noted_and_weighed_as_a_copy(cast: Cast) -> None:
    session = opened(cast, passkey="accepted", synced_passkey_weight="0.50")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    passkey.counter = 7
    first = send(phone, session, passkey, sign=False).json()["factors"]["device"]
    passkey.counter = 3
    second = send(phone, session, passkey, sign=False).json()["factors"]["device"]
    assert (first["confidence"], second["confidence"]) == (1.0, 0.5)
    assert second["detail"]["counter_went_back"] is True


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"over": "another evidence"}, {}),
        ({}, {"type": "webauthn.create"}),
        ({}, {"origin": "https://evil.example"}),
        ({}, {"rp_id": "evil.example"}),
        ({}, {"crossOrigin": True}),
    ],
)
def test_what_does_not_fit_is_refused_like_a_wrong_signature(
    cast: Cast, changes: dict[str, str], said: dict[str, Any]
) -> None:
    session = opened(cast, passkey="accepted")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    answer = send(phone, session, passkey, **changes, **said)
    assert outcome(answer) == ("refused", "bad_signature")


def test_a_passkey_of_another_host_of_the_campus_does_not_count(cast: Cast) -> None:
    session = opened(cast, passkey="accepted")
    Domain.objects.create(campus=cast.campus, host="second.example")
    elsewhere = SoftPasskey("second.example")
    registered(cast.student.user, elsewhere, age=OLD)
    phone = Phone(cast, cast.student)
    assert outcome(send(phone, session, elsewhere, sign=False)) == ("refused", "bad_signature")


def test_a_classmates_passkey_is_refused_and_found(cast: Cast) -> None:
    session = opened(cast, passkey="accepted")
    phone, theirs = Phone(cast, cast.student), passkey_of(cast, cast.classmate)
    assert outcome(send(phone, session, theirs, sign=False)) == ("refused", "bad_signature")
    with campus_scope(cast.campus):
        findings_find(session=session, now=timezone.now())
        found = Finding.objects.filter(kind=FindingKind.SHARED_DEVICE)
        pair = {cast.student.pk, cast.classmate.pk}
        assert {(one.student_id, *one.detail["students"]) for one in found} == {
            (one, *(pair - {one})) for one in pair
        }


def test_a_strangers_passkey_is_refused(cast: Cast) -> None:
    session = opened(cast, passkey="accepted")
    assert outcome(send(Phone(cast, cast.student), session, SoftPasskey(cast.host))) == (
        "refused",
        "bad_signature",
    )
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.get().passkey_id is None


def test_the_phones_own_check_scores_like_a_matched_face(cast: Cast) -> None:
    session = opened(cast, person="bonus")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    answer = send(phone, session, passkey)
    person = answer.json()["factors"]["person"]
    assert (person["passed"], person["confidence"]) == (True, 1.0)
    assert person["points"] == person["weight"] > 0
    assert "the phone's own check ✓" in answer.json()["explanation"]
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.get().person_verified


@pytest.mark.parametrize("verifies", [None, False])
def test_a_bonus_costs_nobody_anything(cast: Cast, verifies: bool | None) -> None:
    session = opened(cast, person="bonus")
    phone = Phone(cast, cast.student)
    passkey = None if verifies is None else passkey_of(cast, cast.student, verifies=False)
    answer = send(phone, session, passkey)
    assert answer.json()["score"] == 1.0
    assert "person" not in answer.json()["factors"]
    with campus_scope(cast.campus):
        assert not AttendanceRecord.objects.get().person_verified


def test_where_it_is_asked_of_everybody_a_check_in_without_it_waits(cast: Cast) -> None:
    session = opened(cast, person="required")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student, verifies=False)
    assert outcome(send(phone, session, None)) == ("waiting", "no_person")
    assert outcome(send(phone, session, passkey)) == ("waiting", "no_person")
    passkey.verifies = True
    assert outcome(send(phone, session, passkey)) == ("accepted", "")


def test_the_passkey_is_kept_with_the_attempt(cast: Cast) -> None:
    session = opened(cast, passkey="accepted")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student, synced=True)
    send(phone, session, passkey, sign=False)
    with campus_scope(cast.campus):
        attempt = CheckInAttempt.objects.get()
    assert attempt.passkey_id is not None
    assert (attempt.passkey_counter, attempt.passkey_synced) == (0, True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("with_passkey", "count"), [(False, 8), (True, 10)])
def test_only_who_sends_an_assertion_takes_more_statements(
    with_passkey: bool, count: int, settings: Any
) -> None:
    settings.LEAN_LANE = False  # which takes no passkeys
    cast = make_cast("north")
    session = opened(cast, passkey="accepted", person="bonus")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    text = json.dumps({"ticket": ticket, "nonce": "nonce-00000001", **PROVEN})
    body: dict[str, Any] = {"evidence": text, "signature": phone.sign(text.encode())}
    if with_passkey:
        body["assertion"] = passkey.assertion(hashlib.sha256(text.encode()).digest())
    with statements() as seen:
        answer = phone.client.post("/api/v1/check-in", body, format="json")
    assert answer.json()["outcome"] == "accepted"
    assert len(seen) == count, seen


BROKEN: list[Any] = [
    "x",
    [],
    {},
    {"credential_id": "AA"},
    {"credential_id": "é", "authenticator_data": "", "client_data_json": "", "signature": ""},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_read_is_a_400(cast: Cast, broken: Any) -> None:
    session = opened(cast, passkey="accepted")
    phone = Phone(cast, cast.student)
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    text = json.dumps({"ticket": ticket, "nonce": "nonce-00000001"})
    body = {"evidence": text, "signature": phone.sign(text.encode()), "assertion": broken}
    assert phone.client.post("/api/v1/check-in", body, format="json").status_code == 400


@pytest.mark.parametrize("said", [b"", b"{}", b"[]", b"{", b'{"type":1,"challenge":2,"origin":3}'])
def test_odd_client_data_is_a_wrong_signature(cast: Cast, said: bytes) -> None:
    session = opened(cast, passkey="accepted")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    passkey.client_data = lambda *_args, **_said: said or b" "  # type: ignore[method-assign]
    assert outcome(send(phone, session, passkey)) == ("refused", "bad_signature")


def test_an_offline_check_in_brings_the_phones_own_check_too(cast: Cast) -> None:
    session = opened(cast, person="bonus")
    phone, passkey = Phone(cast, cast.student), passkey_of(cast, cast.student)
    now = timezone.now()
    item: dict[str, Any] = phone.offline_item(
        session.pk, code_of(cast, session.pk, now).token, counter=1, at=now, **PROVEN
    )
    challenge = hashlib.sha256(item["evidence"].encode()).digest()
    item["assertion"] = passkey.assertion(challenge)
    (result,) = phone.send_offline(item).json()["results"]
    assert result["attempt"]["factors"]["person"]["passed"] is True, result
