"""POST /api/v1/check-in/redeem: every code that may come, and what it gets."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from apps.accounts.models import Membership, Role
from apps.accounts.services import membership_deactivate
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.checkin.tickets import read_ticket
from apps.qr_otp.models import Scan
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.factories import Cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db


def scans(cast: Cast) -> list[tuple[str, bool, str]]:
    with campus_scope(cast.campus):
        return list(Scan.objects.order_by("at").values_list("method", "accepted", "reason"))


def code_and_status(answer: object) -> tuple[str, int]:
    return answer.json()["errors"][0]["code"], answer.status_code  # type: ignore[attr-defined]


def test_the_code_on_the_projector_gets_a_ticket(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    shown = code_of(cast, session.pk, timezone.now())
    answer = phone.redeem(token=shown.token)
    assert answer.status_code == 201
    assert answer.json()["session"] == session.pk
    with campus_scope(cast.campus):
        ticket = read_ticket(answer.json()["ticket"])
    assert ticket is not None
    assert ticket.student_id == cast.student.pk
    assert ticket.delay_ms is not None
    assert 0 <= ticket.delay_ms < 10_000
    assert scans(cast) == [("qr", True, "")]


def test_a_code_from_a_minute_ago_has_expired(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    stolen = code_of(cast, session.pk, timezone.now() - timedelta(minutes=1))
    assert code_and_status(phone.redeem(token=stolen.token)) == ("expired_code", 410)
    assert scans(cast) == [("qr", False, "expired_code")]


def test_forged_and_malformed_codes_are_refused_and_logged(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    token = code_of(cast, session.pk, timezone.now()).token
    forged = token[:-2] + ("AA" if not token.endswith("AA") else "BA")
    assert code_and_status(phone.redeem(token=forged))[0] in {"forged_code", "malformed_code"}
    assert code_and_status(phone.redeem(token="https://example.org")) == ("malformed_code", 400)
    assert len(scans(cast)) == 2


def test_another_campus_code_is_refused(
    cast: Cast, other_cast: Cast, session: ClassSession, phone: Phone
) -> None:
    elsewhere = open_session(other_cast)
    token = code_of(other_cast, elsewhere.pk, timezone.now()).token
    assert code_and_status(phone.redeem(token=token)) == ("forged_code", 400)


def test_who_is_not_enrolled_gets_no_ticket(cast: Cast, session: ClassSession) -> None:
    stranger = Phone(cast, cast.stranger)
    shown = code_of(cast, session.pk, timezone.now())
    assert code_and_status(stranger.redeem(token=shown.token)) == ("not_enrolled", 403)
    assert scans(cast) == [("qr", False, "not_enrolled")]


def test_who_is_no_student_any_more_checks_in_no_longer(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    """The role was taken, the entry stands, and another role keeps the sign-in good."""
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    assert cast.student.user is not None
    with campus_scope(cast.campus):
        role = Membership.objects.get(user=cast.student.user, role=Role.STUDENT)
        Membership.objects.create(user=cast.student.user, role=Role.OPERATOR)
        membership_deactivate(membership=role, now=timezone.now(), actor=SYSTEM)
    shown = code_of(cast, session.pk, timezone.now())
    assert code_and_status(phone.redeem(token=shown.token)) == ("not_a_student", 403)
    assert code_and_status(phone.check_in(ticket)) == ("not_a_student", 403)
    with campus_scope(cast.campus):
        assert not CheckInAttempt.objects.exists()


def test_a_completed_session_gives_no_tickets(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    shown = code_of(cast, session.pk, timezone.now())
    assert phone.redeem(token=shown.token).status_code == 201
    with campus_scope(cast.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
    assert phone.redeem(token=shown.token).status_code == 410


def test_a_lost_cache_changes_nothing(cast: Cast, session: ClassSession, phone: Phone) -> None:
    shown = code_of(cast, session.pk, timezone.now())
    cache.clear()
    assert phone.redeem(token=shown.token).status_code == 201


def test_the_text_code_serves_phones_without_a_camera(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    shown = code_of(cast, session.pk, timezone.now())
    answer = phone.redeem(session=session.pk, text_code=shown.text.lower())
    assert answer.status_code == 201
    assert scans(cast) == [("text", True, "")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": ""},
        {"token": "x" * 201},
        {"token": "C.1.2.3.A", "session": 1},
        {"session": 1},
        {"session": 0, "text_code": "ABCD"},
        {"session": 1, "one_time_code": "12345"},
        {"session": 1, "one_time_code": "123456", "text_code": "ABCD"},
        {"session": 10**30, "text_code": "ABCD"},
    ],
)
def test_malformed_requests_are_400(phone: Phone, body: dict) -> None:
    assert phone.redeem(**body).status_code == 400


def test_an_unknown_session_is_refused(phone: Phone) -> None:
    answer = phone.redeem(session=999_999, text_code="ABCDEFGH")
    assert code_and_status(answer) == ("session_not_open", 409)


def test_the_eleventh_redeem_of_a_minute_is_too_many(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    answers = [phone.redeem(token="x") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [400] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert Phone(cast, cast.classmate).redeem(token="x").status_code == 400
