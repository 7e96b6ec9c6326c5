"""Background work of findings."""

from datetime import timedelta
from typing import Final

from celery import Task, shared_task
from django.utils import timezone

from apps.checkin.models import BurstChallenge
from apps.checkin.services.rapid_codes import over_at
from apps.integrity.services.findings import signs_find
from apps.integrity.services.rapid_codes import burst_settle
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus
from apps.tenants.tasks import CampusTask

SIGNS_AGAIN: Final = timedelta(hours=2)  # two hourly sweeps see every closing


@shared_task(base=CampusTask)
def find_signs(session_id: int) -> None:
    """Look for signs of cheating in one session."""
    now = timezone.now()
    session = ClassSession.objects.get(pk=session_id)
    for burst in BurstChallenge.objects.filter(session=session, settled_at=None):
        burst_settle(burst=burst, now=now)
    signs_find(session=session, now=now)


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
