"""What a scan and a check-in ask of the database, as SQL by hand.

Building these queries through the ORM took three quarters of a redeem's CPU time (bench/check_in).
Row level security holds for them as for every statement; the campus is named besides, so that the
indexes that begin with it are used.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from apps.accounts.models import Device, Membership, Role, Student
from apps.attendance.models import AttendanceRecord
from apps.biometrics.models import FaceSample, FaceTemplate
from apps.biometrics.services import image_id
from apps.checkin.models import CheckInAttempt
from apps.common.errors import Forbidden
from apps.common.rows import table_name
from apps.enrollments.models import Enrollment, EnrollmentPeriod
from apps.privacy.models import Consent
from apps.sessions.models import SessionCourse
from apps.tenants.scope import current_campus_id

# The course of the session in which the student was enrolled on its day, whatever has become of
# that since; of several the one that leads.
COURSE: Final = f"""
    (
        SELECT c.course_id FROM {table_name(SessionCourse)} c
        JOIN {table_name(Enrollment)} e
            ON e.campus_id = c.campus_id AND e.course_id = c.course_id
        JOIN {table_name(EnrollmentPeriod)} p
            ON p.campus_id = e.campus_id AND p.enrollment_id = e.id
        WHERE c.campus_id = s.campus_id AND c.session_id = %(session_id)s AND e.student_id = s.id
            AND p.enrolled_on <= c.held_on AND (p.ended_on IS NULL OR p.ended_on > c.held_on)
        ORDER BY c.id LIMIT 1
    )
"""

# Whether the student agreed to faces, and whether one is enrolled.
FACE: Final = f"""
    EXISTS (
        SELECT FROM {table_name(Consent)} c
        WHERE c.campus_id = s.campus_id AND c.student_id = s.id AND c.kind = 'face'
            AND c.withdrawn_at IS NULL
    ),
    EXISTS (
        SELECT FROM {table_name(FaceTemplate)} t
        WHERE t.campus_id = s.campus_id AND t.student_id = s.id
    )
"""

# That the account (s.user_id) is a student still: a role that was taken counts from then on.
IN_ROLE: Final = f"""
    EXISTS (
        SELECT FROM {table_name(Membership)} i WHERE i.campus_id = s.campus_id
            AND i.user_id = s.user_id AND i.role = '{Role.STUDENT}' AND i.is_active
    )
"""
_ATTENDEE: Final = f"""
    SELECT s.id, d.id, d.public_key, {COURSE} IS NOT NULL, {FACE}
    FROM {table_name(Student)} s
    LEFT JOIN {table_name(Device)} d
        ON d.campus_id = s.campus_id AND d.student_id = s.id AND d.is_active
    WHERE s.campus_id = %(campus_id)s AND s.user_id = %(user_id)s AND s.is_active AND {IN_ROLE}
"""
_LOCKED: Final = " FOR NO KEY UPDATE OF s"

# Whose a photo is that comes a second time; asked only where one came.
_PHOTO: Final = f"""
    CASE WHEN %(photo)s::text = '' THEN ''
        WHEN EXISTS (
            SELECT FROM {table_name(FaceSample)} f
            WHERE f.campus_id = s.campus_id AND f.image_id = %(photo_id)s::uuid
        ) THEN 'enrolled'
        ELSE coalesce((
            SELECT CASE WHEN p.student_id = s.id THEN 'own' ELSE 'others' END
            FROM {table_name(CheckInAttempt)} p
            WHERE p.campus_id = s.campus_id AND p.photo_sha256 = %(photo)s::text
                AND p.photo_sha256 <> ''
            ORDER BY p.student_id = s.id LIMIT 1
        ), '')
    END
"""

PRIOR_STATE: Final = f"""
    SELECT {COURSE}, a.id, r.id, coalesce(r.status, ''), coalesce(r.source, ''), {_PHOTO},
        CASE WHEN %(scan_id)s::uuid IS NULL THEN 0 ELSE (
            SELECT coalesce(max(t.photo_try), 0) FROM {table_name(CheckInAttempt)} t
            WHERE t.campus_id = s.campus_id AND t.student_id = s.id
                AND t.received_at >= %(since)s::timestamptz AND t.scan_id = %(scan_id)s::uuid
        ) END
    FROM {table_name(Student)} s
    LEFT JOIN {table_name(CheckInAttempt)} a
        ON a.campus_id = s.campus_id AND a.student_id = s.id AND a.nonce = %(nonce)s
    LEFT JOIN {table_name(AttendanceRecord)} r
        ON r.campus_id = s.campus_id AND r.session_id = %(session_id)s AND r.student_id = s.id
    WHERE s.campus_id = %(campus_id)s AND s.id = %(student_id)s
"""


@dataclass(frozen=True, kw_only=True)
class AttendeeContext:
    """The student behind a sign-in, with what scans and check-ins ask about them.

    `face_agreed`: consented. `has_face`: enrolled with at least one template as well.
    """

    id: int
    user_id: int
    device_id: int | None
    device_key: bytes | None
    enrolled: bool
    has_face: bool
    face_agreed: bool = False


@dataclass(frozen=True, kw_only=True)
class PriorState:
    """What is known of a student in a session before a check-in is judged, as `PRIOR_STATE` has it.

    `photo`: "enrolled", "others" or "own" where the photo was there before, else "".
    `photo_try`: how many photos have come with the same ticket.
    `course_id`: the course of the session that they belong to; None for somebody else.
    """

    course_id: int | None
    first_attempt_id: UUID | None
    record_id: int | None
    record_status: str
    record_source: str
    photo: str = ""
    photo_try: int = 0

    @property
    def enrolled(self) -> bool:
        return self.course_id is not None


def attendee_context(
    *, user_id: int, session_id: int | None, lock: bool = False
) -> AttendeeContext:
    """The active student of this user, in that role; `enrolled` is about that session.

    With `lock` the student's row is held until the transaction ends, so that one student's
    check-ins run one by one. Raises `Forbidden` for everybody else.
    """
    row = _one(_ATTENDEE + (_LOCKED if lock else ""), user_id=user_id, session_id=session_id)
    if row is None:
        raise Forbidden("not_a_student", _("This is for students of this campus."))
    student_id, device_id, key, enrolled, face_agreed, has_template = row
    return AttendeeContext(
        id=student_id,
        user_id=user_id,
        device_id=device_id,
        device_key=bytes(key) if key is not None else None,
        enrolled=enrolled,
        has_face=face_agreed and has_template,
        face_agreed=face_agreed,
    )


def prior_state(
    *,
    student_id: int,
    session_id: int,
    nonce: str,
    photo_sha256: str = "",
    scan_id: str | None = None,
    since: datetime | None = None,
) -> PriorState:
    """Enrolment, an earlier attempt with this nonce, the record so far, and where the photo was
    seen, in one statement. `scan_id` is the ticket's, `since` when it was issued.

    Ask after the student's row is locked: the statement then sees every earlier check-in.
    """
    row = _one(
        PRIOR_STATE,
        student_id=student_id,
        session_id=session_id,
        nonce=nonce,
        photo=photo_sha256,
        photo_id=image_id(photo_sha256) if photo_sha256 else None,
        scan_id=scan_id,
        since=since,
    )
    assert row is not None  # the caller holds the student's row
    return prior_state_of(row)


def prior_state_of(row: tuple[Any, ...]) -> PriorState:
    """A row of `PRIOR_STATE`."""
    return PriorState(**dict(zip(PriorState.__annotations__, row, strict=True)))


def _one(statement: str, **params: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"campus_id": current_campus_id(), **params})
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
