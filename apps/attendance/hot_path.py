"""What a scan and a check-in ask of the database, as SQL by hand.

Building these queries through the ORM took three quarters of a redeem's CPU time (bench/check_in).
Row level security holds for them as for every statement; the campus is named besides, so that the
indexes that begin with it are used.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from apps.common.errors import Forbidden
from apps.tenants.scope import current_campus_id

# The course of the session in which the student was enrolled on its day, whatever has become of
# that since; of several the one that leads.
_COURSE: Final = """
    (
        SELECT c.course_id FROM class_sessions_sessioncourse c
        JOIN enrollments_enrollment e
            ON e.campus_id = c.campus_id AND e.course_id = c.course_id
        JOIN enrollments_enrollmentperiod p
            ON p.campus_id = e.campus_id AND p.enrollment_id = e.id
        WHERE c.campus_id = s.campus_id AND c.session_id = %(session_id)s AND e.student_id = s.id
            AND p.enrolled_on <= c.held_on AND (p.ended_on IS NULL OR p.ended_on > c.held_on)
        ORDER BY c.id LIMIT 1
    )
"""

_ATTENDING: Final = f"""
    SELECT s.id, d.id, d.public_key, {_COURSE} IS NOT NULL,
        EXISTS (
            SELECT FROM privacy_consent c
            WHERE c.campus_id = s.campus_id AND c.student_id = s.id AND c.kind = 'face'
                AND c.withdrawn_at IS NULL
        ) AND EXISTS (
            SELECT FROM biometrics_facetemplate t
            WHERE t.campus_id = s.campus_id AND t.student_id = s.id
        )
    FROM accounts_student s
    LEFT JOIN accounts_device d
        ON d.campus_id = s.campus_id AND d.student_id = s.id AND d.is_active
    WHERE s.campus_id = %(campus_id)s AND s.user_id = %(user_id)s AND s.is_active
"""
_LOCKED: Final = " FOR NO KEY UPDATE OF s"

_STANDING: Final = f"""
    SELECT {_COURSE}, a.id, r.id, coalesce(r.status, ''), coalesce(r.source, '')
    FROM accounts_student s
    LEFT JOIN attendance_checkinattempt a
        ON a.campus_id = s.campus_id AND a.student_id = s.id AND a.nonce = %(nonce)s
    LEFT JOIN attendance_attendancerecord r
        ON r.campus_id = s.campus_id AND r.session_id = %(session_id)s AND r.student_id = s.id
    WHERE s.campus_id = %(campus_id)s AND s.id = %(student_id)s
"""


@dataclass(frozen=True, kw_only=True)
class Attending:
    """The student behind a sign-in, with what scans and check-ins ask about them.

    `has_face`: consented and enrolled with at least one template.
    """

    id: int
    device_id: int | None
    device_key: bytes | None
    enrolled: bool
    has_face: bool


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of a student in a session before a check-in is judged.

    `course_id`: the course of the session that they belong to; None for somebody else.
    """

    course_id: int | None
    first_attempt_id: UUID | None
    record_id: int | None
    record_status: str
    record_source: str

    @property
    def enrolled(self) -> bool:
        return self.course_id is not None


def attending(*, user_id: int, session_id: int | None, lock: bool = False) -> Attending:
    """The active student of this user; `enrolled` is about that session.

    With `lock` the student's row is held until the transaction ends, so that one student's
    check-ins run one by one. Raises `Forbidden` for everybody else.
    """
    row = _one(_ATTENDING + (_LOCKED if lock else ""), user_id=user_id, session_id=session_id)
    if row is None:
        raise Forbidden("not_a_student", _("This is for students of this campus."))
    student_id, device_id, key, enrolled, has_face = row
    return Attending(
        id=student_id,
        device_id=device_id,
        device_key=bytes(key) if key is not None else None,
        enrolled=enrolled,
        has_face=has_face,
    )


def standing(*, student_id: int, session_id: int, nonce: str) -> Standing:
    """Enrolment, an earlier attempt with this nonce, and the record so far, in one statement.

    Ask after the student's row is locked: the statement then sees every earlier check-in.
    """
    row = _one(
        _STANDING,
        student_id=student_id,
        session_id=session_id,
        nonce=nonce,
    )
    assert row is not None  # the caller holds the student's row
    course_id, attempt_id, record_id, status, source = row
    return Standing(
        course_id=course_id,
        first_attempt_id=attempt_id,
        record_id=record_id,
        record_status=status,
        record_source=source,
    )


def _one(statement: str, **params: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"campus_id": current_campus_id(), **params})
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
