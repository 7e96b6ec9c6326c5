"""Background work of the register."""

from datetime import datetime
from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.attendance.services.closing import register_close_itself, sessions_left_open
from apps.attendance.services.reminders import registers_remind
from apps.attendance.services.warnings import absences_notify
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import CampusTask, each_apart, each_campus, in_each_campus


@shared_task(base=CampusTask)
def notify_absences(session_id: int) -> None:
    """Tell those who missed a completed session, with the warnings that follow from it."""
    session = ClassSession.objects.select_related("course__subject").get(pk=session_id)
    absences_notify(session=session, now=timezone.now())


@shared_task
def remind_of_registers() -> int:
    """Tell lecturers of the sessions that they never opened, once each; returns how many heard."""
    return in_each_campus(
        partial(registers_remind, now=timezone.now()), reason="remind of registers not taken"
    )


@shared_task
def close_left_open() -> int:
    """Close the sessions that nobody completed, each in a transaction; returns how many.

    One that cannot be closed does not keep the others waiting: it is tried again next time.
    """
    return each_campus(_close_campus, reason="close sessions that were left open")


def _close_campus(campus: Campus) -> int:
    now = timezone.now()
    with campus_scope(campus):
        left_open = sessions_left_open(now=now)
    return each_apart(campus, left_open, partial(_close, now))


def _close(now: datetime, session_id: int) -> bool:
    return register_close_itself(session_id=session_id, now=now)
