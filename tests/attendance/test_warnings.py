"""What those who missed a session are told: once, at the line, and never for too little."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Contact
from apps.attendance.models import AttendanceRecord, CustomStatus, Policy, RecordSource
from apps.attendance.services.register import register_close, register_open
from apps.attendance.services.warnings import absences_notify
from apps.audit.services import SYSTEM
from apps.notifications.models import CampusMessages, Delivery, Message
from apps.sessions.models import ClassSession
from tests.factories import Cast, make_session

pytestmark = pytest.mark.django_db


def kinds(user: Any) -> list[str]:
    return list(
        Message.objects.filter(deliveries__user=user, deliveries__channel="inbox")
        .order_by("id")
        .values_list("kind", flat=True)
    )


def completed(in_campus: Cast, now: datetime, marks: str) -> list[str]:
    """Kinds that the student was told, session by session."""
    first = now - timedelta(days=len(marks))
    statuses = {"p": "present", "a": "absent", "e": "excused"}
    for number, mark in enumerate(marks):
        at = first + timedelta(days=number)
        session = make_session(in_campus.course, starts_at=at, status="completed", opened_at=at)
        AttendanceRecord.objects.create(
            session=session,
            student=in_campus.student,
            status=statuses[mark],
            source=RecordSource.MANUAL,
            recorded_at=at,
        )
        absences_notify(session=session, now=at)
    return [kind for kind in kinds(in_campus.student.user) if kind != "absence"]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("a", []),  # 0 % of one session says nothing yet
        ("pppa", ["attendance_near"]),  # 75 %: not below 75, below 80
        ("ppppa", []),  # 80 %
        ("ppppaa", ["attendance_warning"]),  # 66.67 %: one warning, the graver
        ("pppaa", ["attendance_near", "attendance_warning"]),
        ("pppaapppppppa", ["attendance_near", "attendance_warning", "attendance_near"]),
        ("ppppppppppppaaa", ["consecutive_absences"]),
        ("ppppppppppppaeaea", ["consecutive_absences"]),  # excused ones do not end a row
        ("ppppppppppppaapa", []),
        ("pppppppppppppppppaaaa", ["consecutive_absences"]),  # once for the row
    ],
)
def test_a_warning_comes_when_a_line_is_crossed(
    in_campus: Cast, now: datetime, marks: str, expected: list[str]
) -> None:
    assert sorted(completed(in_campus, now, marks)) == sorted(expected)


def test_the_lines_are_the_policys(in_campus: Cast, now: datetime) -> None:
    Policy.objects.create(
        course=in_campus.course,
        version=1,
        created_at=now,
        defaulter_percent=50,
        warn_percent=60,
        consecutive_absences=2,
    )
    assert completed(in_campus, now, "pppaa") == ["consecutive_absences"]


def test_a_warning_says_where_the_student_stands(in_campus: Cast, now: datetime) -> None:
    for days in (1, 2, 3):
        make_session(in_campus.course, starts_at=now + timedelta(days=days))
    completed(in_campus, now, "pppaa")
    data = Message.objects.get(kind="attendance_warning").data
    assert (data["attended"], data["held"], data["percent"]) == (3, 5, "60")
    assert (data["threshold"], data["reachable"]) == ("75", "75")  # (3 + 3) / (5 + 3)


def test_the_same_session_is_told_once(in_campus: Cast, now: datetime) -> None:
    completed(in_campus, now, "pppaa")
    before = Message.objects.count()
    newest = ClassSession.objects.order_by("-starts_at").first()
    assert newest is not None
    assert absences_notify(session=newest, now=now) == 1  # as a task that is delivered twice
    assert Message.objects.count() == before


def test_a_status_of_the_campus_counts_by_its_own_rule(in_campus: Cast, now: datetime) -> None:
    trip = CustomStatus.objects.create(
        code="trip", name="Field trip", meaning="absent", counts_as="attended", points=1
    )
    session = make_session(in_campus.course, starts_at=now, status="completed", opened_at=now)
    AttendanceRecord.objects.create(
        session=session,
        student=in_campus.student,
        status="absent",
        label=trip,
        source=RecordSource.MANUAL,
        recorded_at=now,
    )
    assert absences_notify(session=session, now=now) == 0
    assert not Message.objects.exists()


def test_guardians_hear_of_warnings_where_the_campus_wants_it(
    in_campus: Cast, now: datetime
) -> None:
    CampusMessages.objects.update_or_create(defaults={"tells_contacts": True})
    Contact.objects.create(
        student=in_campus.student,
        name="Grace",
        relation="guardian",
        email="grace@home.example",
        consented_on="2026-09-01",
        consent_note="The student, on the form.",
    )
    completed(in_campus, now, "pppaa")
    assert Delivery.objects.filter(contact__isnull=False).count() >= 1


def test_completing_a_session_asks_for_it(
    in_campus: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []
    monkeypatch.setattr(
        "apps.attendance.services.register.enqueue",
        lambda task, *args: asked.append((task, args)),
    )
    session = register_open(
        session=make_session(in_campus.course, starts_at=now), topic="T", now=now, actor=SYSTEM
    )
    register_close(session=session, now=now, actor=SYSTEM)
    assert ("apps.attendance.tasks.notify_absences", (session.pk,)) in asked
