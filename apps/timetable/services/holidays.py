"""Days without classes, and the sessions that fall on them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid, Refused
from apps.common.moments import local
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone
from apps.sessions.services import session_change, sessions_cancel
from apps.timetable import notices
from apps.timetable.locks import planning_lock
from apps.timetable.models import GeneratedSession, Holiday
from apps.timetable.occurrences import day_starts, happens_on, holiday_on
from apps.timetable.selectors.planning import holidays_between

Status = ClassSession.Status
EXTENT: Final = ("first_day", "last_day", "department_id", "course_id")


@dataclass(kw_only=True)
class HolidayResult:
    holiday: Holiday
    cancelled: int = 0
    restored: int = 0
    clashes: list[str] = field(default_factory=list)  # not restored, and why


@transaction.atomic
def holiday_create(*, holiday: Holiday, now: datetime, actor: Actor) -> HolidayResult:
    """Save this new holiday and cancel the generated sessions that it covers, with its name.

    Sessions that were planned by hand stay: somebody wanted them that day. So do those that
    have begun.
    """
    if holiday.last_day < holiday.first_day:
        raise Invalid("bad_period", _("The last day lies before the first."))
    if holiday.department_id and holiday.course_id:
        raise Invalid("two_scopes", _("A department or a course, not both."))
    planning_lock()
    holiday.save(force_insert=True)
    covered = _covered(holiday, now).filter(session__status=Status.SCHEDULED)
    courses = dict(covered.values_list("session_id", "slot__course_id"))
    cancelled = sessions_cancel(
        session_ids=courses.keys(), reason=holiday.name, now=now, actor=actor
    )
    GeneratedSession.objects.filter(session_id__in=cancelled).update(is_withdrawn=True)
    log_event(
        actor=actor,
        action="timetable.holiday.created",
        now=now,
        target=holiday,
        data={"label": str(holiday), "cancelled": len(cancelled)},
    )
    if cancelled:
        affected = {courses[session_id] for session_id in cancelled}
        notices.holiday_declared(holiday=holiday, course_ids=affected, now=now)
    return HolidayResult(holiday=holiday, cancelled=len(cancelled))


def _covered(holiday: Holiday, now: datetime) -> QuerySet[GeneratedSession]:
    """Links to the future sessions on the campus's days of this holiday, of its courses."""
    zone = campus_zone()
    links = GeneratedSession.objects.filter(
        session__starts_at__gt=now,
        session__starts_at__gte=day_starts(holiday.first_day, zone),
        session__starts_at__lt=day_starts(holiday.last_day, zone, after=1),
    ).order_by("pk")
    if holiday.course_id:
        return links.filter(slot__course_id=holiday.course_id)
    if holiday.department_id:
        return links.filter(slot__course__section__department_id=holiday.department_id)
    return links


@transaction.atomic
def holiday_update(*, holiday: Holiday, now: datetime, actor: Actor) -> HolidayResult:
    """Save this changed holiday: what it no longer covers comes back, what it now covers goes."""
    old = Holiday.objects.get(pk=holiday.pk)
    if all(getattr(old, name) == getattr(holiday, name) for name in EXTENT):
        holiday.save()
        log_event(
            actor=actor,
            action="timetable.holiday.changed",
            now=now,
            target=holiday,
            data={"before": old.name, "after": holiday.name},
        )
        return HolidayResult(holiday=holiday)
    lifted = holiday_remove(holiday=old, now=now, actor=actor)
    declared = holiday_create(holiday=holiday, now=now, actor=actor)
    return HolidayResult(
        holiday=holiday,
        cancelled=declared.cancelled,
        restored=lifted.restored,
        clashes=lifted.clashes,
    )


@transaction.atomic
def holiday_remove(*, holiday: Holiday, now: datetime, actor: Actor) -> HolidayResult:
    """Delete the holiday; the future sessions that it cancelled take place again.

    Those whose room, lecturer or section was given away meanwhile stay cancelled and are
    reported. Sessions that were never made come with the next run of the generator.
    """
    planning_lock()
    result = HolidayResult(holiday=holiday)
    links = list(
        _covered(holiday, now)
        .filter(is_withdrawn=True, session__status=Status.CANCELLED)
        .select_related(
            "session__classroom__building",
            "session__course__subject",
            "slot__course__term",
            "slot__course__section",
        )
    )
    log_event(
        actor=actor,
        action="timetable.holiday.removed",
        now=now,
        target=holiday,
        data={"label": str(holiday)},
    )
    others = [
        other
        for other in holidays_between(first=holiday.first_day, last=holiday.last_day)
        if other.pk != holiday.pk
    ]
    Holiday.objects.filter(pk=holiday.pk).delete()
    zone = campus_zone()
    restored = {
        link.slot.course_id for link in links if _restore(link, others, result, zone, now, actor)
    }
    if restored:
        notices.holiday_lifted(holiday=holiday, course_ids=restored, now=now)
    return result


def _restore(
    link: GeneratedSession,
    holidays: list[Holiday],
    result: HolidayResult,
    zone: ZoneInfo,
    now: datetime,
    actor: Actor,
) -> bool:
    session: ClassSession = link.session  # type: ignore[assignment]  # its times were asked for
    on = local(session.starts_at, zone).date()
    planned = link.slot.is_active and happens_on(link.slot, on)
    if not planned or holiday_on(on, link.slot, holidays) is not None:
        return False
    try:
        session_change(
            session=session,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
            classroom=session.classroom,
            revive=True,
            now=now,
            actor=actor,
        )
    except Refused as refusal:
        result.clashes.append(f"{session.title}, {on}: {refusal.message}")
        return False
    GeneratedSession.objects.filter(pk=link.pk).update(is_withdrawn=False)
    result.restored += 1
    return True
