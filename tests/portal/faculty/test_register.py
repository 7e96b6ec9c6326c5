"""Around the register: history and undo, findings, requests, and registers that nobody took."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, Status
from apps.attendance.services.bulk_marking import MarkInput, records_mark_bulk
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.integrity.models import Finding, FindingKind
from apps.leave.models import Appeal, LeaveRequest
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_session, make_student
from tests.portal.support import client_of, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def lecturer(cast: Cast) -> Client:
    return client_of(cast, cast.lecturer.user)


@pytest.fixture
def lesson(cast: Cast) -> ClassSession:
    with campus_scope(cast.campus):
        planned = make_session(cast.course, starts_at=timezone.now())
        return register_open(session=planned, topic="Sets", now=timezone.now(), actor=SYSTEM)


@pytest.fixture
def forgotten(cast: Cast) -> ClassSession:
    yesterday = timezone.now() - timedelta(days=1)
    with campus_scope(cast.campus):
        term = cast.course.term
        term.starts_on, term.ends_on = yesterday.date(), (yesterday + timedelta(days=9)).date()
        term.save()
        return make_session(cast.course, starts_at=yesterday)


def bulk(cast: Cast, lesson: ClassSession, **statuses: str) -> Any:
    with campus_scope(cast.campus):
        ids = dict(Student.objects.values_list("code", "pk"))
        wanted = [
            MarkInput(student_id=ids[code], status=status, was="")
            for code, status in statuses.items()
        ]
        return records_mark_bulk(
            session=lesson, marks=wanted, nonce="n" * 8, now=timezone.now(), actor=SYSTEM
        )


def statements(client: Client, page: str) -> int:
    client.get(page)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page).status_code == 200
    return len(queries)


# --- History and undo ------------------------------------------------------------------------


def test_the_history_tells_who_changed_what(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    bulk(cast, lesson, STUD="present")
    with campus_scope(cast.campus):
        record_mark(
            session=lesson,
            student_id=cast.student.pk,
            status=Status.ABSENT,
            reason="Left at once",
            now=timezone.now(),
            actor=SYSTEM,
        )
    content = lecturer.get(page_of(lesson, "history")).content.decode()
    assert "Left at once" in content
    assert "not marked" in content


def test_undo_puts_back_and_says_what_it_could_not(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    made = bulk(cast, lesson, STUD="present", MATE="late")
    with campus_scope(cast.campus):
        record_mark(
            session=lesson,
            student_id=cast.student.pk,
            status=Status.ABSENT,
            reason="Left at once",
            now=timezone.now(),
            actor=SYSTEM,
        )
    answer = lecturer.post(page_of(lesson, "undo"), {"bulk": made.pk}, follow=True)
    assert b"1 mark restored." in answer.content
    assert b"Marks that were changed in the meantime stay as they are." in answer.content
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.get().status == Status.ABSENT
    again = lecturer.post(page_of(lesson, "undo"), {"bulk": made.pk}, follow=True)
    assert b"There is nothing to undo." in again.content


def test_an_old_page_does_not_undo_a_newer_change(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    made = bulk(cast, lesson, STUD="present")
    answer = lecturer.post(page_of(lesson, "undo"), {"bulk": made.pk - 1}, follow=True)
    assert b"Another change was made meanwhile." in answer.content
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.count() == 1


# --- Findings -----------------------------------------------------------------------------------


def a_finding(cast: Cast, lesson: ClassSession, student: Student) -> Finding:
    with campus_scope(cast.campus):
        return Finding.objects.create(
            session=lesson,
            student=student,
            kind=FindingKind.MOCK_LOCATION,
            score=1,
            at=timezone.now(),
        )


def test_findings_are_facts_that_can_be_dismissed_with_a_note(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    finding = a_finding(cast, lesson, cast.student)
    part = {"HX-Request": "true"}
    shown = lecturer.get(page_of(lesson, "findings"), headers=part).content.decode()
    assert "an app sets a false position" in shown
    assert "Review this" in shown
    unsaid = lecturer.post(page_of(lesson, f"findings/{finding.pk}"), {"note": " "})
    assert b"Say why this finding means nothing." in unsaid.content
    away = lecturer.post(page_of(lesson, f"findings/{finding.pk}"), {"note": "Tested the app"})
    assert b"Review this" not in away.content
    assert b"Tested the app" in away.content


def test_findings_by_themselves_lead_to_the_page_that_shows_them(
    lecturer: Client, lesson: ClassSession
) -> None:
    assert lecturer.get(page_of(lesson, "findings"))["Location"] == page_of(lesson, "")


def test_a_challenge_is_started_once(lecturer: Client, lesson: ClassSession) -> None:
    assert lecturer.post(page_of(lesson, "rapid-codes")).status_code == 200
    assert b"running already" in lecturer.post(page_of(lesson, "rapid-codes")).content


# --- Requests --------------------------------------------------------------------------------


def a_leave(cast: Cast, student: Student, nonce: str = "leave-1") -> LeaveRequest:
    now = timezone.now()
    with campus_scope(cast.campus):
        return LeaveRequest.objects.create(
            student=student,
            course=cast.course,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(days=1),
            category="medical",
            reason="Influenza",
            nonce=nonce,
            requested_at=now,
        )


def an_appeal(cast: Cast, lesson: ClassSession, student: Student) -> Appeal:
    now = timezone.now()
    with campus_scope(cast.campus):
        record, _made = AttendanceRecord.objects.get_or_create(
            session=lesson,
            student=student,
            defaults={"status": "absent", "source": "manual", "recorded_at": now},
        )
        return Appeal.objects.create(
            record=record,
            session=lesson,
            student=student,
            against="absent",
            wanted="present",
            text="I sat in the last row.",
            nonce="appeal-1",
            requested_at=now,
            deadline_at=now + timedelta(days=7),
        )


def test_leave_is_approved_from_the_page(cast: Cast, lecturer: Client) -> None:
    leave = a_leave(cast, cast.student)
    assert b"Influenza" in lecturer.get("/requests/").content
    body = {"answer": "yes", "was": "pending", "note": ""}
    answer = lecturer.post(f"/requests/leave/{leave.pk}", body, follow=True)
    assert b"Decided. The student will be notified." in answer.content
    assert b"No leave waits for an answer." in answer.content
    with campus_scope(cast.campus):
        leave.refresh_from_db()
    assert leave.status == "approved"


def test_declining_needs_a_note(cast: Cast, lecturer: Client) -> None:
    leave = a_leave(cast, cast.student)
    body = {"answer": "no", "was": "pending", "note": ""}
    answer = lecturer.post(f"/requests/leave/{leave.pk}", body, follow=True)
    assert b"Say why you decline." in answer.content
    with campus_scope(cast.campus):
        leave.refresh_from_db()
    assert leave.status == "pending"


def test_an_accepted_appeal_corrects_the_mark(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    appeal = an_appeal(cast, lesson, cast.student)
    assert b"I sat in the last row." in lecturer.get("/requests/").content
    body = {"answer": "yes", "was": "open", "note": ""}
    lecturer.post(f"/requests/appeals/{appeal.pk}", body, follow=True)
    with campus_scope(cast.campus):
        assert AttendanceRecord.objects.get().status == Status.PRESENT


def test_requests_are_seen_by_who_decides_them(cast: Cast, lesson: ClassSession) -> None:
    a_leave(cast, cast.student)
    an_appeal(cast, lesson, cast.student)
    for user, sees in ((cast.outsider.user, False), (cast.principal, True), (cast.admin, True)):
        content = client_of(cast, user).get("/requests/").content
        assert (b"Influenza" in content, b"last row" in content) == (sees, sees)
    assert client_of(cast, cast.student.user).get("/requests/").status_code == 403


def test_the_page_of_requests_asks_no_more_for_many(cast: Cast, lecturer: Client) -> None:
    a_leave(cast, cast.student)
    before = statements(lecturer, "/requests/")
    for number in range(4):
        with campus_scope(cast.campus):
            student = make_student(f"MORE{number}")
            enroll(student, cast.course)
        a_leave(cast, student, f"leave-{number}")
    assert statements(lecturer, "/requests/") == before


# --- Registers not taken ---------------------------------------------------------------------


def test_a_forgotten_register_is_listed_until_it_is_dealt_with(
    cast: Cast, lecturer: Client, forgotten: ClassSession
) -> None:
    assert b"Take the register" in lecturer.get("/registers/not-taken/").content
    assert b'data-mode="take"' in lecturer.get(page_of(forgotten)).content
    office = client_of(cast, cast.principal).get("/registers/not-taken/").content.decode()
    assert cast.lecturer.full_name in office
    assert "Take the register" not in office
    unsaid = lecturer.post(page_of(forgotten, "off"), {"note": ""}, follow=True)
    assert b"Say why it did not take place." in unsaid.content
    done = lecturer.post(page_of(forgotten, "off"), {"note": "Storm"}, follow=True)
    assert b"Every register is taken" in done.content


def test_a_register_beyond_its_time_says_so_and_offers_no_marks(
    cast: Cast, lecturer: Client, lesson: ClassSession
) -> None:
    long_ago = timezone.now() - timedelta(days=90)
    with campus_scope(cast.campus):
        ClassSession.objects.filter(pk=lesson.pk).update(
            status="completed",
            starts_at=long_ago,
            ends_at=long_ago + timedelta(hours=1),
            opened_at=long_ago,
        )
    content = lecturer.get(page_of(lesson)).content.decode()
    assert "The days for corrections have passed." in content
    assert "marking-bar" not in content
    assert "mark-dialog" not in content
