"""Before an erasure: the person gets in no more, and what they had begun has ended.

Else a request that was under way, a leave with its reason, say, would be committed after the
erasure had passed its table, and stay.
"""

import time
from datetime import datetime
from typing import Final

from django.db import connection

from apps.accounts.models import Faculty, Membership, Student, User
from apps.accounts.services import campus_sessions_end
from apps.privacy.registry import KnownPerson

LONGEST_WAIT: Final = 30.0  # seconds; a request's statements and pauses are bounded below that
LOOK_EVERY: Final = 0.1  # seconds
# Transactions of the application that began before this one. Backups read as another role.
_OLDER: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
        AND xact_start < transaction_timestamp()
"""


def person_close(*, person: KnownPerson, now: datetime) -> None:
    """Close the person's entries and roles on this campus, and end their sessions here."""
    closed = {"is_active": False, "updated_at": now}
    Student.objects.filter(pk=person.student_id or 0, is_active=True).update(**closed)
    Faculty.objects.filter(pk=person.faculty_id or 0, is_active=True).update(**closed)
    Membership.objects.filter(user_id=person.user_id or 0, is_active=True).update(**closed)
    user = User.objects.filter(pk=person.user_id or 0).first()
    if user is not None:
        campus_sessions_end(user=user)


def requests_await() -> None:
    """Wait, half a minute at most, until every transaction that began before this one has ended.

    What runs for longer is the work of a worker and no request.
    """
    end = time.monotonic() + LONGEST_WAIT
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else it is read once
            cursor.execute(_OLDER)
            if not cursor.fetchone()[0]:
                return
            time.sleep(LOOK_EVERY)
