"""Background work of the register."""

import logging

from celery import shared_task
from django.utils import timezone

from apps.attendance.services.closing import register_close_itself, sessions_left_open
from apps.attendance.services.reminders import registers_remind
from apps.attendance.services.warnings import absences_notify
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus
from apps.tenants.tasks import CampusTask

logger = logging.getLogger(__name__)


@shared_task(base=CampusTask)
def notify_absences(session_id: int) -> None:
    """Tell those who missed a completed session, with the warnings that follow from it."""
    session = ClassSession.objects.select_related("course__subject").get(pk=session_id)
    absences_notify(session=session, now=timezone.now())


@shared_task
def remind_of_registers() -> int:
    """Tell lecturers of the sessions that they never opened, once each; returns how many heard."""
    told = 0
    for campus in every_campus(reason="remind of registers not taken"):
        with campus_scope(campus):
            told += registers_remind(now=timezone.now())
    return told


@shared_task
def close_left_open() -> int:
    """Close the sessions that nobody completed, each in a transaction; returns how many.

    One that cannot be closed does not keep the others waiting: it is tried again next time.
    """
    closed = 0
    for campus in every_campus(reason="close sessions that were left open"):
        now = timezone.now()
        with campus_scope(campus):
            left_open = sessions_left_open(now=now)
        for session_id in left_open:
            try:
                with campus_scope(campus):
                    closed += register_close_itself(session_id=session_id, now=now)
            except Exception:
                logger.exception("Session %d of %s did not close.", session_id, campus.slug)
    return closed
