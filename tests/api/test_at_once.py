"""Requests that meet: no answer of 500 and above, no double effect, none that is lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, CustomStatus
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.leave.models import Appeal, LeaveRequest
from apps.qr_otp.models import OneTimeCode, Scan
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.accounts.support import race
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast, make_cast
from tests.phone import Phone, code_of, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

STATUS = {"code": "trip", "name": "Trip", "meaning": "excused", "points": 0, "counts_as": "neutral"}

LATE = {"status": "late", "reason": "Came later"}


@pytest.fixture
def met() -> Cast:
    return make_cast("north")


def post(client: Any, path: str, body: Any = None) -> Callable[[], Any]:
    client.raise_request_exception = False  # of the first try
    return lambda: client.post(f"/api/v1/{path}", body or {}, format="json")


def test_start_codes_asked_for_at_once_leave_one(met: Cast) -> None:
    lecturer = signed_in(met, met.lecturer.user)  # type: ignore[arg-type]
    ask = post(lecturer, f"courses/{met.course.pk}/start-codes")
    assert race(ask, ask, ask, ask) == [201] * 4
    with campus_scope(met.campus):
        assert OneTimeCode.objects.filter(ended_at__isnull=True).count() == 1


def test_codes_for_one_student_asked_for_at_once_leave_one(met: Cast) -> None:
    session = open_session(met)
    lecturer = signed_in(met, met.lecturer.user)  # type: ignore[arg-type]
    body = {"student": met.student.pk}
    ask = post(lecturer, f"sessions/{session.pk}/one-time-code", body)
    assert race(ask, ask, ask, ask) == [201] * 4
    with campus_scope(met.campus):
        assert OneTimeCode.objects.filter(ended_at__isnull=True).count() == 1


def test_a_code_typed_by_two_students_at_once_serves_its_own(met: Cast) -> None:
    session = open_session(met)
    lecturer = signed_in(met, met.lecturer.user)  # type: ignore[arg-type]
    body = {"student": met.student.pk}
    code = post(lecturer, f"sessions/{session.pk}/one-time-code", body)().json()["code"]
    phone, other = Phone(met, met.student), Phone(met, met.classmate)
    use = {"session": session.pk, "one_time_code": code}
    statuses = race(*(lambda by=by: by.redeem(**use) for by in (phone, other, phone)))
    assert statuses[:2] == [201, 201]
    assert statuses[2] in range(400, 411)
    with campus_scope(met.campus):
        accepted = Scan.objects.filter(accepted=True).values_list("scanner", flat=True)
        assert list(accepted) == [f"student:{met.student.pk}"]


def test_who_is_slower_with_the_same_code_reads_that_it_is_taken(met: Cast) -> None:
    admin = signed_in(met, met.admin)
    make = post(admin, "statuses", STATUS)
    assert race(make, make, make, make) == [201, 400, 400, 400]
    with campus_scope(met.campus):
        assert CustomStatus.objects.count() == 1


def closed(cast: Cast) -> ClassSession:
    session = open_session(cast)
    with campus_scope(cast.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
    return session


def mark_of(cast: Cast, session: ClassSession) -> str:
    with campus_scope(cast.campus):
        found = AttendanceRecord.objects.get(session=session, student=cast.student)
    return str(found.status)


def ask_leave(phone: Phone, number: int) -> int:
    begins = timezone.now() - timedelta(hours=12)
    body = {
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(days=1)).isoformat(),
        "category": "medical",
        "reason": "illness",
        "nonce": f"nonce-of-leave-{number}",
    }
    answer = phone.client.post("/api/v1/me/leave", body, format="json")
    assert answer.status_code == 201, answer.content
    return int(answer.json()["id"])


def test_a_leave_decided_and_withdrawn_at_once_ends_as_one_of_them_says(met: Cast) -> None:
    session, phone = closed(met), Phone(met, met.student)
    admin, other = signed_in(met, met.admin), signed_in(met, met.operator)
    for number in range(4):
        leave = ask_leave(phone, number)
        statuses = race(
            post(admin, f"leave/{leave}/decide", {"approve": True}),
            post(phone.client, f"me/leave/{leave}/withdraw"),
            post(other, f"leave/{leave}/decide", {"approve": False, "note": "No."}),
            post(admin, f"leave/{leave}/decide", {"approve": True}),
        )
        assert set(statuses) <= {200, 409}
        with campus_scope(met.campus):
            status = LeaveRequest.objects.get(pk=leave).status
        assert mark_of(met, session) == ("excused" if status == "approved" else "absent")
        post(admin, f"leave/{leave}/decide", {"approve": False, "note": "No.", "was": status})()


def test_an_appeal_decided_and_withdrawn_at_once_ends_as_one_of_them_says(met: Cast) -> None:
    session, phone = closed(met), Phone(met, met.student)
    lecturer, admin = signed_in(met, met.lecturer.user), signed_in(met, met.admin)  # type: ignore[arg-type]
    with campus_scope(met.campus):
        record = AttendanceRecord.objects.get(session=session, student=met.student)
    body = {"wanted": "present", "text": "I was there.", "nonce": "nonce-of-appeal"}
    made = post(phone.client, f"records/{record.pk}/appeal", body)()
    appeal = made.json()["id"]
    statuses = race(
        post(lecturer, f"appeals/{appeal}/decide", {"accept": True}),
        post(admin, f"appeals/{appeal}/decide", {"accept": False, "note": "No."}),
        post(phone.client, f"me/appeals/{appeal}/withdraw"),
        post(lecturer, f"appeals/{appeal}/decide", {"accept": True}),
    )
    assert set(statuses) <= {200, 409}
    with campus_scope(met.campus):
        status = Appeal.objects.get(pk=appeal).status
    assert mark_of(met, session) == ("present" if status == "accepted" else "absent")


def test_a_device_released_during_a_check_in_breaks_nothing(met: Cast) -> None:
    session, phone = open_session(met), Phone(met, met.student)
    admin = signed_in(met, met.admin)
    ticket = phone.ticket(code_of(met, session.pk, timezone.now()).token)
    statuses = race(
        lambda: phone.check_in(ticket, location=HERE, beacons=HEARD),
        post(admin, f"students/{met.student.pk}/device/reset", {"reason": "lost"}),
        lambda: phone.check_in(ticket, location=HERE, beacons=HEARD),
    )
    assert set(statuses) <= {200, 201, 204}
    with campus_scope(met.campus):
        assert AttendanceRecord.objects.count() <= 1


def test_a_register_closed_many_times_while_it_is_marked_has_each_mark_once(met: Cast) -> None:
    session = open_session(met)
    lecturer = signed_in(met, met.lecturer.user)  # type: ignore[arg-type]
    close = post(lecturer, f"sessions/{session.pk}/complete")
    people = (met.student, met.classmate, met.representative)
    marks = [
        post(lecturer, f"sessions/{session.pk}/mark", {"student": one.pk, **LATE}) for one in people
    ]
    statuses = race(close, marks[0], close, marks[1], marks[2], close)
    assert set(statuses) <= {200, 201, 409}, statuses
    with campus_scope(met.campus):
        assert AttendanceRecord.objects.filter(session=session).count() == len(people)
        row = ClassSession.objects.get(pk=session.pk)
        attended = AttendanceRecord.objects.filter(status__in=("present", "late")).count()
    assert row.total_attended == attended


def test_forms_of_the_administration_sent_at_once_make_one_row(met: Cast) -> None:
    browser = Client(headers={"host": met.host}, raise_request_exception=False)
    browser.force_login(met.admin)
    body = {"name": "Old library", "code": "OLD", "_save": "Save"}
    add = "/admin/classrooms/building/add/"
    statuses = race(*[lambda: browser.post(add, body)] * 4)
    assert statuses == [200, 200, 200, 302]
