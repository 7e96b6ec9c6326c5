"""A student's attendance: courses with what is within reach, marks with their explanation."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, CustomStatus, Policy, RecordSource
from apps.attendance.selectors.policies import Editor
from apps.checkin.models import CheckInAttempt
from apps.leave.services.appeals import appeal_create, appeal_decide
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_course, make_session
from tests.leave.support import ADA, asked, closed, decided, marked
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db

FACTORS = {
    "qr": {"passed": True, "confidence": 1, "reason": "", "detail": {}},
    "location": {
        "passed": None,
        "confidence": 0,
        "reason": "too_vague",
        "detail": {"accuracy_m": 140},
    },
}


@pytest.fixture
def student(cast: Cast) -> Client:
    return client_of(cast, cast.student.user)


@pytest.fixture
def yesterday() -> datetime:
    return timezone.now() - timedelta(days=1)


@pytest.fixture
def missed(cast: Cast, yesterday: datetime) -> ClassSession:
    """A session of yesterday without any check-in."""
    with campus_scope(cast.campus):
        return closed(cast, yesterday)


def page(client: Client, **query: object) -> str:
    answer = client.get("/attendance/", query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def attempt(cast: Cast, session: ClassSession, **fields: object) -> CheckInAttempt:
    return CheckInAttempt.objects.create(
        **{
            "session": session,
            "student": cast.student,
            "nonce": f"nonce-{CheckInAttempt.objects.count():06d}",
            "method": "qr",
            "outcome": "accepted",
            "score": Decimal("0.62"),
            "factors": FACTORS,
            "received_at": session.starts_at,
            **fields,
        }
    )


def set_policy(**fields: object) -> None:
    Policy.objects.create(version=1, created_at=timezone.now(), **fields)


# --- Marks -----------------------------------------------------------------------------------


def test_a_check_in_is_explained_in_words(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    with campus_scope(cast.campus):
        AttendanceRecord.objects.filter(student=cast.student).update(
            status="late",
            source=RecordSource.CHECK_IN,
            minutes_late=12,
            attempt_id=attempt(cast, missed).pk,
        )
    shown = page(student)
    assert "Your check-in by QR code" in shown
    assert "0.62: QR ✓, location unknown (accuracy 140 m)" in shown
    assert "12 minutes" in shown


def test_a_refused_check_in_explains_an_absence(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    with campus_scope(cast.campus):
        attempt(cast, missed, outcome="refused", reason="expired_code", factors={})
    shown = page(student)
    assert "No valid check-in when the session ended" in shown
    assert "This code has expired." in shown


def test_a_correction_shows_its_reason(cast: Cast, student: Client, missed: ClassSession) -> None:
    with campus_scope(cast.campus):
        marked(missed, cast.student, "late", timezone.now())
    shown = page(student)
    assert "Corrected by hand" in shown
    assert "absent <span" in shown
    assert "late – seen" in shown


def test_a_leave_and_the_campus_own_name_of_a_mark_are_shown(
    cast: Cast, student: Client, yesterday: datetime
) -> None:
    with campus_scope(cast.campus):
        decided(asked(cast.student, yesterday), yesterday)
        session = closed(cast, yesterday)
        label = CustomStatus.objects.create(
            code="trip", name="Field trip", meaning="excused", points=0, counts_as="neutral"
        )
        AttendanceRecord.objects.filter(session=session, student=cast.student).update(label=label)
    shown = page(student)
    assert "Your approved leave" in shown
    assert "Field trip" in shown


def test_others_marks_are_not_shown(cast: Cast, missed: ClassSession) -> None:
    assert "Nothing yet" in page(client_of(cast, cast.stranger.user))


# --- "Appeal this mark" -------------------------------------------------------------------------


def test_an_appeal_is_offered_while_its_time_runs(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    assert "Appeal this mark" in page(student)
    with campus_scope(cast.campus):
        set_policy(appeal_days=0)
    assert "Appeal this mark" not in page(student)


def test_no_appeal_is_offered_on_frozen_days(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    with campus_scope(cast.campus):
        set_policy(locked_before=timezone.localdate(timezone=cast.campus.zone))
    assert "Appeal this mark" not in page(student)


def test_no_appeal_is_offered_against_presence(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    with campus_scope(cast.campus):
        marked(missed, cast.student, "present", timezone.now())
    assert "Appeal this mark" not in page(student)


def test_the_state_of_an_appeal_is_shown_instead(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    with campus_scope(cast.campus):
        appeal, _made = appeal_create(
            student=cast.student,
            mark=AttendanceRecord.objects.get(student=cast.student),
            wanted="present",
            text="I sat in the back.",
            nonce="nonce-appeal",
            now=timezone.now(),
            actor=ADA,
        )
    shown = page(student)
    assert "waiting for a decision" in shown
    assert "Withdraw the appeal" in shown
    assert "Appeal this mark" not in shown.split("<dialog")[0]
    with campus_scope(cast.campus):
        appeal_decide(
            appeal=appeal,
            accept=False,
            note="The seat was empty.",
            role=Editor.LECTURER,
            now=timezone.now(),
            actor=ADA,
        )
    shown = page(student)
    assert "rejected" in shown
    assert "Answer: The seat was empty." in shown
    assert "Withdraw the appeal" not in shown


# --- Courses ---------------------------------------------------------------------------------


def test_the_limit_of_the_policy_and_the_outlook_are_shown(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    """One of one missed, three to come: at 50 % two must be attended, and one may be missed."""
    with campus_scope(cast.campus):
        set_policy(course=cast.course, defaulter_percent=50, warn_percent=60)
        for days in (1, 2, 3):
            make_session(cast.course, starts_at=timezone.now() + timedelta(days=days))
    shown = page(student)
    assert "Below the required 50 %" in shown
    assert "3 classes are left: attend 2 to be safe." in shown
    assert "You may still miss 1." in shown
    assert "The next one brings you above the limit." in shown
    assert "Highest that can still be reached: 75 %" in shown


def test_a_limit_out_of_reach_is_said(cast: Cast, student: Client, missed: ClassSession) -> None:
    with campus_scope(cast.campus):
        make_session(cast.course, starts_at=timezone.now() + timedelta(days=1))
    assert "The limit can no longer be reached" in page(student)


def test_attendance_close_to_the_limit_is_said(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    with campus_scope(cast.campus):
        set_policy(defaulter_percent=40, warn_percent=60)
        marked(
            closed(cast, timezone.now() - timedelta(days=2)),
            cast.student,
            "present",
            timezone.now(),
        )
    assert "Close to the required 40 %" in page(student)


def test_the_page_takes_the_same_number_of_statements_for_any_number_of_marks(
    cast: Cast, student: Client, missed: ClassSession
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(student)
        return len(queries)

    def another(days: int) -> None:
        session = closed(cast, timezone.now() - timedelta(days=days))
        attempt(cast, session)
        marked(session, cast.student, "late", timezone.now())

    with campus_scope(cast.campus):
        another(2)
        set_policy(locked_before=timezone.localdate() - timedelta(days=30))
    statements()
    before = statements()
    with campus_scope(cast.campus):
        for number in range(3, 9):
            another(number)
            enroll(cast.student, make_course(faculty=cast.lecturer, code=f"CS40{number}-A"))
    assert statements() == before
