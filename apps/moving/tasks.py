from typing import Final

from celery import shared_task
from django.utils import timezone

from apps.moving.reminding import removals_look

HOURS: Final = 6 * 3600


@shared_task(acks_late=False, time_limit=HOURS, soft_time_limit=HOURS - 60)
def look_at_removals() -> int:
    """Daily: campuses whose removal is due go, people are reminded; returns how many went."""
    return removals_look(now=timezone.now())
