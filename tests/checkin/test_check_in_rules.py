"""Lateness, grace, and the span in which a policy lets check in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.attendance.models import AttendanceRecord, Policy, Status
from apps.checkin.factors.base import JudgedSession
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.checkin.services.record import is_late, minutes_late, span_refusal
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast
from tests.phone import Phone, code_of

START = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)


def judged(*, opened: float = 0, **policy: Any) -> JudgedSession:
    """A session at 8:00, opened `opened` minutes after (before, if negative)."""
    return JudgedSession(
        id=1,
        campus_id=1,
        course_id=1,
        starts_at=START,
        ends_at=START + timedelta(minutes=90),
        opened_at=START + timedelta(minutes=opened),
        policy={"late_after_minutes": 10, "grace_minutes": 10, **policy},
    )


def scanned(minutes: float) -> CheckInAttempt:
    return CheckInAttempt(redeemed_at=START + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("opened", "at", "late"),
    [
        (-5, 9.99, False),
        (-5, 10, True),
        (0, 10, True),
        (3, 12.99, False),  # ten minutes of grace after the opening
        (3, 13, True),
        (45, 54.99, False),
        (45, 55, True),
    ],
)
def test_nobody_is_late_within_the_grace_after_the_opening(
    opened: float, at: float, late: bool
) -> None:
    assert is_late(scanned(at), judged(opened=opened)) is late


def test_without_grace_the_start_alone_counts() -> None:
    session = judged(opened=45, grace_minutes=0)
    assert is_late(scanned(45), session)
    assert minutes_late(scanned(50), session) == 5  # since they could have scanned


def test_a_policy_of_zero_minutes_knows_no_lateness() -> None:
    assert not is_late(scanned(500), judged(late_after_minutes=0, grace_minutes=0))


@given(
    opened=st.integers(-15, 60),
    at=st.integers(-15, 200),
    late_after=st.integers(0, 60),
    grace=st.integers(0, 60),
    more=st.integers(0, 60),
)
def test_a_later_scan_and_a_stricter_policy_are_never_kinder(
    opened: int, at: int, late_after: int, grace: int, more: int
) -> None:
    """Property: lateness is monotone in the time of the scan, and in both of the policy's times."""
    session = judged(opened=opened, late_after_minutes=late_after, grace_minutes=grace)
    kinder = judged(
        opened=opened,
        late_after_minutes=late_after and late_after + more,
        grace_minutes=grace + more,
    )
    late = is_late(scanned(at), session)
    assert is_late(scanned(at + more), session) >= late
    assert is_late(scanned(at), kinder) <= late


@pytest.mark.parametrize(
    ("at", "refusal"),
    [(-10.01, Reason.TOO_EARLY), (-10, ""), (0, ""), (30, ""), (30.01, Reason.TOO_LATE)],
)
def test_the_span_of_check_ins_has_exact_ends(at: float, refusal: str) -> None:
    session = judged(check_in_from_minutes=-10, check_in_until_minutes=30)
    assert span_refusal(session, START + timedelta(minutes=at)) == refusal


@pytest.mark.parametrize("at", [-1000, 0, 1000])
def test_without_limits_the_opening_alone_decides(at: float) -> None:
    assert span_refusal(judged(), START + timedelta(minutes=at)) == ""


def checked_in(cast: Cast, session: ClassSession) -> Any:
    """The answer to a check-in with the code that the session shows now."""
    phone = Phone(cast, cast.student)
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)
    return phone.check_in(ticket, location=HERE, beacons=HEARD)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"check_in_from_minutes": 30}, Reason.TOO_EARLY),
        ({"check_in_until_minutes": 0}, Reason.TOO_LATE),
    ],
)
def test_a_check_in_outside_the_span_is_refused_and_kept(
    cast: Cast, limits: dict, reason: Reason
) -> None:
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, created_at=START, **limits)
    session = open_session(cast)  # began a minute ago
    answer = checked_in(cast, session)
    assert answer.status_code == 201
    assert (answer.json()["outcome"], answer.json()["reason"]) == ("refused", reason)
    with campus_scope(cast.campus):
        assert CheckInAttempt.objects.get().outcome == Outcome.REFUSED
        assert not AttendanceRecord.objects.exists()


@pytest.mark.django_db
def test_the_record_keeps_the_policy_that_judged_it(cast: Cast) -> None:
    with campus_scope(cast.campus):
        policy = Policy.objects.create(version=1, created_at=START)
    session = open_session(cast)
    checked_in(cast, session)
    with campus_scope(cast.campus):
        Policy.objects.create(version=2, created_at=START, late_after_minutes=1)
        record = AttendanceRecord.objects.get()
        assert (record.status, record.policy) == (Status.PRESENT, policy)
