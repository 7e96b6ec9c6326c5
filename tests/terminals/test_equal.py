"""Who has no phone, no place and no face to show is recorded like everybody else."""

from datetime import datetime, timedelta

import pytest

from apps.accounts.models import Student
from apps.attendance.models import AttendanceSummary, Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM, Actor
from apps.checkin.models import CheckInAttempt, Method, Outcome
from apps.checkin.services.codes import student_code_issue
from apps.integrity.models import Finding
from apps.integrity.selectors import findings_in
from apps.integrity.services.findings import findings_find
from apps.integrity.services.rapid_codes import challenge_settle, challenge_start
from apps.qr_otp.models import Scan
from apps.sessions.models import ClassSession
from apps.sessions.services import RAPID_CODE, subject_of
from apps.terminals.models import CardTerminal
from apps.terminals.services.kiosks import kiosk_code_use
from apps.terminals.services.placing import PHONELESS
from apps.terminals.services.terminals import kiosk_open
from tests.factories import Cast
from tests.terminals.support import (
    MINUTE,
    allow_cards,
    give_card,
    make_terminal,
    open_lesson,
    punch,
    register,
)

pytestmark = pytest.mark.django_db
LECTURER = Actor(label="lecturer@north.example", id="user:2")
WEEKS = 12


def by_phone(session: ClassSession, student: Student, at: datetime) -> None:
    """An accepted check-in by phone, as the check-in leaves it."""
    CheckInAttempt.objects.create(
        session=session,
        student=student,
        nonce=f"{session.pk}-{student.pk}",
        method=Method.QR,
        outcome=Outcome.ACCEPTED,
        factors={"qr": {"passed": True}, "device": {"passed": True}},
        redeemed_at=at,
        received_at=at,
        address="192.0.2.7",
    )
    record_mark(
        session=session,
        student_id=student.pk,
        status=Status.PRESENT,
        reason="",
        now=at,
        actor=SYSTEM,
    )


def by_code(kiosk: CardTerminal, session: ClassSession, student: Student, at: datetime) -> None:
    code, _ends, _student = student_code_issue(
        session=session, student_id=student.pk, now=at, actor=LECTURER
    )
    used = kiosk_code_use(kiosk=kiosk, code_of=student.code, code=code, now=at)
    assert used.student == student


def test_every_session_has_two_ways_without_a_phone(in_campus: Cast, now: datetime) -> None:
    """Whatever the policy says: the lecturer's mark, and a code at the kiosk. With cards, three."""
    strict = {"required": ["qr", "device"], "face": "required", "passkey": "required"}
    allow_cards(now, None, **strict, person="required", present_threshold="1.00")
    lesson = open_lesson(in_campus, now=now)
    kiosk, _token = kiosk_open(session=lesson, now=now, actor=LECTURER)
    by_code(kiosk, lesson, in_campus.student, now)
    record_mark(
        session=lesson,
        student_id=in_campus.classmate.pk,
        status=Status.PRESENT,
        reason="",
        now=now,
        actor=LECTURER,
    )
    assert register(lesson) == {"STUD": ("present", 0), "MATE": ("present", 0)}


def test_a_term_without_a_phone_ends_with_the_same_percentage_and_no_more_flags(
    in_campus: Cast, now: datetime
) -> None:
    """One student by card, by code and by the lecturer in turn; two by phone. Each misses the same
    two classes, and is asked for a rapid-code challenge where others are."""
    cast = in_campus
    allow_cards(now, "0.80")
    give_card(cast.student, "0004A21F", now=now)
    door, _token = make_terminal(cast.classroom, now=now)
    phones = (cast.classmate, cast.representative)
    for week in range(WEEKS):
        start = now + timedelta(weeks=week)
        lesson = open_lesson(cast, now=start, starts_at=start)
        at = start + MINUTE
        if week not in (3, 8):
            for n, student in enumerate(phones):
                by_phone(lesson, student, at + timedelta(seconds=20 * n))
            if week % 3 == 0:
                assert punch(door, "0004A21F", at).status == "counted"
            elif week % 3 == 1:
                kiosk, _token = kiosk_open(session=lesson, now=at, actor=LECTURER)
                by_code(kiosk, lesson, cast.student, at)
            else:
                record_mark(
                    session=lesson,
                    student_id=cast.student.pk,
                    status=Status.PRESENT,
                    reason="",
                    now=at,
                    actor=LECTURER,
                )
            challenge = challenge_start(session=lesson, now=at + MINUTE, actor=LECTURER)
            for student in phones:
                for window in challenge.windows:
                    Scan.objects.create(
                        purpose=RAPID_CODE,
                        subject=subject_of(lesson.pk),
                        scanner=f"student:{student.pk}",
                        method=Method.QR,
                        window=window,
                        accepted=True,
                        at=at + MINUTE,
                    )
            challenge_settle(challenge=challenge, now=at + 3 * MINUTE)
        register_close(session=lesson, now=start + 90 * MINUTE, actor=SYSTEM)
        findings_find(session=lesson, now=start + 91 * MINUTE)
        assert not [one for one in findings_in(session_id=lesson.pk) if one.flagged]
    percentages = dict(
        AttendanceSummary.objects.values_list("student__code", "attendance_percentage")
    )
    assert set(percentages) == {"STUD", "MATE", "REPR"}
    assert len(set(percentages.values())) == 1
    assert not Finding.objects.filter(student=cast.student).exists()
    own = CheckInAttempt.objects.filter(student=cast.student)
    assert set(own.values_list("method", flat=True)) == set(PHONELESS)
    assert not own.exclude(device=None).exists()
