"""Giving consent to a wording, and withdrawing it together with what rested on it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.audit.services import SYSTEM, Actor
from apps.common.errors import Invalid, NotFound, Refused
from apps.privacy.models import Consent
from apps.privacy.registry import add_eraser, remove_eraser
from apps.privacy.selectors import active_consent
from apps.privacy.services import consent_give, consent_withdraw
from apps.privacy.wording import WORDINGS, Wording
from apps.tenants.scope import campus_scope
from tests.accounts.support import code_of, race, signed_in
from tests.factories import Cast

FACE = Consent.Kind.FACE
VERSION = WORDINGS[FACE].version
CONSENTS = "/api/v1/me/consents"
WITHDRAW = f"{CONSENTS}/face/withdraw"


def give(student: Student, now: datetime, version: str = VERSION) -> Consent:
    return consent_give(student=student, kind=FACE, version=version, now=now, actor=SYSTEM)


@pytest.fixture
def erased() -> Iterator[list[Student]]:
    """The students for whom a registered eraser was run; it reports three removed things."""
    calls: list[Student] = []

    def forget_samples(*, student: Student, now: datetime, actor: Actor) -> int:
        calls.append(student)
        return 3

    add_eraser(FACE, forget_samples)
    add_eraser(FACE, forget_samples)
    yield calls
    remove_eraser(FACE, forget_samples)


@pytest.fixture
def phone(cast: Cast) -> APIClient:
    return signed_in(cast.host, cast.student.email)


def test_student_reads_agrees_and_withdraws(
    cast: Cast, phone: APIClient, erased: list[Student]
) -> None:
    offered = phone.get(CONSENTS).json()[0]
    assert (offered["kind"], offered["given_at"], offered["up_to_date"]) == ("face", None, False)
    assert "face" in offered["text"]
    given = phone.post(CONSENTS, {"kind": "face", "version": offered["version"]})
    assert (given.status_code, given.json()["up_to_date"]) == (201, True)
    assert phone.get(CONSENTS).json()[0]["given_version"] == offered["version"]
    withdrawn = phone.post(WITHDRAW)
    assert (withdrawn.status_code, withdrawn.json()) == (200, {"erased": 3})
    assert erased == [cast.student]
    assert phone.get(CONSENTS).json()[0]["given_at"] is None


def test_agreeing_to_an_older_text_is_refused(cast: Cast, phone: APIClient) -> None:
    answer = phone.post(CONSENTS, {"kind": "face", "version": "1999-1"})
    assert (answer.status_code, code_of(answer)) == (409, "outdated_wording")


@pytest.mark.parametrize("body", [{}, {"kind": "face"}, {"kind": "soul", "version": VERSION}])
def test_bad_input_is_a_400(phone: APIClient, body: dict[str, Any]) -> None:
    assert phone.post(CONSENTS, body).status_code == 400


@pytest.mark.parametrize("kind", ["face", "soul"])
def test_nothing_to_withdraw_is_a_404(phone: APIClient, kind: str) -> None:
    answer = phone.post(f"{CONSENTS}/{kind}/withdraw")
    assert (answer.status_code, code_of(answer)) == (404, "no_consent")


def test_agreeing_again_changes_nothing(in_campus: Cast, now: datetime) -> None:
    first = give(in_campus.student, now)
    assert give(in_campus.student, now + timedelta(hours=1)) == first
    assert Entry.objects.filter(action="privacy.consent.given").count() == 1


def test_unknown_kind_is_refused(in_campus: Cast, now: datetime) -> None:
    with pytest.raises(Invalid):
        consent_give(student=in_campus.student, kind="soul", version="1", now=now, actor=SYSTEM)


def test_new_wording_is_asked_anew_and_erases_nothing(
    in_campus: Cast, now: datetime, erased: list[Student], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = give(in_campus.student, now)
    monkeypatch.setitem(WORDINGS, FACE, Wording(version="2027-1", text="changed"))
    with pytest.raises(Refused):
        give(in_campus.student, now)
    new = give(in_campus.student, now, version="2027-1")
    old.refresh_from_db()
    assert old.withdrawn_at == now
    assert active_consent(student=in_campus.student, kind=FACE) == new
    assert erased == []


def test_history_of_consents_is_kept(in_campus: Cast, now: datetime) -> None:
    give(in_campus.student, now)
    consent_withdraw(student=in_campus.student, kind=FACE, now=now, actor=SYSTEM)
    give(in_campus.student, now)
    assert Consent.objects.filter(student=in_campus.student).count() == 2
    entry = Entry.objects.get(action="privacy.consent.withdrawn")
    assert entry.data["kind"] == "face"


def test_failed_erasure_leaves_the_consent_standing(in_campus: Cast, now: datetime) -> None:
    def broken(*, student: Student, now: datetime, actor: Actor) -> int:
        raise OSError("storage is away")

    give(in_campus.student, now)
    add_eraser(FACE, broken)
    try:
        with pytest.raises(OSError, match="away"):
            consent_withdraw(student=in_campus.student, kind=FACE, now=now, actor=SYSTEM)
    finally:
        remove_eraser(FACE, broken)
    assert active_consent(student=in_campus.student, kind=FACE) is not None


def test_withdrawal_concerns_the_person_alone(in_campus: Cast, now: datetime) -> None:
    give(in_campus.classmate, now)
    with pytest.raises(NotFound):
        consent_withdraw(student=in_campus.student, kind=FACE, now=now, actor=SYSTEM)
    assert active_consent(student=in_campus.classmate, kind=FACE) is not None


@pytest.mark.django_db(transaction=True)
def test_agreeing_twice_at_once_is_one_consent(cast: Cast, phone: APIClient) -> None:
    again = partial(phone.post, CONSENTS, {"kind": "face", "version": VERSION})
    assert race(again, again, again) == [201, 201, 201]
    with campus_scope(cast.campus):
        assert Consent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_withdrawing_twice_at_once_erases_once(
    cast: Cast, phone: APIClient, erased: list[Student], now: datetime
) -> None:
    with campus_scope(cast.campus):
        give(cast.student, now)
    again = partial(phone.post, WITHDRAW)
    assert race(again, again) == [200, 404]
    assert len(erased) == 1
