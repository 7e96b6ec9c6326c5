"""Background work of check-ins."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from celery import Task, shared_task
from django.core.cache import cache
from django.utils import timezone

from apps.accounts.online import minutes_forget
from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.services.online import minutes_store
from apps.checkin.services.settle import GIVE_UP_AFTER, settle_with_face, settle_without_face
from apps.checkin.services.waiting import waiting_lapse
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus
from apps.tenants.tasks import CampusTask, enqueue

LEFT_ALONE: Final = timedelta(seconds=20)  # younger attempts are still on their way to a worker
REQUEUE_BATCH: Final = 500
ASKED_AGAIN_SECONDS: Final = 60
COORDINATES_KEPT: Final = timedelta(hours=24)
ADDRESSES_KEPT: Final = timedelta(days=30)


@shared_task(base=CampusTask, bind=True, max_retries=5)
def settle_face(self: Task, attempt_id: str) -> None:
    """Compare one selfie and settle its check-in. Tried again while the storage does not answer."""
    try:
        settle_with_face(attempt_id=UUID(attempt_id), now=timezone.now())
    except OSError as error:
        raise self.retry(exc=error, countdown=2**self.request.retries) from error


@shared_task
def requeue_pending() -> int:
    """Pick up attempts whose task was lost, and give up on those that nobody could compare."""
    swept = 0
    for campus in every_campus(reason="requeue pending check-ins"):
        with campus_scope(campus):
            swept += _requeue_campus()
    return swept


def _requeue_campus() -> int:
    now = timezone.now()
    pending = CheckInAttempt.objects.filter(
        outcome=Outcome.PENDING, received_at__lt=now - LEFT_ALONE
    ).order_by("received_at")[:REQUEUE_BATCH]
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
            over = minutes_store(now=timezone.now())
        with campus_scope(campus):  # only now are they safe
            minutes_forget(over)
        kept += len(over)
    return kept


@shared_task
def purge_location_data() -> int:
    """Forget raw coordinates after 24 hours, addresses and sign-ins after 30 days.

    Returns how many attempts. The distance band in the factors stays, and so do the findings.
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
            ).update(address=None, sign_in="")
    return dropped
