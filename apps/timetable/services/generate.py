"""Sessions out of weekly slots."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid
from apps.enrollments.models import Course
from apps.sessions.clashes import SAME, clash_text
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone
from apps.sessions.services import sessions_plan
from apps.timetable.locks import planning_lock
from apps.timetable.models import GeneratedSession, Holiday, SlotCourse, WeeklySlot
from apps.timetable.occurrences import Occurrence, holiday_on, monday_of, occurrences
from apps.timetable.selectors.planning import (
    CapacityWarning,
    capacity_warnings,
    courses_in_force,
    holidays_between,
    slots_in_force,
    weeks_generated,
)

COURSES_AT_ONCE: Final = 200
LONGEST: Final = 400  # days: more than an academic year is a typing mistake


@dataclass(frozen=True, kw_only=True)
class GenerationClash:
    """A session that was not made, and the one that stands in its way."""

    slot_id: int
    course: str
    on: date
    code: str  # room_taken, lecturer_busy, section_busy
    message: str
    session_id: int


@dataclass(kw_only=True)
class GenerationResult:
    created: int = 0
    existing: int = 0  # the slot had its session in that week, whatever became of it
    skipped_holiday: int = 0
    clashes: list[GenerationClash] = field(default_factory=list)
    warnings: list[CapacityWarning] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    first: date
    last: date
    now: datetime
    zone: ZoneInfo
    holidays: Sequence[Holiday]
    result: GenerationResult


@transaction.atomic
def sessions_generate(
    *,
    first: date,
    last: date,
    now: datetime,
    actor: Actor,
    courses: Collection[Course] | None = None,
) -> GenerationResult:
    """Make the sessions of active slots from the first to the last day, both included.

    A slot gets one session a week and never a second: one that was moved, changed, cancelled or
    deleted by hand stays so. Holidays are left out; what clashes with another session is left out
    and reported. `courses` narrows the run, to those that they meet with, too; None is every
    active course. A constant number of
    statements per 200 courses.
    """
    if last < first or (last - first).days > LONGEST:
        raise Invalid("bad_period", _("From a first to a last day, at most 400 days apart."))
    planning_lock()
    chosen = courses_in_force(first=first, last=last)
    if courses is not None:
        named = [course.pk for course in courses]
        led = SlotCourse.objects.filter(course__in=named).values("slot__course")
        chosen = chosen.filter(Q(pk__in=named) | Q(pk__in=led))
    course_ids = list(chosen.values_list("pk", flat=True))
    run = _Run(
        first=first,
        last=last,
        now=now,
        zone=campus_zone(),
        holidays=holidays_between(first=first, last=last),
        result=GenerationResult(),
    )
    for start in range(0, len(course_ids), COURSES_AT_ONCE):
        _generate_batch(run, course_ids[start : start + COURSES_AT_ONCE])
    _record(run, actor)
    return run.result


def _generate_batch(run: _Run, course_ids: Sequence[int]) -> None:
    slots = slots_in_force(course_ids=course_ids, first=run.first, last=run.last)
    if not slots:
        return
    known = weeks_generated(
        slot_ids=[slot.pk for slot in slots], first=monday_of(run.first), last=run.last
    )
    wanted = [
        meeting
        for slot in slots
        for meeting in occurrences(slot, first=run.first, last=run.last, zone=run.zone)
        if _is_wanted(run, meeting, known)
    ]
    # Chronological, so that of two slots that clash the same one wins in every run.
    wanted.sort(key=lambda meeting: (meeting.starts_at, meeting.slot.pk))
    _plan(run, wanted)
    run.result.warnings += capacity_warnings(of=slots)


def _is_wanted(run: _Run, meeting: Occurrence, known: set[tuple[int, date]]) -> bool:
    if (meeting.slot.pk, meeting.week) in known:
        run.result.existing += 1
        return False
    if holiday_on(meeting.on, meeting.slot, run.holidays) is not None:
        run.result.skipped_holiday += 1
        return False
    return True


def _plan(run: _Run, wanted: Sequence[Occurrence]) -> None:
    planned = sessions_plan(wanted=[session_for(meeting) for meeting in wanted], now=run.now)
    GeneratedSession.objects.bulk_create(
        [link_for(wanted[n], pk, run.now) for n, pk in sorted(planned.made.items())],
        batch_size=2000,
    )
    run.result.created += len(planned.made)
    for n, (code, other) in planned.clashes.items():
        if code == SAME:
            run.result.existing += 1
            continue
        run.result.clashes.append(_clash(wanted[n], code, other, run.zone))


def _clash(meeting: Occurrence, code: str, other: ClassSession, zone: ZoneInfo) -> GenerationClash:
    return GenerationClash(
        slot_id=meeting.slot.pk,
        course=" + ".join([str(meeting.slot.course), *(c.code for c in meeting.slot.joined)]),
        on=meeting.on,
        code=code,
        message=clash_text(code, other, zone),
        session_id=other.pk,
    )


def session_for(meeting: Occurrence) -> ClassSession:
    """The unsaved session of that meeting."""
    slot: WeeklySlot = meeting.slot
    session = ClassSession(
        course=slot.course,
        faculty_id=slot.course.faculty_id,
        section_id=slot.course.section_id,
        classroom=slot.room,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
    )
    session.also = [course for course in slot.joined if course.is_active]
    return session


def link_for(meeting: Occurrence, session_id: int, now: datetime) -> GeneratedSession:
    """What is remembered of that meeting's session as it was generated."""
    return GeneratedSession(
        slot=meeting.slot,
        week=meeting.week,
        session_id=session_id,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        classroom=meeting.slot.room,
        faculty_id=meeting.slot.course.faculty_id,
        created_at=now,
    )


def _record(run: _Run, actor: Actor) -> None:
    """One entry for the run, where it made something."""
    if run.result.created:
        log_event(
            actor=actor,
            action="timetable.sessions.generated",
            now=run.now,
            data={
                "first": run.first.isoformat(),
                "last": run.last.isoformat(),
                "created": run.result.created,
                "clashes": len(run.result.clashes),
            },
        )
