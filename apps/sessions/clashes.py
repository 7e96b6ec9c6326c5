"""Which session stands in the way of another, and how that is said."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.common.moments import local
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone

ROOM: Final = "room_taken"
LECTURER: Final = "lecturer_busy"
SECTION: Final = "section_busy"
SAME: Final = "session_exists"  # the course's own session at that very start


def clash_code(session: ClassSession, other: ClassSession) -> str:
    """The first thing that these overlapping sessions share; "" for nothing."""
    if session.course_id == other.course_id and session.starts_at == other.starts_at:
        return SAME
    if session.classroom_id and session.classroom_id == other.classroom_id:
        return ROOM
    if session.faculty_id == other.faculty_id:
        return LECTURER
    if session.section_id and session.section_id == other.section_id:
        return SECTION
    return ""


def session_in_the_way(session: ClassSession) -> ClassSession | None:
    """The earliest planned session that this one may not stand beside."""
    shared = Q(faculty_id=session.faculty_id)
    if session.classroom_id:
        shared |= Q(classroom_id=session.classroom_id)
    if session.section_id:
        shared |= Q(section_id=session.section_id)
    planned = Q(is_planned=True, starts_at__lt=session.ends_at, ends_at__gt=session.starts_at)
    same = Q(course_id=session.course_id, starts_at=session.starts_at)
    return (
        ClassSession.objects.filter(same | (planned & shared))
        .exclude(status=ClassSession.Status.CANCELLED)
        .exclude(pk=session.pk)
        .select_related("course__subject", "classroom__building", "faculty", "section__department")
        .order_by("starts_at", "pk")
        .first()
    )


def period_text(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> str:
    """On the campus's clock: "2026-09-14 10:00–11:30"."""
    return f"{local(starts_at, zone):%Y-%m-%d %H:%M}–{local(ends_at, zone):%H:%M}"


def clash_text(code: str, other: ClassSession, zone: ZoneInfo) -> str:
    """A sentence that names the other session: course, room, time on the campus's clock."""
    what = {
        ROOM: _("The room is taken"),
        LECTURER: _("The lecturer is busy"),
        SECTION: _("The section is busy"),
        SAME: _("This course already has a session at that time"),
    }[code]
    return _("%(what)s: %(course)s, %(room)s, %(time)s.") % {
        "what": what,
        "course": other.course,
        "room": other.classroom or _("no room"),
        "time": period_text(other.starts_at, other.ends_at, zone),
    }


def clash_refusal(session: ClassSession) -> Refused | None:
    """The refusal that names what stands in the way of this session, None where nothing does."""
    other = session_in_the_way(session)
    code = clash_code(session, other) if other is not None else ""
    if other is None or not code:
        return None
    return Refused(
        code,
        clash_text(code, other, campus_zone()),
        session=other.pk,
        course=str(other.course),
        room=str(other.classroom or ""),
        starts_at=other.starts_at.isoformat(),
        ends_at=other.ends_at.isoformat(),
    )


@contextmanager
def clashes_refused(session: ClassSession) -> Iterator[None]:
    """Run a write in a savepoint; what the database excludes becomes `Refused`.

    Codes: room_taken, lecturer_busy, section_busy, session_exists. `session` holds the values that
    were to be written.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        refusal = clash_refusal(session)
        if refusal is None:
            raise
        raise refusal from error
