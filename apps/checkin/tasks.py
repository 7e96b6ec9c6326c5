"""Background work of check-ins."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from celery import Task, shared_task
from django.db.models import Q
from django.utils import timezone

from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.selectors.waiting import lapsing_sessions
from apps.checkin.services.online import minutes_store
from apps.checkin.services.settle import GIVE_UP_AFTER, settle_with_face, settle_without_face
from apps.checkin.services.waiting import waiting_lapse
from apps.privacy.selectors import privacy_rules
from apps.qr_otp.models import Scan
from apps.signin.online import minutes_forget
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import (
    CampusTask,
    each_apart,
    each_campus,
    enqueue,
    in_each_campus,
    take_lost,
)

REQUEUE_BATCH: Final = 500


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
    return each_campus(_requeue_campus, reason="requeue pending check-ins")


def _requeue_campus(campus: Campus) -> int:
    now = timezone.now()
    with campus_scope(campus):
        pending = CheckInAttempt.objects.filter(outcome=Outcome.PENDING).order_by("received_at")
        old = pending.filter(received_at__lt=now - GIVE_UP_AFTER)
        late = list(old.values_list("pk", flat=True)[:REQUEUE_BATCH])
        young = pending.filter(received_at__gte=now - GIVE_UP_AFTER)
        lost = take_lost(young, settle_face, since="received_at", now=now, limit=REQUEUE_BATCH)
        for attempt_id in lost:
            enqueue(settle_face, str(attempt_id))
    return len(lost) + each_apart(campus, late, partial(_give_up, now))


def _give_up(now: datetime, attempt_id: UUID) -> int:
    settle_without_face(attempt_id=attempt_id, now=now)
    return 1


@shared_task
def lapse_waiting() -> int:
    """Let check-ins lapse that nobody decided on in time; returns how many students."""
    return each_campus(_lapse_campus, reason="lapse waiting check-ins")


def _lapse_campus(campus: Campus) -> int:
    now = timezone.now()
    with campus_scope(campus):
        due = lapsing_sessions(now=now)
    return each_apart(campus, due, partial(_lapse, now))


def _lapse(now: datetime, session_id: int) -> int:
    return waiting_lapse(session_id=session_id, now=now)


@shared_task
def keep_online_minutes() -> int:
    """Move the cache's notes of who was heard of when into PostgreSQL; returns how many."""
    return each_campus(_keep_minutes, reason="keep minutes online")


def _keep_minutes(campus: Campus) -> int:
    with campus_scope(campus):
        over = minutes_store(now=timezone.now())
    with campus_scope(campus):  # only now are they safe
        minutes_forget(over)
    return len(over)


@shared_task
def purge_location_data() -> int:
    """Forget raw coordinates; addresses, sign-ins and device facts: when the campus's rules say so.

    Returns how many attempts. The distance band in the factors stays, and so do the findings.
    """
    purge = partial(_purge_location_data, timezone.now())
    return in_each_campus(purge, reason="drop coordinates and addresses")


def _purge_location_data(now: datetime) -> int:
    rules = privacy_rules()
    coordinates = timedelta(hours=rules.coordinates_hours)
    addresses = timedelta(days=rules.addresses_days)
    Scan.objects.filter(address__isnull=False, at__lt=now - addresses).update(address=None)
    dropped = CheckInAttempt.objects.filter(
        latitude__isnull=False, received_at__lt=now - coordinates
    ).update(latitude=None, longitude=None)
    return dropped + CheckInAttempt.objects.filter(
        Q(address__isnull=False) | ~Q(device_info={}), received_at__lt=now - addresses
    ).update(address=None, sign_in="", device_info={})
