"""The burst challenge: five codes of one second each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery.exceptions import Retry
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.board.document import board_document
from apps.checkin.models import BurstChallenge, CheckInAttempt
from apps.checkin.services.rapid_codes import burst_outcome, burst_redeem, over_at
from apps.common.errors import Refused
from apps.integrity.models import Sign, SignKind
from apps.integrity.services.findings import signs_find
from apps.integrity.services.rapid_codes import burst_settle, burst_start
from apps.integrity.tasks import settle_burst
from apps.qr_otp.models import Scan
from apps.qr_otp.selectors import shown_burst_code
from apps.sessions.models import ClassSession
from apps.sessions.services import BURST, subject_of
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.phone import Phone, code_of, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def campus(cast: Cast, session: ClassSession) -> Any:
    """The cast with its campus entered, all three students checked in."""
    with campus_scope(cast.campus):
        for student in (cast.student, cast.classmate, cast.representative):
            CheckInAttempt.objects.create(
                session=session,
                student=student,
                nonce=f"nonce-{student.pk}",
                method="qr",
                outcome="accepted",
                received_at=timezone.now(),
            )
        yield cast


@pytest.fixture
def burst(campus: Cast, session: ClassSession) -> BurstChallenge:
    return burst_start(session=session, now=timezone.now(), actor=SYSTEM)


def second(burst: BurstChallenge, code: int) -> datetime:
    """When the burst's code with this number (0–4) begins to stand."""
    return datetime.fromtimestamp(burst.first_window + code, tz=UTC)


def code_at(burst: BurstChallenge, at: datetime) -> str:
    shown = shown_burst_code(purpose=BURST, subject=subject_of(burst.session_id), now=at)
    assert shown is not None
    return shown.token


def redeems(burst: BurstChallenge, student: Student, *codes: int, after_ms: int = 900) -> list[str]:
    """The reasons, "" for each code that counts."""
    reasons = []
    for code in codes:
        at = second(burst, code)
        scan = burst_redeem(
            user=student.user,
            token=code_at(burst, at),
            now=at + timedelta(milliseconds=after_ms),
        )
        reasons.append(scan.reason)
    return reasons


def signs(cast: Cast) -> dict[str, str]:
    return dict(
        Sign.objects.filter(kind__in=("burst_passed", "burst_failed")).values_list(
            "student__code", "kind"
        )
    )


def test_four_codes_in_time_pass_and_three_do_not(campus: Cast, burst: BurstChallenge) -> None:
    assert redeems(burst, campus.student, 0, 1, 2, 4) == [""] * 4
    assert redeems(burst, campus.classmate, 0, 1, 2, 3, 4) == [""] * 5
    assert redeems(burst, campus.representative, 1, 1, 2, 3) == [""] * 4  # one of them twice
    burst_settle(burst=burst, now=over_at(burst))
    assert signs(campus) == {
        "STUD": SignKind.BURST_PASSED,
        "MATE": SignKind.BURST_PASSED,
        "REPR": SignKind.BURST_FAILED,
    }


@pytest.mark.parametrize(
    ("after_ms", "reason"), [(0, ""), (1_500, ""), (1_501, "expired_code"), (-1, "expired_code")]
)
def test_a_code_counts_for_a_second_and_a_half(
    campus: Cast, burst: BurstChallenge, after_ms: int, reason: str
) -> None:
    assert redeems(burst, campus.student, 2, after_ms=after_ms) == [reason]
    scan = Scan.objects.get(purpose=BURST)
    assert (scan.delay_ms, scan.accepted) == (after_ms, not reason)


def test_codes_outside_the_five_seconds_count_for_nothing(
    campus: Cast, burst: BurstChallenge
) -> None:
    redeems(burst, campus.student, -2, -1, 5, 6, 0)
    results, _void = burst_outcome(burst=burst)
    assert {one.student_id: one.redeemed for one in results}[campus.student.pk] == 1


def test_the_kinds_of_codes_do_not_stand_in_for_each_other(
    campus: Cast, session: ClassSession, burst: BurstChallenge
) -> None:
    phone = Phone(campus, campus.student)
    burst_code = code_at(burst, timezone.now())
    assert phone.redeem(token=burst_code).json()["errors"][0]["code"] == "malformed_code"
    forged = phone.redeem(token=f"C{burst_code[1:]}")
    assert forged.json()["errors"][0]["code"] == "forged_code"
    usual = code_of(campus, session.pk, timezone.now()).token
    at = second(burst, 0)
    scan = burst_redeem(user=campus.student.user, token=f"B{usual[1:]}", now=at)
    assert scan.reason == "forged_code"


def test_who_had_not_checked_in_is_not_asked(campus: Cast, burst: BurstChallenge) -> None:
    CheckInAttempt.objects.filter(student=campus.representative).update(outcome="refused")
    results, _void = burst_outcome(burst=burst)
    assert campus.representative.pk not in {one.student_id for one in results}


def test_a_burst_that_most_fail_is_void(campus: Cast, burst: BurstChallenge) -> None:
    redeems(burst, campus.student, 0, 1, 2, 3)
    burst_settle(burst=burst, now=over_at(burst))
    burst.refresh_from_db()
    assert burst.is_void
    assert signs(campus) == {}


def test_a_burst_is_settled_once_and_not_before_it_is_over(
    campus: Cast, burst: BurstChallenge
) -> None:
    for student in (campus.student, campus.classmate):
        redeems(burst, student, 0, 1, 2, 3)
    burst_settle(burst=burst, now=over_at(burst) - timedelta(milliseconds=1))
    assert signs(campus) == {}
    burst_settle(burst=burst, now=over_at(burst))
    Sign.objects.all().delete()
    burst_settle(burst=burst, now=over_at(burst))
    assert signs(campus) == {}


def test_the_task_settles_what_is_over_and_waits_for_what_is_not(
    campus: Cast, burst: BurstChallenge
) -> None:
    for student in (campus.student, campus.classmate):
        redeems(burst, student, 0, 1, 2, 3)
    with pytest.raises(Retry):
        settle_burst.apply((burst.pk,), throw=True)
    assert signs(campus) == {}
    minute = timedelta(seconds=60)  # as if everything had been a minute ago
    CheckInAttempt.objects.update(received_at=F("received_at") - minute)
    Scan.objects.update(window=F("window") - 60)
    BurstChallenge.objects.update(
        first_window=F("first_window") - 60, started_at=F("started_at") - minute
    )
    settle_burst.apply((burst.pk,), throw=True)
    assert len(signs(campus)) == 3


def test_the_latest_burst_says_how_things_are(
    campus: Cast, session: ClassSession, burst: BurstChallenge
) -> None:
    for student in (campus.student, campus.classmate):
        redeems(burst, student, 0, 1, 2, 3)
    burst_settle(burst=burst, now=over_at(burst))
    again = burst_start(session=session, now=over_at(burst), actor=SYSTEM)
    for student in (campus.classmate, campus.representative):
        redeems(again, student, 0, 1, 2, 3)
    burst_settle(burst=again, now=over_at(again))
    assert signs(campus) == {
        "STUD": SignKind.BURST_FAILED,
        "MATE": SignKind.BURST_PASSED,
        "REPR": SignKind.BURST_PASSED,
    }
    signs_find(session=session, now=timezone.now())  # looking for other signs keeps these
    assert len(signs(campus)) == 3


def test_one_burst_at_a_time_and_only_while_open(
    campus: Cast, session: ClassSession, burst: BurstChallenge
) -> None:
    with pytest.raises(Refused, match="running"):
        burst_start(session=session, now=timezone.now(), actor=SYSTEM)
    register_close(session=session, now=timezone.now(), actor=SYSTEM)
    with pytest.raises(Refused, match="not open"):
        burst_start(session=session, now=over_at(burst), actor=SYSTEM)
    token = f"B.{'A' * 3}"
    scan = burst_redeem(user=campus.student.user, token=token, now=timezone.now())
    assert scan.reason == "malformed_code"


def test_the_board_shows_the_burst_for_its_five_seconds(
    campus: Cast, session: ClassSession, burst: BurstChallenge
) -> None:
    def code(at: datetime) -> dict[str, Any]:
        return board_document(session=session, now=at)["code"]

    before = code(second(burst, 0) - timedelta(milliseconds=700))
    assert (before["period_ms"], before["expires_in_ms"] <= 700) == (5_000, True)
    shown = [code(second(burst, n) + timedelta(milliseconds=100)) for n in range(5)]
    assert [one["period_ms"] for one in shown] == [1_000] * 5
    assert [one["expires_in_ms"] for one in shown] == [900] * 5
    assert len({one["svg"] for one in shown}) == 5
    assert [one["window"] for one in shown] == list(burst.windows)
    assert code(second(burst, 5))["period_ms"] == 5_000


def test_start_and_result_over_the_api(cast: Cast, session: ClassSession) -> None:
    lecturer = signed_in(cast, cast.lecturer.user)
    url = f"/api/v1/sessions/{session.pk}/burst"
    assert lecturer.get(url).status_code == 404
    started = lecturer.post(url)
    assert (started.status_code, started.json()["is_over"]) == (201, False)
    assert lecturer.post(url).json()["errors"][0]["code"] == "burst_running"
    with campus_scope(cast.campus):
        burst = BurstChallenge.objects.get()
        CheckInAttempt.objects.create(
            session=session,
            student=cast.student,
            nonce="nonce-burst",
            method="qr",
            outcome="accepted",
            received_at=burst.started_at,
        )
        redeems(burst, cast.student, 0, 1, 2, 3)
        assert Entry.objects.filter(action="attendance.burst.started").count() == 1
    (result,) = lecturer.get(url).json()["results"]
    assert result == {"student_id": cast.student.pk, "redeemed": 4, "passed": True}


def test_phones_redeem_over_the_api(cast: Cast, session: ClassSession, phone: Phone) -> None:
    """With the real clock: the code of this very second."""
    with campus_scope(cast.campus):
        burst = burst_start(session=session, now=timezone.now(), actor=SYSTEM)
        token = code_at(burst, timezone.now())
    answer = phone.client.post("/api/v1/check-in/burst", {"token": token}, format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["session"] == session.pk
    assert 0 <= answer.json()["delay_ms"] <= 1_500
    stale = phone.client.post("/api/v1/check-in/burst", {"token": "B.1.1.1.A"}, format="json")
    assert stale.status_code == 400
    stranger = Phone(cast, cast.stranger, bind=False)
    with campus_scope(cast.campus):
        token = code_at(burst, timezone.now())
    answer = stranger.client.post("/api/v1/check-in/burst", {"token": token}, format="json")
    assert answer.json()["errors"][0]["code"] == "not_enrolled"
