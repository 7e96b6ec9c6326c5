"""Many sessions get other times, rooms and lecturers at once, as if in one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from apps.accounts.models import Faculty
from apps.audit.services import Actor, log_event
from apps.classrooms.models import Classroom
from apps.common.errors import Refused
from apps.sessions.clashes import clash_refusal
from apps.sessions.models import ClassSession
from apps.sessions.services.plan import (
    check_period,
    plan_of,
    plans_write,
    sessions_locked,
)

Status = ClassSession.Status


@dataclass(frozen=True, kw_only=True)
class Replan:
    """What a session is to have from now on; a cancelled one takes place again."""

    session_id: int
    starts_at: datetime
    ends_at: datetime
    classroom: Classroom | None
    faculty: Faculty


@transaction.atomic
def sessions_replan(*, plans: Sequence[Replan], now: datetime, actor: Actor) -> dict[int, Refused]:
    """Write these plans of scheduled or cancelled sessions; returns why some stay as they are.

    Sessions may take each other's places: all step aside first (as cancelled, which occupies
    nothing). One that is refused (see `clashes_refused`) goes back to its place before the others
    are written again: what then stands in their way is named. Telling people is the caller's.
    """
    ids = [plan.session_id for plan in plans]
    found = sessions_locked(ids, [Status.SCHEDULED, Status.CANCELLED])
    before = {session.pk: plan_of(session) for session in found}
    refused: dict[int, Refused] = {}
    while True:
        moved = [plan for plan in plans if plan.session_id not in refused]
        failed = _tried(moved, now)
        if not failed:
            break
        refused |= failed
    for session in sessions_locked([plan.session_id for plan in moved], [Status.SCHEDULED]):
        after = plan_of(session)
        if after != before[session.pk]:
            data = {"before": before[session.pk], "after": after}
            log_event(
                actor=actor, action="sessions.session.changed", now=now, target=session, data=data
            )
    return refused


def _tried(plans: Sequence[Replan], now: datetime) -> dict[int, Refused]:
    """Write all of them; where one is refused, none."""
    with transaction.atomic():
        ids = [plan.session_id for plan in plans]
        aside = ClassSession.objects.filter(pk__in=ids, status=Status.SCHEDULED)
        aside.update(status=Status.CANCELLED)
        sessions = sessions_locked(ids, [Status.CANCELLED])
        for plan, session in zip(plans, sessions, strict=True):
            session.starts_at, session.ends_at = plan.starts_at, plan.ends_at
            session.classroom, session.faculty = plan.classroom, plan.faculty
            session.status = Status.SCHEDULED
            check_period(session)
        refused = _written(sessions, now)
        if refused:
            transaction.set_rollback(True)
    return refused


def _written(sessions: Sequence[ClassSession], now: datetime) -> dict[int, Refused]:
    """Write these in one statement; where one of them is refused, the first half and after it the
    second. So an earlier one stands in the way of a later one, as if each were written alone."""
    try:
        with transaction.atomic():
            plans_write(sessions, now)
        return {}
    except IntegrityError:
        if len(sessions) == 1:
            refusal = clash_refusal(sessions[0])
            if refusal is None:
                raise
            return {sessions[0].pk: refusal}
    middle = len(sessions) // 2
    first = _written(sessions[:middle], now)
    return first | _written(sessions[middle:], now)
