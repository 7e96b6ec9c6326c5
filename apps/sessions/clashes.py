"""Which session stands in the way of another, and how that is said."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.common.moments import local
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone, meeting

ROOM: Final = "room_taken"
LECTURER: Final = "lecturer_busy"
SECTION: Final = "section_busy"
SAME: Final = "session_exists"  # the course's own session at that very start


@dataclass(frozen=True)
class Occupancy:
    """The courses of a session and their sections."""

    courses: frozenset[int]
    sections: frozenset[int]


def occupancy_of(session: ClassSession) -> Occupancy:
    """Of a session as it is to be written: its own course and section, and the further courses
    (`also`, else as saved)."""
    if session.pk is None or session.also:
        further = [(course.pk, course.section_id) for course in session.also]
    else:
        further = [
            (row.course_id, row.section_id) for row in session.courses.all() if not row.is_lead
        ]
    found = [(session.course_id, session.section_id), *further]
    return Occupancy(
        frozenset(course for course, _section in found),
        frozenset(section for _course, section in found if section is not None),
    )


def clash_code(session: ClassSession, other: ClassSession) -> str:
    """The first thing that these overlapping sessions share; "" for nothing."""
    mine, theirs = occupancy_of(session), occupancy_of(other)
    if mine.courses & theirs.courses and session.starts_at == other.starts_at:
        return SAME
    if session.classroom_id and session.classroom_id == other.classroom_id:
        return ROOM
    if session.faculty_id == other.faculty_id:
        return LECTURER
    if mine.sections & theirs.sections:
        return SECTION
    return ""


def session_in_the_way(
    session: ClassSession, *, saved_as: int | None = None
) -> ClassSession | None:
    """The earliest planned session that this one may not stand beside.

    `saved_as`: its own id, where it is described by an unsaved copy.
    """
    occupied = occupancy_of(session)
    shared = Q(faculty_id=session.faculty_id)
    if session.classroom_id:
        shared |= Q(classroom_id=session.classroom_id)
    if occupied.sections:
        shared |= meeting(section__in=occupied.sections)
    planned = Q(is_planned=True, starts_at__lt=session.ends_at, ends_at__gt=session.starts_at)
    same = meeting(course__in=occupied.courses, starts_at=session.starts_at)
    return (
        ClassSession.objects.filter(same | (planned & shared))
        .exclude(status=ClassSession.Status.CANCELLED)
        .exclude(pk=session.pk or saved_as or 0)
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
        "course": other.title,
        "room": other.classroom or _("no room"),
        "time": period_text(other.starts_at, other.ends_at, zone),
    }


def clash_refusal(session: ClassSession, *, saved_as: int | None = None) -> Refused | None:
    """The refusal that names what stands in the way of this session, None where nothing does."""
    other = session_in_the_way(session, saved_as=saved_as)
    code = clash_code(session, other) if other is not None else ""
    if other is None or not code:
        return None
    return Refused(
        code,
        clash_text(code, other, campus_zone()),
        session=other.pk,
        course=other.title,
        room=str(other.classroom or ""),
        starts_at=other.starts_at.isoformat(),
        ends_at=other.ends_at.isoformat(),
    )


@contextmanager
def clashes_refused(session: ClassSession, *, saved_as: int | None = None) -> Iterator[None]:
    """Run a write in a savepoint; what the database excludes becomes `Refused`.

    Codes: room_taken, lecturer_busy, section_busy, session_exists. `session` holds the values that
    were to be written.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        refusal = clash_refusal(session, saved_as=saved_as)
        if refusal is None:
            raise
        raise refusal from error
