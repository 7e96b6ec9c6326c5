"""The student's devices: the bound one, asking for another, and sign-ins elsewhere."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Device
from apps.audit.models import Entry
from apps.tenants.scope import campus_scope
from tests.factories import PASSWORD, Cast
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db

ANDROID = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0 Mobile Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0"


def signed_in(cast: Cast, user_agent: str) -> Client:
    client = Client(headers={"host": cast.host, "user-agent": user_agent})
    given = {"login": cast.student.email, "password": PASSWORD}
    assert client.post("/accounts/login/", given).status_code == 302
    return client


def bound(cast: Cast, **fields: object) -> Device:
    now = timezone.now()
    with campus_scope(cast.campus):
        return Device.objects.create(
            **{
                "student": cast.student,
                "device_uuid": "d",
                "public_key": b"k",
                "kind": "web",
                "name": ANDROID[:100],
                "bound_at": now - timedelta(days=30),
                "last_seen_at": now - timedelta(hours=1),
                **fields,
            }
        )


def page(client: Client) -> str:
    answer = client.get("/devices/")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.fixture
def student(cast: Cast) -> Client:
    return client_of(cast, cast.student.user)


def test_without_a_device_the_page_says_what_will_be_bound(student: Client) -> None:
    assert "No device is bound yet" in page(student)


def test_a_browser_is_named_in_words(cast: Cast, student: Client) -> None:
    bound(cast)
    text = page(student)
    assert "on Android" in text
    assert "AppleWebKit" not in text


def test_another_device_is_asked_for_and_not_any_more(cast: Cast, student: Client) -> None:
    device = bound(cast)
    assert student.post("/devices/replace")["Location"] == "/devices/"
    with campus_scope(cast.campus):
        device.refresh_from_db()
    assert device.rebind_requested_at is not None
    free_at = timezone.localtime(device.rebind_requested_at + timedelta(hours=48), cast.campus.zone)
    assert f"from {free_at:%A}, {free_at.day} {free_at:%B}, {free_at:%H:%M}" in page(student)
    student.post("/devices/replace", {"keep": "yes"})
    with campus_scope(cast.campus):
        device.refresh_from_db()
    assert device.rebind_requested_at is None
    assert "Your device stays bound." in page(student)


def test_after_48_hours_the_page_says_that_another_may_be_bound(
    cast: Cast, student: Client
) -> None:
    bound(cast, rebind_requested_at=timezone.now() - timedelta(hours=49))
    assert "You can bind another device now" in page(student)


def test_nothing_is_asked_for_where_nothing_is_bound(student: Client) -> None:
    for path in ("/devices/replace", "/devices/lost"):
        assert student.post(path).status_code == 302
        assert "No device is bound to you" in page(student)


def test_a_lost_device_is_signed_out_and_another_one_asked_for(cast: Cast) -> None:
    device = bound(cast)
    phone, here = signed_in(cast, ANDROID), signed_in(cast, FIREFOX)
    assert phone.get("/devices/").status_code == 200
    assert here.post("/devices/lost")["Location"] == "/devices/"
    assert phone.get("/devices/").status_code == 302
    assert here.get("/devices/").status_code == 200
    with campus_scope(cast.campus):
        device.refresh_from_db()
        assert device.rebind_requested_at is not None
        assert Entry.objects.filter(action="accounts.signed_out_elsewhere").exists()


def test_sign_ins_are_listed_in_words_and_ended_one_by_one(cast: Cast) -> None:
    phone, here = signed_in(cast, ANDROID), signed_in(cast, FIREFOX)
    text = page(here)
    assert "Firefox on Windows" in text
    assert "Chrome on Android" in text
    row = UserSession.objects.get(user=cast.student.user, user_agent=ANDROID)
    assert f"/devices/sign-out/{row.pk}" in text
    assert here.post(f"/devices/sign-out/{row.pk}").status_code == 302
    assert phone.get("/devices/").status_code == 302
    assert "Chrome on Android" not in page(here)
    assert here.post(f"/devices/sign-out/{row.pk}").status_code == 404


def test_everywhere_else_leaves_this_browser_signed_in(cast: Cast) -> None:
    others = [signed_in(cast, ANDROID) for _number in range(2)]
    here = signed_in(cast, FIREFOX)
    here.post("/devices/sign-out")
    assert "Signed out in 2 places." in page(here)
    assert {other.get("/devices/").status_code for other in others} == {302}


def test_the_own_session_and_those_of_others_are_not_ended(cast: Cast) -> None:
    here = signed_in(cast, FIREFOX)
    own = UserSession.objects.get(user=cast.student.user)
    assert here.post(f"/devices/sign-out/{own.pk}").status_code == 404
    classmate = client_of(cast, cast.classmate.user)
    assert classmate.post(f"/devices/sign-out/{own.pk}").status_code == 404
    assert here.get("/devices/").status_code == 200


def test_the_list_asks_no_more_for_many_sign_ins(cast: Cast) -> None:
    here = signed_in(cast, FIREFOX)

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(here)
        return len(asked)

    page(here)
    before = statements()
    for _number in range(3):
        signed_in(cast, ANDROID)
    assert statements() == before
