"""Background work of the register."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from celery import Task, shared_task
from django.core.cache import cache
from django.utils import timezone

from apps.accounts.online import minutes_forget
from apps.checkin.models import BurstChallenge, CheckInAttempt, Outcome
from apps.checkin.services.online import minutes_keep
from apps.leave.services.attachments import attachments_purge
from apps.checkin.services.rapid_codes import over_at
from apps.integrity.services.rapid_codes import burst_settle
from apps.attendance.services.closing import register_close_itself, sessions_left_open
from apps.attendance.services.reminders import registers_remind
from apps.checkin.services.settle import GIVE_UP_AFTER, settle_with_face, settle_without_face
from apps.integrity.services.findings import signs_find
from apps.checkin.services.waiting import waiting_lapse
from apps.attendance.services.warnings import absences_tell
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus
from apps.tenants.tasks import CampusTask, enqueue

logger = logging.getLogger(__name__)
LEFT_ALONE: Final = timedelta(seconds=20)  # younger attempts are still on their way to a worker
SWEEP_BATCH: Final = 500
ASKED_AGAIN_SECONDS: Final = 60
COORDINATES_KEPT: Final = timedelta(hours=24)
ADDRESSES_KEPT: Final = timedelta(days=30)
SIGNS_AGAIN: Final = timedelta(hours=2)  # two hourly sweeps see every closing


@shared_task(base=CampusTask, bind=True, max_retries=5)
def settle_face(self: Task, attempt_id: str) -> None:
    """Compare one selfie and settle its check-in. Storage that is away is tried again."""
    try:
        settle_with_face(attempt_id=UUID(attempt_id), now=timezone.now())
    except OSError as error:
        raise self.retry(exc=error, countdown=2**self.request.retries) from error


@shared_task
def sweep_pending() -> int:
    """Pick up attempts whose task was lost, and give up on those that nobody could compare."""
    swept = 0
    for campus in every_campus(reason="sweep pending check-ins"):
        with campus_scope(campus):
            swept += _sweep_campus()
    return swept


def _sweep_campus() -> int:
    now = timezone.now()
    pending = CheckInAttempt.objects.filter(
        outcome=Outcome.PENDING, received_at__lt=now - LEFT_ALONE
    ).order_by("received_at")[:SWEEP_BATCH]
    for attempt in pending:
        if now - attempt.received_at > GIVE_UP_AFTER:
            settle_without_face(attempt_id=attempt.pk, now=now)
        elif cache.add(f"settle-asked:{attempt.pk}", 1, ASKED_AGAIN_SECONDS):
            enqueue(settle_face, str(attempt.pk))
    return len(pending)


@shared_task
def lapse_waiting() -> int:
    """Let check-ins lapse that nobody decided on in time; returns how many students."""
    lapsed = 0
    for campus in every_campus(reason="lapse waiting check-ins"):
        with campus_scope(campus):
            lapsed += waiting_lapse(now=timezone.now())
    return lapsed


@shared_task
def keep_online_minutes() -> int:
    """Move the cache's notes of who was heard of when into PostgreSQL; returns how many."""
    kept = 0
    for campus in every_campus(reason="keep minutes online"):
        with campus_scope(campus):
            over = minutes_keep(now=timezone.now())
        with campus_scope(campus):  # only now are they safe
            minutes_forget(over)
        kept += len(over)
    return kept


@shared_task
def drop_traces() -> int:
    """Forget raw coordinates after 24 hours and addresses after 30 days; returns how many.

    The distance band in the factors stays, and so do the signs that were found.
    """
    now = timezone.now()
    dropped = 0
    for campus in every_campus(reason="drop coordinates and addresses"):
        with campus_scope(campus):
            dropped += CheckInAttempt.objects.filter(
                latitude__isnull=False, received_at__lt=now - COORDINATES_KEPT
            ).update(latitude=None, longitude=None)
            dropped += CheckInAttempt.objects.filter(
                address__isnull=False, received_at__lt=now - ADDRESSES_KEPT
            ).update(address=None)
    return dropped


@shared_task(base=CampusTask)
def find_signs(session_id: int) -> None:
    """Look for signs of cheating in one session."""
    now = timezone.now()
    session = ClassSession.objects.get(pk=session_id)
    for burst in BurstChallenge.objects.filter(session=session, settled_at=None):
        burst_settle(burst=burst, now=now)
    signs_find(session=session, now=now)


@shared_task(base=CampusTask)
def tell_absences(session_id: int) -> None:
    """Tell those who missed a completed session, with the warnings that follow from it."""
    session = ClassSession.objects.select_related("course__subject").get(pk=session_id)
    absences_tell(session=session, now=timezone.now())


@shared_task(base=CampusTask, bind=True, max_retries=5)
def settle_burst(self: Task, burst_id: int) -> None:
    """Settle a burst when it is over."""
    burst = BurstChallenge.objects.select_related("session").get(pk=burst_id)
    left = (over_at(burst) - timezone.now()).total_seconds()
    if left > 0:
        raise self.retry(countdown=left + 1)
    burst_settle(burst=burst, now=timezone.now())


@shared_task
def sweep_signs() -> int:
    """Look again where a task was lost: in every session that was closed lately."""
    swept = 0
    for campus in every_campus(reason="look for signs of cheating"):
        with campus_scope(campus):
            closed = ClassSession.objects.filter(
                status=ClassSession.Status.COMPLETED,
                closed_at__gte=timezone.now() - SIGNS_AGAIN,
            )
            for session_id in closed.values_list("pk", flat=True).order_by("pk"):
                find_signs(session_id)
                swept += 1
    return swept


@shared_task(base=CampusTask)
def purge_campus_attachments() -> int:
    """Delete the attachments of one campus whose time has come, right after somebody asked."""
    return attachments_purge(now=timezone.now())


@shared_task
def purge_attachments() -> int:
    """The same everywhere, daily: what was kept long enough, and what a lost task left."""
    purged = 0
    for campus in every_campus(reason="purge attachments"):
        with campus_scope(campus):
            purged += attachments_purge(now=timezone.now())
    return purged


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
