"""Consents: read, given, withdrawn with what rested on them."""

import pytest
from django.test import Client

from apps.biometrics.models import FaceSample
from apps.privacy.models import Consent
from apps.privacy.wording import WORDINGS
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.permission_matrix import a_face_sample
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db

VERSION = WORDINGS["face"].version


@pytest.fixture
def student(cast: Cast) -> Client:
    Campus.objects.filter(pk=cast.campus.pk).update(face_enabled=True)
    return client_of(cast, cast.student.user)


def page(client: Client) -> str:
    answer = client.get("/consents/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_wording_is_shown_before_it_is_agreed_to(student: Client) -> None:
    text = page(student)
    assert "I may withdraw at any time" in text
    assert "Not given" in text
    assert "/consents/face/withdraw" not in text


def test_a_consent_is_given_and_leads_to_the_photos(cast: Cast, student: Client) -> None:
    answer = student.post("/consents/face/give", {"version": VERSION})
    assert answer["Location"] == "/face/"
    with campus_scope(cast.campus):
        assert Consent.objects.get(student=cast.student).withdrawn_at is None
    text = page(student)
    assert "You agreed" in text
    assert "/consents/face/give" not in text


@pytest.mark.parametrize(
    ("kind", "version", "words"),
    [("face", "2020-1", "The wording has changed"), ("voice", VERSION, "no such consent")],
)
def test_what_was_not_shown_is_not_agreed_to(
    cast: Cast, student: Client, kind: str, version: str, words: str
) -> None:
    assert student.post(f"/consents/{kind}/give", {"version": version}).status_code == 302
    assert words in page(student)
    with campus_scope(cast.campus):
        assert not Consent.objects.exists()


def test_withdrawing_erases_at_once_and_says_so(cast: Cast, student: Client) -> None:
    with campus_scope(cast.campus):
        a_face_sample(cast)
    assert "Your photos, and everything that was computed from them, are erased" in page(student)
    assert student.post("/consents/face/withdraw")["Location"] == "/consents/"
    assert "Withdrawn." in page(student)
    with campus_scope(cast.campus):
        assert not FaceSample.objects.exists()
    student.post("/consents/face/withdraw")
    assert "no such consent to withdraw" in page(student)


def test_where_faces_are_off_nobody_is_asked_but_may_withdraw(cast: Cast) -> None:
    client = client_of(cast, cast.student.user)
    assert "/consents/face/give" not in page(client)
    with campus_scope(cast.campus):
        a_face_sample(cast)
    text = page(client)
    assert "does not use this at the moment" in text
    assert "/consents/face/withdraw" in text
