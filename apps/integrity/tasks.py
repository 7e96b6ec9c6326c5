"""Background work of findings."""

from datetime import timedelta
from typing import Final

from celery import Task, shared_task
from django.utils import timezone

from apps.checkin.models import RapidCodeChallenge
from apps.checkin.services.rapid_codes import over_at
from apps.integrity.services.findings import findings_find
from apps.integrity.services.rapid_codes import challenge_settle
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import CampusTask, each_apart, each_campus

CHECKED_FOR: Final = timedelta(hours=2)  # two hourly runs see every closing


@shared_task(base=CampusTask)
def find_findings(session_id: int) -> None:
    """Check one session for cheating."""
    now = timezone.now()
    session = ClassSession.objects.get(pk=session_id)
    for challenge in RapidCodeChallenge.objects.filter(session=session, settled_at=None):
        challenge_settle(challenge=challenge, now=now)
    findings_find(session=session, now=now)


@shared_task(base=CampusTask, bind=True, max_retries=5)
def settle_challenge(self: Task, challenge_id: int) -> None:
    """Settle a challenge when it is over."""
    challenge = RapidCodeChallenge.objects.select_related("session").get(pk=challenge_id)
    left = (over_at(challenge) - timezone.now()).total_seconds()
    if left > 0:
        raise self.retry(countdown=left + 1)
    challenge_settle(challenge=challenge, now=timezone.now())


@shared_task
def requeue_findings() -> int:
    """Look again where a task was lost: in every session that was closed lately."""
    return each_campus(_check_campus, reason="check sessions for cheating")


def _check_campus(campus: Campus) -> int:
    with campus_scope(campus):
        closed = ClassSession.objects.filter(
            status=ClassSession.Status.COMPLETED,
            closed_at__gte=timezone.now() - CHECKED_FOR,
        )
        found = list(closed.values_list("pk", flat=True).order_by("pk"))
    return each_apart(campus, found, _check)


def _check(session_id: int) -> int:
    find_findings(session_id)
    return 1
