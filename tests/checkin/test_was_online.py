"""An offline check-in of somebody who had a network is refused; the account's contacts tell."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, Policy
from apps.checkin.models import OnlineMinute
from apps.checkin.services.online import minutes_store
from apps.checkin.tasks import keep_online_minutes
from apps.integrity.models import Finding, FindingKind
from apps.integrity.services.findings import findings_find
from apps.qr_otp.models import Scan
from apps.sessions.models import ClassSession
from apps.signin.online import minutes_forget, minutes_noted, online_note
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.checkin.test_offline import item, opened_earlier, reason_of, sent
from tests.factories import PASSWORD, Cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(cast: Cast) -> ClassSession:
    """Opened an hour ago."""
    return opened_earlier(open_session(cast), timedelta(hours=1))


@pytest.fixture
def scanned_at(session: ClassSession) -> datetime:
    assert session.opened_at is not None
    return session.opened_at + timedelta(minutes=2)


def note(cast: Cast, at: datetime, *, opening: bool = False) -> None:
    assert cast.student.user is not None
    with campus_scope(cast.campus):
        online_note(user_id=cast.student.user.pk, now=at, opening=opening)


def in_the_cache(cast: Cast) -> None:
    pass


def in_postgresql(cast: Cast) -> None:
    with campus_scope(cast.campus):
        minutes_forget(minutes_store(now=timezone.now() + timedelta(minutes=1)))
        assert minutes_noted() == []


@pytest.mark.parametrize("kept", [in_the_cache, in_postgresql])
@pytest.mark.parametrize(
    ("after_s", "before_now_s", "opening", "reason"),
    [
        (-1, None, False, ""),  # before the code
        (1, None, False, "was_online"),
        (60, None, True, "was_online"),  # a token renewed in between
        (None, 121, False, "was_online"),
        (None, 119, False, ""),  # it comes back: an hour after the code
        (None, 10, True, ""),
    ],
)
def test_a_contact_between_the_code_and_the_submission(
    cast: Cast,
    session: ClassSession,
    phone: Phone,
    scanned_at: datetime,
    kept: Callable[[Cast], None],
    after_s: int | None,
    before_now_s: int | None,
    opening: bool,
    reason: str,
) -> None:
    window = scanned_at.timestamp() // 5 * 5
    if after_s is not None:
        at = datetime.fromtimestamp(window + after_s, tz=scanned_at.tzinfo)
    else:
        at = timezone.now() - timedelta(seconds=before_now_s or 0)
    note(cast, at, opening=opening)
    kept(cast)
    assert reason_of(phone, item(phone, session, scanned_at)) == reason


def test_soon_after_the_code_any_request_tells_of_a_network(cast: Cast) -> None:
    """A code sent by chat, 40 s old, by somebody who sits online at home."""
    session = opened_earlier(open_session(cast), timedelta(minutes=5))
    phone = Phone(cast, cast.student)
    shown = timezone.now() - timedelta(seconds=40)
    kept = item(phone, session, shown)
    assert phone.client.get("/api/v1/me").status_code == 200
    assert reason_of(phone, kept) == "was_online"
    with campus_scope(cast.campus):
        assert not AttendanceRecord.objects.exists()


def test_a_refused_scan_after_the_code_tells_of_a_network(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    token = code_of(cast, session.pk, scanned_at).token
    assert phone.redeem(token=token).status_code == 410
    assert reason_of(phone, item(phone, session, scanned_at)) == "was_online"


def test_a_scan_that_this_session_accepted_is_nothing_against_it(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    """It came in time; its answer got lost on the way."""
    token = code_of(cast, session.pk, timezone.now()).token
    assert phone.redeem(token=token).status_code == 201
    with campus_scope(cast.campus):
        Scan.objects.update(at=scanned_at + timedelta(seconds=2))
    assert reason_of(phone, item(phone, session, scanned_at)) == ""


def test_the_device_that_signed_for_somebody_else_was_online(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    friend = Phone(cast, cast.classmate)
    ticket = friend.ticket(code_of(cast, session.pk, timezone.now()).token)
    friend.key = phone.key
    assert friend.check_in(ticket).json()["reason"] == "bad_signature"
    assert reason_of(phone, item(phone, session, scanned_at)) == "was_online"


def test_what_a_phone_kept_may_come_in_several_requests(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    assert reason_of(phone, item(phone, session, scanned_at)) == ""
    later = scanned_at + timedelta(seconds=30)
    assert reason_of(phone, item(phone, session, later, counter=2)) == ""


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_so_many_a_course_count_by_themselves(cast: Cast, limit: int) -> None:
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, offline_limit=limit, created_at=timezone.now())
    phone = Phone(cast, cast.student)
    reasons = []
    for counter in (1, 2, 3):
        with campus_scope(cast.campus):
            ClassSession.objects.update(status="completed")
        session = opened_earlier(open_session(cast), timedelta(hours=1))
        assert session.opened_at is not None
        at = session.opened_at + timedelta(minutes=2)
        (result,) = sent(phone, item(phone, session, at, counter=counter))
        reasons.append(result["attempt"]["reason"])
    assert reasons == [""] * limit + ["often_offline"] * (3 - limit)


def test_every_offline_check_in_says_that_it_was_one(
    cast: Cast, session: ClassSession, phone: Phone, scanned_at: datetime
) -> None:
    (result,) = sent(phone, item(phone, session, scanned_at))
    assert (result["attempt"]["outcome"], result["attempt"]["offline"]) == ("accepted", True)
    with campus_scope(cast.campus):
        findings_find(session=session, now=timezone.now())
        finding = Finding.objects.get(student=cast.student)
    assert (finding.kind, finding.score) == (FindingKind.OFFLINE, 0)


# --- Who was heard of when -------------------------------------------------------------------


def noted(cast: Cast) -> list[tuple[int, bool]]:
    with campus_scope(cast.campus):
        return sorted((one.user_id, one.opening) for one in minutes_noted())


def test_requests_and_renewed_tokens_are_noted_without_a_statement(
    cast: Cast, phone: Phone, django_assert_num_queries: Any
) -> None:
    assert cast.student.user is not None
    me = cast.student.user.pk
    assert noted(cast) == [(me, True)]  # the sign-in
    phone.client.get("/api/v1/me")
    assert noted(cast) == [(me, False), (me, True)]
    with campus_scope(cast.campus), django_assert_num_queries(0):
        online_note(user_id=me, now=timezone.now())


def test_a_renewed_token_is_noted(cast: Cast, api: Any) -> None:
    assert cast.student.user is not None
    body = {"email": cast.student.user.email, "password": PASSWORD}
    answer = api.post("/_allauth/app/v1/auth/login", body, format="json")
    refresh = answer.json()["meta"]["refresh_token"]
    with campus_scope(cast.campus):
        minutes_forget(minutes_noted())
    answer = api.post("/_allauth/app/v1/tokens/refresh", {"refresh_token": refresh}, format="json")
    assert answer.status_code == 200, answer.content
    assert (cast.student.user_id, True) in noted(cast)


def test_scans_and_strangers_are_not_noted(cast: Cast, session: ClassSession, phone: Phone) -> None:
    before = noted(cast)
    phone.redeem(token=code_of(cast, session.pk, timezone.now()).token)
    Phone(cast, cast.classmate, client=type(phone.client)(headers={"host": cast.host})).redeem(
        token="x"
    )
    assert noted(cast) == before


def test_notes_are_kept_in_postgresql_and_deleted_after_a_day(cast: Cast) -> None:
    now = timezone.now()
    note(cast, now - timedelta(hours=26))
    note(cast, now - timedelta(minutes=5))
    note(cast, now)
    assert keep_online_minutes() == 2
    with campus_scope(cast.campus):
        assert OnlineMinute.objects.count() == 2
        assert [one.at.minute for one in minutes_noted()] == [now.minute]
    assert keep_online_minutes() in (0, 1)
    with campus_scope(cast.campus):
        assert OnlineMinute.objects.count() == 2


def test_another_campus_does_not_see_them(cast: Cast, other_cast: Cast) -> None:
    note(cast, timezone.now())
    assert noted(other_cast) == []
