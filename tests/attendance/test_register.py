"""Opening, marking by hand, and closing the register."""

import threading
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    Policy,
    RecordChange,
    RecordSource,
    Status,
)
from apps.attendance.selectors.policies import policy_for
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import (
    register_close,
    register_open,
    register_open_by_code,
    register_open_now,
)
from apps.audit.models import Entry
from apps.audit.services import SYSTEM, Actor
from apps.checkin.models import CheckInAttempt, FaceState, Method, Outcome
from apps.common.errors import Invalid, NotFound, Refused
from apps.qr_otp.models import QrSecret
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel, start_code_issue
from apps.tenants.scope import campus_scope
from tests.factories import Cast, enroll, make_cast, make_session, make_student

pytestmark = pytest.mark.django_db
ADA = Actor(id="user:1", label="Ada")


def opened(cast: Cast, now: datetime) -> ClassSession:
    session = make_session(cast.course, starts_at=now)
    return register_open(session=session, topic="Graphs", now=now, actor=ADA)


def mark(session: ClassSession, student: object, status: Status, now: datetime, **fields: str):
    return record_mark(
        session=session,
        student_id=student.pk,  # type: ignore[attr-defined]
        status=status,
        reason=fields.get("reason", ""),
        now=now,
        actor=ADA,
    )


def test_opening_freezes_the_policy_and_the_place(in_campus: Cast, now: datetime) -> None:
    session = opened(in_campus, now)
    assert session.status == ClassSession.Status.OPEN
    assert session.policy["place"]["radius_m"] == "50.00"
    assert session.policy["weights"]["qr"] == 0.35
    assert session.total_enrolled == 3
    assert Entry.objects.get(action="sessions.session.opened").actor_label == "Ada"


def test_a_session_cannot_be_opened_without_a_topic(in_campus: Cast, now: datetime) -> None:
    session = make_session(in_campus.course, starts_at=now)
    with pytest.raises(Invalid, match="what the session is about"):
        register_open(session=session, topic="  ", now=now, actor=ADA)


@pytest.mark.parametrize("minutes", [-16, 61])
def test_a_session_opens_only_around_its_start(
    in_campus: Cast, now: datetime, minutes: int
) -> None:
    session = make_session(in_campus.course, starts_at=now)
    with pytest.raises(Refused) as refused:
        register_open(session=session, topic="T", now=now + timedelta(minutes=minutes), actor=ADA)
    assert refused.value.code == "outside_window"


def test_a_course_has_one_open_session_at_a_time(in_campus: Cast, now: datetime) -> None:
    opened(in_campus, now)
    second = make_session(in_campus.course, starts_at=now + timedelta(minutes=5))
    with pytest.raises(Refused) as refused:
        register_open(session=second, topic="T", now=now, actor=ADA)
    assert refused.value.code == "another_session_open"


def test_starting_now_takes_the_session_that_is_due(in_campus: Cast, now: datetime) -> None:
    due = make_session(in_campus.course, starts_at=now + timedelta(minutes=10))
    make_session(in_campus.course, starts_at=now + timedelta(hours=3))
    session = register_open_now(course=in_campus.course, topic="T", now=now, actor=ADA)
    assert session.pk == due.pk


def test_starting_now_without_a_due_session_makes_one(in_campus: Cast, now: datetime) -> None:
    session = register_open_now(course=in_campus.course, topic="T", now=now, actor=ADA)
    assert session.starts_at == now
    assert session.classroom == in_campus.classroom


def test_a_start_code_opens_once_and_only_its_own_course(in_campus: Cast, now: datetime) -> None:
    code, _expires_at = start_code_issue(
        course=in_campus.course, faculty=in_campus.lecturer, now=now, actor=ADA
    )
    facts = {"code": code, "topic": "T", "now": now, "actor": ADA}
    with pytest.raises(Refused) as refused:
        register_open_by_code(course=in_campus.other_course, **facts)
    assert refused.value.code == "expired_code"
    session = register_open_by_code(course=in_campus.course, **facts)
    assert session.status == ClassSession.Status.OPEN
    with pytest.raises(Refused):
        register_open_by_code(course=in_campus.course, **facts)


def test_a_wrong_start_code_is_counted_although_it_is_refused(
    in_campus: Cast, now: datetime
) -> None:
    code, _expires_at = start_code_issue(
        course=in_campus.course, faculty=in_campus.lecturer, now=now, actor=ADA
    )
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    codes = []
    for attempt in [wrong] * 5 + [code]:
        with pytest.raises(Refused) as refused:
            register_open_by_code(
                course=in_campus.course, code=attempt, topic="T", now=now, actor=ADA
            )
        codes.append((refused.value.code, refused.value.status))
    assert codes == [("wrong_code", 409)] * 5 + [("too_many_tries", 429)]


def test_closing_marks_who_is_missing_and_counts(in_campus: Cast, now: datetime) -> None:
    session = opened(in_campus, now)
    mark(session, in_campus.student, Status.PRESENT, now)
    mark(session, in_campus.classmate, Status.EXCUSED, now)
    closed = register_close(session=session, now=now + timedelta(hours=1), actor=ADA)
    statuses = dict(AttendanceRecord.objects.values_list("student__code", "status"))
    assert statuses == {"STUD": "present", "MATE": "excused", "REPR": "absent"}
    assert closed.status == ClassSession.Status.COMPLETED
    assert (closed.total_enrolled, closed.total_attended) == (3, 1)
    assert closed.attendance_percentage == Decimal("33.33")
    assert QrSecret.objects.get().ended_at is not None
    assert AttendanceSummary.objects.get(student=in_campus.representative).absent_sessions == 1


def test_a_session_is_closed_once(in_campus: Cast, now: datetime) -> None:
    session = opened(in_campus, now)
    register_close(session=session, now=now, actor=ADA)
    with pytest.raises(Refused) as refused:
        register_close(session=session, now=now, actor=ADA)
    assert refused.value.code == "session_not_open"


def test_dropped_students_are_not_made_absent(in_campus: Cast, now: datetime) -> None:
    in_campus.student.enrollments.update(status="dropped", ended_on=now.date())
    register_close(session=opened(in_campus, now), now=now, actor=ADA)
    assert not AttendanceRecord.objects.filter(student=in_campus.student).exists()


def test_who_waits_for_the_face_comparison_is_not_made_absent(
    in_campus: Cast, now: datetime
) -> None:
    session = opened(in_campus, now)
    CheckInAttempt.objects.create(
        session=session,
        student=in_campus.student,
        nonce="n",
        method=Method.QR,
        outcome=Outcome.PENDING,
        face_state=FaceState.PENDING,
        received_at=now,
    )
    register_close(session=session, now=now, actor=ADA)
    assert not AttendanceRecord.objects.filter(student=in_campus.student).exists()


def test_a_mark_by_hand_keeps_before_after_actor_and_reason(in_campus: Cast, now: datetime) -> None:
    session = opened(in_campus, now)
    first = mark(session, in_campus.student, Status.ABSENT, now)
    assert first.source == RecordSource.MANUAL
    mark(session, in_campus.student, Status.PRESENT, now, reason="came through the back door")
    record = AttendanceRecord.objects.get()
    assert (record.status, record.source) == (Status.PRESENT, RecordSource.CORRECTED)
    changes = RecordChange.objects.order_by("pk").values_list(
        "before", "after", "reason", "actor_label"
    )
    assert list(changes) == [
        ("", "absent", "", "Ada"),
        ("absent", "present", "came through the back door", "Ada"),
    ]
    assert Entry.objects.filter(action="attendance.record.marked").count() == 2


def test_changing_a_mark_needs_a_reason(in_campus: Cast, now: datetime) -> None:
    session = opened(in_campus, now)
    mark(session, in_campus.student, Status.ABSENT, now)
    with pytest.raises(Invalid, match="why"):
        mark(session, in_campus.student, Status.PRESENT, now)


def test_a_correction_after_the_end_brings_the_totals_along(in_campus: Cast, now: datetime) -> None:
    session = register_close(session=opened(in_campus, now), now=now, actor=ADA)
    mark(session, in_campus.student, Status.LATE, now, reason="was there")
    session.refresh_from_db()
    assert session.total_attended == 1
    assert AttendanceSummary.objects.get(student=in_campus.student).late_sessions == 1


def test_only_students_of_the_register_can_be_marked(in_campus: Cast, now: datetime) -> None:
    session = opened(in_campus, now)
    with pytest.raises(NotFound):
        mark(session, in_campus.stranger, Status.PRESENT, now)


def test_another_campus_student_cannot_be_marked(
    in_campus: Cast, other_cast: Cast, now: datetime
) -> None:
    session = opened(in_campus, now)
    with pytest.raises(NotFound):
        mark(session, other_cast.student, Status.PRESENT, now)


def test_a_scheduled_session_has_no_register_yet(in_campus: Cast, now: datetime) -> None:
    with pytest.raises(Refused):
        mark(make_session(in_campus.course), in_campus.student, Status.PRESENT, now)


def test_only_a_scheduled_session_can_be_cancelled(in_campus: Cast, now: datetime) -> None:
    session = opened(in_campus, now)
    with pytest.raises(Refused):
        session_cancel(session=session, reason="ill", now=now, actor=ADA)
    later = make_session(in_campus.course, starts_at=now + timedelta(days=1))
    assert (
        session_cancel(session=later, reason="ill", now=now, actor=ADA).status
        == ClassSession.Status.CANCELLED
    )


def test_the_course_policy_comes_before_the_campus_policy_and_the_newest_version_first(
    in_campus: Cast, now: datetime
) -> None:
    assert policy_for(course=in_campus.course).version == 0
    Policy.objects.create(version=1, created_at=now)
    Policy.objects.create(version=2, created_at=now)
    assert policy_for(course=in_campus.course).version == 2
    own = Policy.objects.create(version=1, course=in_campus.course, created_at=now)
    assert policy_for(course=in_campus.course) == own
    assert policy_for(course=in_campus.other_course).version == 2


def test_closing_a_hall_takes_a_constant_number_of_statements(
    in_campus: Cast, now: datetime, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    for _ in range(60):
        enroll(make_student(), in_campus.course)
    session = opened(in_campus, now)
    with django_assert_max_num_queries(24):
        register_close(session=session, now=now, actor=ADA)
    assert AttendanceRecord.objects.count() == 63


@pytest.mark.django_db(transaction=True)
def test_of_sixteen_openings_at_once_one_wins_and_the_others_are_told(now: datetime) -> None:
    cast = make_cast("north")
    with campus_scope(cast.campus):
        session = make_session(cast.course, starts_at=now)
    outcomes: list[str] = []

    def open_it() -> None:
        try:
            with campus_scope(cast.campus):
                register_open(session=session, topic="T", now=now, actor=SYSTEM)
            outcomes.append("opened")
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=open_it) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["not_scheduled"] * 15 + ["opened"]


@pytest.mark.parametrize(
    "fields",
    [
        {"weights": {"qr": 0.5, "location": 0.3}},
        {"weights": {"qr": 0}},
        {"weights": {"moon": 1}},
        {"weights": {"qr": "much"}},
        {"weights": []},
        {"required": ["location"]},
        {"decisive": ["location"]},
        {"decisive": "face"},
    ],
)
def test_a_policy_in_which_place_decides_or_nothing_counts_is_refused(
    in_campus: Cast, now: datetime, fields: dict
) -> None:
    with pytest.raises(ValidationError):
        Policy(version=1, created_at=now, **fields).full_clean()
