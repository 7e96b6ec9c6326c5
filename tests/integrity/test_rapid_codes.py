"""The rapid-code challenge: five codes of one second each."""

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
from apps.checkin.models import CheckInAttempt, RapidCodeChallenge
from apps.checkin.services.rapid_codes import challenge_outcome, challenge_redeem, over_at
from apps.common.errors import Refused
from apps.integrity.models import Finding, FindingKind
from apps.integrity.services.findings import findings_find
from apps.integrity.services.rapid_codes import challenge_settle, challenge_start
from apps.integrity.tasks import settle_challenge
from apps.qr_otp.models import Scan
from apps.qr_otp.selectors import shown_rapid_code
from apps.sessions.models import ClassSession
from apps.sessions.services import RAPID_CODE, subject_of
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
def challenge(campus: Cast, session: ClassSession) -> RapidCodeChallenge:
    return challenge_start(session=session, now=timezone.now(), actor=SYSTEM)


def second(challenge: RapidCodeChallenge, code: int) -> datetime:
    """When the challenge's code with this number (0–4) begins to stand."""
    return datetime.fromtimestamp(challenge.first_window + code, tz=UTC)


def code_at(challenge: RapidCodeChallenge, at: datetime) -> str:
    shown = shown_rapid_code(purpose=RAPID_CODE, subject=subject_of(challenge.session_id), now=at)
    assert shown is not None
    return shown.token


def redeems(
    challenge: RapidCodeChallenge, student: Student, *codes: int, after_ms: int = 900
) -> list[str]:
    """The reasons, "" for each code that counts."""
    reasons = []
    for code in codes:
        at = second(challenge, code)
        scan = challenge_redeem(
            user=student.user,
            token=code_at(challenge, at),
            now=at + timedelta(milliseconds=after_ms),
        )
        reasons.append(scan.reason)
    return reasons


def findings(cast: Cast) -> dict[str, str]:
    return dict(
        Finding.objects.filter(kind__in=("rapid_code_passed", "rapid_code_failed")).values_list(
            "student__code", "kind"
        )
    )


def test_four_codes_in_time_pass_and_three_do_not(
    campus: Cast, challenge: RapidCodeChallenge
) -> None:
    assert redeems(challenge, campus.student, 0, 1, 2, 4) == [""] * 4
    assert redeems(challenge, campus.classmate, 0, 1, 2, 3, 4) == [""] * 5
    assert redeems(challenge, campus.representative, 1, 1, 2, 3) == [""] * 4  # one of them twice
    challenge_settle(challenge=challenge, now=over_at(challenge))
    assert findings(campus) == {
        "STUD": FindingKind.RAPID_CODE_PASSED,
        "MATE": FindingKind.RAPID_CODE_PASSED,
        "REPR": FindingKind.RAPID_CODE_FAILED,
    }


@pytest.mark.parametrize(
    ("after_ms", "reason"), [(0, ""), (1_500, ""), (1_501, "expired_code"), (-1, "expired_code")]
)
def test_a_code_counts_for_a_second_and_a_half(
    campus: Cast, challenge: RapidCodeChallenge, after_ms: int, reason: str
) -> None:
    assert redeems(challenge, campus.student, 2, after_ms=after_ms) == [reason]
    scan = Scan.objects.get(purpose=RAPID_CODE)
    assert (scan.delay_ms, scan.accepted) == (after_ms, not reason)


def test_codes_outside_the_five_seconds_count_for_nothing(
    campus: Cast, challenge: RapidCodeChallenge
) -> None:
    redeems(challenge, campus.student, -2, -1, 5, 6, 0)
    results, _void = challenge_outcome(challenge=challenge)
    assert {one.student_id: one.redeemed for one in results}[campus.student.pk] == 1


def test_the_kinds_of_codes_do_not_stand_in_for_each_other(
    campus: Cast, session: ClassSession, challenge: RapidCodeChallenge
) -> None:
    phone = Phone(campus, campus.student)
    rapid_code = code_at(challenge, timezone.now())
    assert phone.redeem(token=rapid_code).json()["errors"][0]["code"] == "malformed_code"
    forged = phone.redeem(token=f"C{rapid_code[1:]}")
    assert forged.json()["errors"][0]["code"] == "forged_code"
    usual = code_of(campus, session.pk, timezone.now()).token
    at = second(challenge, 0)
    scan = challenge_redeem(user=campus.student.user, token=f"B{usual[1:]}", now=at)
    assert scan.reason == "forged_code"


def test_who_had_not_checked_in_is_not_asked(campus: Cast, challenge: RapidCodeChallenge) -> None:
    CheckInAttempt.objects.filter(student=campus.representative).update(outcome="refused")
    results, _void = challenge_outcome(challenge=challenge)
    assert campus.representative.pk not in {one.student_id for one in results}


def test_a_challenge_that_most_fail_is_void(campus: Cast, challenge: RapidCodeChallenge) -> None:
    redeems(challenge, campus.student, 0, 1, 2, 3)
    challenge_settle(challenge=challenge, now=over_at(challenge))
    challenge.refresh_from_db()
    assert challenge.is_void
    assert findings(campus) == {}


def test_a_challenge_is_settled_once_and_not_before_it_is_over(
    campus: Cast, challenge: RapidCodeChallenge
) -> None:
    for student in (campus.student, campus.classmate):
        redeems(challenge, student, 0, 1, 2, 3)
    challenge_settle(challenge=challenge, now=over_at(challenge) - timedelta(milliseconds=1))
    assert findings(campus) == {}
    challenge_settle(challenge=challenge, now=over_at(challenge))
    Finding.objects.all().delete()
    challenge_settle(challenge=challenge, now=over_at(challenge))
    assert findings(campus) == {}


def test_the_task_settles_what_is_over_and_waits_for_what_is_not(
    campus: Cast, challenge: RapidCodeChallenge
) -> None:
    for student in (campus.student, campus.classmate):
        redeems(challenge, student, 0, 1, 2, 3)
    with pytest.raises(Retry):
        settle_challenge.apply((challenge.pk,), throw=True)
    assert findings(campus) == {}
    minute = timedelta(seconds=60)  # as if everything had been a minute ago
    CheckInAttempt.objects.update(received_at=F("received_at") - minute)
    Scan.objects.update(window=F("window") - 60)
    RapidCodeChallenge.objects.update(
        first_window=F("first_window") - 60, started_at=F("started_at") - minute
    )
    settle_challenge.apply((challenge.pk,), throw=True)
    assert len(findings(campus)) == 3


def test_the_latest_challenge_says_how_things_are(
    campus: Cast, session: ClassSession, challenge: RapidCodeChallenge
) -> None:
    for student in (campus.student, campus.classmate):
        redeems(challenge, student, 0, 1, 2, 3)
    challenge_settle(challenge=challenge, now=over_at(challenge))
    again = challenge_start(session=session, now=over_at(challenge), actor=SYSTEM)
    for student in (campus.classmate, campus.representative):
        redeems(again, student, 0, 1, 2, 3)
    challenge_settle(challenge=again, now=over_at(again))
    assert findings(campus) == {
        "STUD": FindingKind.RAPID_CODE_FAILED,
        "MATE": FindingKind.RAPID_CODE_PASSED,
        "REPR": FindingKind.RAPID_CODE_PASSED,
    }
    findings_find(session=session, now=timezone.now())  # looking for other findings keeps these
    assert len(findings(campus)) == 3


def test_one_challenge_at_a_time_and_only_while_open(
    campus: Cast, session: ClassSession, challenge: RapidCodeChallenge
) -> None:
    with pytest.raises(Refused, match="running"):
        challenge_start(session=session, now=timezone.now(), actor=SYSTEM)
    register_close(session=session, now=timezone.now(), actor=SYSTEM)
    with pytest.raises(Refused, match="not open"):
        challenge_start(session=session, now=over_at(challenge), actor=SYSTEM)
    token = f"B.{'A' * 3}"
    scan = challenge_redeem(user=campus.student.user, token=token, now=timezone.now())
    assert scan.reason == "malformed_code"


def test_the_board_shows_the_challenge_for_its_five_seconds(
    campus: Cast, session: ClassSession, challenge: RapidCodeChallenge
) -> None:
    def code(at: datetime) -> dict[str, Any]:
        return board_document(session=session, now=at, origin="https://north.example")["code"]

    before = code(second(challenge, 0) - timedelta(milliseconds=700))
    assert (before["period_ms"], before["expires_in_ms"] <= 700) == (5_000, True)
    shown = [code(second(challenge, n) + timedelta(milliseconds=100)) for n in range(5)]
    assert [one["period_ms"] for one in shown] == [1_000] * 5
    assert [one["expires_in_ms"] for one in shown] == [900] * 5
    assert len({one["svg"] for one in shown}) == 5
    assert [one["window"] for one in shown] == list(challenge.windows)
    assert code(second(challenge, 5))["period_ms"] == 5_000


def test_start_and_result_over_the_api(cast: Cast, session: ClassSession) -> None:
    lecturer = signed_in(cast, cast.lecturer.user)
    url = f"/api/v1/sessions/{session.pk}/rapid-codes"
    assert lecturer.get(url).status_code == 404
    started = lecturer.post(url)
    assert (started.status_code, started.json()["is_over"]) == (201, False)
    assert lecturer.post(url).json()["errors"][0]["code"] == "challenge_running"
    with campus_scope(cast.campus):
        challenge = RapidCodeChallenge.objects.get()
        CheckInAttempt.objects.create(
            session=session,
            student=cast.student,
            nonce="nonce-rapid",
            method="qr",
            outcome="accepted",
            received_at=challenge.started_at,
        )
        redeems(challenge, cast.student, 0, 1, 2, 3)
        assert Entry.objects.filter(action="checkin.challenge.started").count() == 1
    (result,) = lecturer.get(url).json()["results"]
    assert result == {"student_id": cast.student.pk, "redeemed": 4, "passed": True}


def test_phones_redeem_over_the_api(cast: Cast, session: ClassSession, phone: Phone) -> None:
    """With the real clock: the code of this very second."""
    with campus_scope(cast.campus):
        challenge = challenge_start(session=session, now=timezone.now(), actor=SYSTEM)
        token = code_at(challenge, timezone.now())
    answer = phone.client.post("/api/v1/check-in/rapid-code", {"token": token}, format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["session"] == session.pk
    assert 0 <= answer.json()["delay_ms"] <= 1_500
    stale = phone.client.post("/api/v1/check-in/rapid-code", {"token": "B.1.1.1.A"}, format="json")
    assert stale.status_code == 400
    stranger = Phone(cast, cast.stranger, bind=False)
    with campus_scope(cast.campus):
        token = code_at(challenge, timezone.now())
    answer = stranger.client.post("/api/v1/check-in/rapid-code", {"token": token}, format="json")
    assert answer.json()["errors"][0]["code"] == "not_enrolled"
