"""What the lane asks the database: the sign-in with all that its address needs, in one statement.

The campus is announced before, so row level security holds. That the campus is open and lives at
this host is part of the statement: nothing is believed that a process kept.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from django.contrib.sessions.models import Session
from django.db import connection

from apps.accounts.models import SHOWN_HERE, Device, Student, User
from apps.checkin.selectors.hot_path import (
    COURSE,
    FACE,
    IN_ROLE,
    PRIOR_STATE,
    PriorState,
    prior_state_of,
)
from apps.checkin.tickets import Ticket
from apps.common.postgresql.base import read
from apps.common.rows import table_name
from apps.qr_otp.models import QrSecret
from apps.sessions.models import ClassSession
from apps.sessions.selectors import CHECK_IN_COLUMNS
from apps.sessions.services import CHECK_IN
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import current_campus_id

_SIGNED_IN: Final = f"""
    FROM {table_name(Session)} kept
    JOIN {table_name(User)} u ON u.id = %(user_id)s AND u.is_active
    JOIN {table_name(Student)} s
        ON s.campus_id = %(campus_id)s AND s.user_id = u.id AND s.is_active AND {IN_ROLE}
    LEFT JOIN {table_name(Device)} d
        ON d.campus_id = s.campus_id AND d.student_id = s.id AND d.is_active
    JOIN {table_name(ClassSession)} m ON m.campus_id = s.campus_id AND m.id = %(session_id)s
"""
_STANDS: Final = f"""
    WHERE kept.session_key = %(session_key)s AND kept.expire_date > %(now)s
        AND EXISTS (
            SELECT FROM {table_name(Domain)} h JOIN {table_name(Campus)} c ON c.id = h.campus_id
            WHERE h.campus_id = %(campus_id)s AND lower(h.host) = %(host)s AND c.is_active
        )
"""
_FOR_REDEEM: Final = f"""
    SELECT kept.session_data, u.password, u.must_change_password, s.id, d.id,
        m.course_id, m.status, q.sealed_secret, {COURSE} IS NOT NULL
    {_SIGNED_IN}
    JOIN {table_name(QrSecret)} q
        ON q.campus_id = s.campus_id AND q.purpose = '{CHECK_IN}' AND q.subject = %(subject)s
            AND q.ended_at IS NULL
    {_STANDS}
"""


# The student is held before the session, as everywhere (apps/checkin/selectors/hot_path): one
# student's check-ins run one by one, and closing the session waits for all of them.
_FOR_CHECK_IN: Final = f"""
    SELECT kept.session_data, u.password, u.must_change_password,
        {SHOWN_HERE.replace("%s", "%(campus_id)s").replace(f"{table_name(User)}.id", "u.id")},
        s.id, d.id, d.public_key, {FACE},
        m.id, m.course_id, m.status, m.policy::text, m.starts_at, m.ends_at, m.opened_at
    {_SIGNED_IN}
    {_STANDS}
    FOR NO KEY UPDATE OF s FOR SHARE OF m
"""


class ForRedeem(NamedTuple):
    """A sign-in that may redeem a code, to be believed after `is_signed_in`."""

    session_data: str
    password: str
    must_change_password: bool
    student_id: int
    device_id: int | None
    course_id: int
    status: str
    sealed_secret: bytes
    enrolled: bool


def for_redeem(
    *, host: str, user_id: int, session_key: str, session_id: int, subject: str, now: datetime
) -> ForRedeem | None:
    """None wherever anything of it is missing: the ordinary way finds out what."""
    row = _one(
        _FOR_REDEEM,
        host=host,
        user_id=user_id,
        session_key=str(session_key),
        session_id=session_id,
        subject=subject,
        now=now,
    )
    return ForRedeem(*row) if row else None


class ForCheckIn(NamedTuple):
    """A sign-in that may check in, to be believed after `is_signed_in`; it is held."""

    session_data: str
    password: str
    must_change_password: bool
    shown: str | None
    student_id: int
    device_id: int | None
    device_key: bytes | None
    face_agreed: bool
    has_template: bool
    session: dict[str, Any]


def for_check_in(
    *, host: str, user_id: int, session_key: str, ticket: Ticket, nonce: str, now: datetime
) -> tuple[ForCheckIn, PriorState] | None:
    """None wherever anything of it is missing. Two statements in one message: the second begins
    when the student is held, and so sees every earlier check-in of the ticket's student."""
    campus_id = current_campus_id()
    with connection.cursor() as held, connection.cursor() as known:
        held.execute(
            _FOR_CHECK_IN,
            {
                "campus_id": campus_id,
                "host": host,
                "user_id": user_id,
                "session_key": str(session_key),
                "session_id": ticket.session_id,
                "now": now,
            },
        )
        known.execute(
            PRIOR_STATE,
            {
                "campus_id": campus_id,
                "student_id": ticket.student_id,
                "session_id": ticket.session_id,
                "nonce": nonce,
                "photo": "",
                "photo_id": None,
                "scan_id": ticket.scan_id,
                "since": ticket.redeemed_at,
            },
        )
        row, prior = read(held, _FOR_CHECK_IN), read(known, PRIOR_STATE)
    if row is None or prior is None:
        return None
    session = dict(zip(CHECK_IN_COLUMNS, row[9:], strict=True))
    return ForCheckIn._make((*row[:9], session)), prior_state_of(prior)


def _one(statement: str, **params: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"campus_id": current_campus_id(), **params})
        return read(cursor, statement)
