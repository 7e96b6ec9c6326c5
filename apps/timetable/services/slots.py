"""Weekly slots: checked against each other, and followed by the sessions made of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid, Refused
from apps.enrollments.models import Course, Term
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone
from apps.sessions.services import (
    refuse_unlike,
    session_change,
    session_courses_set,
    sessions_cancel,
)
from apps.timetable import notices
from apps.timetable.locks import planning_lock
from apps.timetable.models import LONGEST_NIGHT, GeneratedSession, Holiday, SlotCourse, WeeklySlot
from apps.timetable.occurrences import (
    Occurrence,
    happens_on,
    holiday_on,
    occurrence,
    week_number,
)
from apps.timetable.selectors.planning import (
    CapacityWarning,
    active_slots,
    capacity_warnings,
    days_touched,
    first_in_the_way,
    holidays_between,
    slot_clash_code,
    slot_in_the_way,
    slots,
)

Status = ClassSession.Status
ANY_DAY: Final = date(2000, 1, 1)  # to subtract times of day
FIELDS: Final = (
    "course_id",
    "weekday",
    "starts_at",
    "ends_at",
    "parity",
    "classroom_id",
    "valid_from",
    "valid_until",
    "is_active",
)


@dataclass(kw_only=True)
class SlotResult:
    """The slot and what became of its future sessions."""

    slot: WeeklySlot
    moved: int = 0
    cancelled: int = 0
    kept: int = 0  # changed by hand, so left alone
    clashes: list[str] = field(default_factory=list)  # left where they were, and why
    warnings: list[CapacityWarning] = field(default_factory=list)


@transaction.atomic
def slot_create(
    *, slot: WeeklySlot, now: datetime, actor: Actor, also: Sequence[Course] = ()
) -> SlotResult:
    """Save this new slot. Its sessions come with the next run of the generator.

    `also`: further courses that meet in it as one class (see `refuse_unlike`). Refuses (409) what
    clashes with another slot: room_taken, lecturer_busy, section_busy.
    """
    planning_lock()
    slot.also_courses = list(refuse_unlike(course=slot.course, also=also))
    _check(slot)
    slot.save(force_insert=True)
    _join([slot])
    log_event(
        actor=actor,
        action="timetable.slot.created",
        now=now,
        target=slot,
        data={"after": _facts(slot)},
    )
    return SlotResult(slot=slot, warnings=capacity_warnings(of=[slot]))


@transaction.atomic
def slots_create(
    *, slots: Sequence[WeeklySlot], source: str, now: datetime, actor: Actor
) -> list[Refused | None]:
    """Save many new slots in a constant number of statements; says why each was refused, or None.

    What `slot_create` refuses is refused here; of two new slots that clash the first stands.
    """
    planning_lock()
    taken: defaultdict[int, list[WeeklySlot]] = defaultdict(list)
    for known in active_slots():
        taken[known.weekday].append(known)
    answers: list[Refused | None] = []
    for slot in slots:
        near = [rival for day in days_touched(slot.weekday) for rival in taken[day]]
        answers.append(_refusal(slot, near))
        if answers[-1] is None:
            taken[slot.weekday].append(slot)
    made = [slot for slot, answer in zip(slots, answers, strict=True) if answer is None]
    WeeklySlot.objects.bulk_create(made)
    _join(made)
    if made:
        data = {"new": len(made), "source": source}
        log_event(actor=actor, action="timetable.slots.created", now=now, data=data)
    return answers


def _refusal(slot: WeeklySlot, rivals: Sequence[WeeklySlot]) -> Refused | None:
    try:
        refuse_unlike(course=slot.course, also=slot.joined)
        _check_days(slot)
        _check_clash(slot, first_in_the_way(slot, rivals))
    except Refused as refusal:
        return refusal
    return None


def _join(slots: Sequence[WeeklySlot]) -> None:
    """Save the further courses of these slots; what they had is replaced."""
    joint = [slot for slot in slots if slot.also_courses is not None]
    if any(slot.also_courses for slot in joint):
        SlotCourse.objects.bulk_create(
            SlotCourse(slot=slot, course=course)
            for slot in joint
            for course in slot.also_courses or ()
        )


@transaction.atomic
def slot_update(
    *, slot: WeeklySlot, now: datetime, actor: Actor, also: Sequence[Course] | None = None
) -> SlotResult:
    """Save this changed slot; the future sessions made of it follow within their weeks.

    `also`: the further courses from now on; None keeps those that it has.

    Sessions that were changed by hand stay as they are. One whose new place is taken stays where
    it was and is reported. Saved without a change, it hands its sessions over to the course's
    present lecturer and room.
    """
    planning_lock()
    old = WeeklySlot.objects.filter(pk=slot.pk).first()
    if old is None or old.course_id != slot.course_id:
        raise Invalid("other_course", _("A slot stays with its course. Make a new one instead."))
    before = _facts(old)
    slot.also_courses = slot.joined if also is None else list(also)
    _check_shape(slot)
    if slot.is_active:
        refuse_unlike(course=slot.course, also=slot.joined)
        _check(slot)
    slot.save()
    if also is not None:
        slot.also.all().delete()
        _join([slot])
    after = _facts(slot)
    result = SlotResult(slot=slot)
    if before != after:
        log_event(
            actor=actor,
            action="timetable.slot.changed",
            now=now,
            target=slot,
            data={"before": before, "after": after},
        )
    _Follow(result, now, actor, campus_zone()).execute()
    if slot.is_active:
        result.warnings = capacity_warnings(of=[slot])
    if result.moved or result.cancelled:
        notices.slot_changed(slot=slot, moved=result.moved, cancelled=result.cancelled, now=now)
    return result


@transaction.atomic
def term_turn_follow(*, term: Term, before: date, now: datetime, actor: Actor) -> list[SlotResult]:
    """Odd and even weeks of the term are counted anew: `before` was a day of an odd one.

    The future sessions of its odd and even slots follow; nothing where the weeks stay the same.
    """
    if (week_number(before) - week_number(term.odd_week)) % 2 == 0:
        return []
    planning_lock()
    turning = slots().filter(course__term=term, is_active=True)
    found = list(turning.exclude(parity=WeeklySlot.Parity.EVERY))
    return [slot_update(slot=slot, now=now, actor=actor) for slot in found]


@transaction.atomic
def slot_remove(*, slot: WeeklySlot, now: datetime, actor: Actor) -> SlotResult:
    """Deactivate the slot and cancel its future sessions, save those changed by hand."""
    planning_lock()
    slot = slots().get(pk=slot.pk)  # as it is saved: other changes are not the caller's to make
    slot.is_active = False
    return slot_update(slot=slot, now=now, actor=actor)


def _facts(slot: WeeklySlot) -> dict[str, Any]:
    values = {name: getattr(slot, name) for name in FIELDS}
    facts: dict[str, Any] = {
        name: value if value is None or isinstance(value, int) else str(value)
        for name, value in values.items()
    }
    return facts | {"also": sorted(course.pk for course in slot.joined)}


def _check(slot: WeeklySlot) -> None:
    _check_days(slot)
    if slot.is_active:
        _check_clash(slot, slot_in_the_way(slot))


def _check_shape(slot: WeeklySlot) -> None:
    """What the database minds of every slot, be it active or not."""
    before = datetime.combine(ANY_DAY, slot.starts_at) - datetime.combine(ANY_DAY, slot.ends_at)
    if slot.is_overnight and before < LONGEST_NIGHT:
        message = _("A slot ends after it starts; over midnight it lasts at most 12 hours.")
        raise Invalid("ends_before_start", message)
    if slot.valid_from and slot.valid_until and slot.valid_until < slot.valid_from:
        raise Invalid("bad_period", _("The last day lies before the first."))


def _check_days(slot: WeeklySlot) -> None:
    _check_shape(slot)
    if slot.first_day > slot.last_day:
        raise Invalid("outside_term", _("Its days lie outside the course's term."))


def _check_clash(slot: WeeklySlot, other: WeeklySlot | None) -> None:
    if other is None:
        return
    code = slot_clash_code(slot, other)
    what = {
        "room_taken": _("The room is taken"),
        "lecturer_busy": _("The lecturer is busy"),
        "section_busy": _("The section is busy"),
    }[code]
    text = _("%(what)s: %(slot)s, %(room)s.") % {
        "what": what,
        "slot": other,
        "room": other.room or _("no room"),
    }
    raise Refused(code, text, slot=other.pk)


class _Follow:
    """Brings a slot's future sessions in line with it."""

    def __init__(self, result: SlotResult, now: datetime, actor: Actor, zone: ZoneInfo) -> None:
        self.result, self.slot = result, result.slot
        self.now, self.actor, self.zone = now, actor, zone
        self.holidays: Sequence[Holiday] = ()

    def execute(self) -> None:
        links = list(self._links())
        if not links:
            return
        self.holidays = holidays_between(
            first=min(link.week for link, _session in links),
            last=max(link.week for link, _session in links) + timedelta(days=6),
        )
        dropped = [session.pk for link, session in links if not self._lives_on(link, session)]
        cancelled = sessions_cancel(
            session_ids=dropped,
            reason=_("The weekly timetable has changed."),
            now=self.now,
            actor=self.actor,
        )
        GeneratedSession.objects.filter(session_id__in=cancelled).update(is_withdrawn=True)
        self.result.cancelled += len(cancelled)

    def _links(self) -> Iterator[tuple[GeneratedSession, ClassSession]]:
        """Future sessions that the plan still decides about; those changed by hand are counted."""
        future = GeneratedSession.objects.filter(slot=self.slot, session__starts_at__gt=self.now)
        for link in (
            future.select_related("session").prefetch_related("session__courses").order_by("week")
        ):
            session: ClassSession = link.session  # type: ignore[assignment]
            scheduled = session.status == Status.SCHEDULED
            withdrawn = link.is_withdrawn and session.status == Status.CANCELLED
            if link.is_changed_by_hand:
                self.result.kept += scheduled
            elif scheduled or withdrawn:
                yield link, session

    def _lives_on(self, link: GeneratedSession, session: ClassSession) -> bool:
        """Move (or revive) the session of that week; False where the slot has none in it."""
        on = link.week + timedelta(days=self.slot.weekday - 1)
        if (
            not self.slot.is_active
            or not happens_on(self.slot, on)
            or holiday_on(on, self.slot, self.holidays) is not None
        ):
            return False
        meeting = occurrence(self.slot, on, self.zone)
        if meeting.starts_at > self.now:
            self._join(session, meeting)
            self._move(link, session, meeting)
        return True

    def _join(self, session: ClassSession, meeting: Occurrence) -> None:
        """Let the slot's further courses meet in the session, and nobody else."""
        also = [course for course in self.slot.joined if course.is_active]
        saved = {row.course_id for row in session.courses.all() if not row.is_lead}
        if saved == {course.pk for course in also} or session.status != Status.SCHEDULED:
            return
        try:
            session_courses_set(session=session, also=also, now=self.now, actor=self.actor)
        except Refused as refusal:
            self.result.clashes.append(f"{meeting.on}: {refusal.message}")
        else:
            self.result.moved += 1

    def _move(self, link: GeneratedSession, session: ClassSession, meeting: Occurrence) -> None:
        room, faculty = self.slot.room, self.slot.course.faculty
        stays = (session.starts_at, session.ends_at, session.classroom_id, session.faculty_id) == (
            meeting.starts_at,
            meeting.ends_at,
            room.pk if room else None,
            faculty.pk,
        )
        if stays and session.status == Status.SCHEDULED:
            return
        try:
            session_change(
                session=session,
                starts_at=meeting.starts_at,
                ends_at=meeting.ends_at,
                classroom=room,
                faculty=faculty,
                revive=True,
                now=self.now,
                actor=self.actor,
            )
        except Refused as refusal:
            self.result.clashes.append(f"{meeting.on}: {refusal.message}")
            return
        GeneratedSession.objects.filter(pk=link.pk).update(
            starts_at=meeting.starts_at,
            ends_at=meeting.ends_at,
            classroom=room,
            faculty=faculty,
            is_withdrawn=False,
        )
        self.result.moved += 1
