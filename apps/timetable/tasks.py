"""The daily run of the generator."""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.audit.services import SYSTEM
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import each_campus
from apps.timetable.days import horizon
from apps.timetable.services import sessions_generate

logger = logging.getLogger(__name__)


@shared_task
def generate_sessions() -> int:
    """Make the sessions of the next TIMETABLE_HORIZON_DAYS on every campus; returns how many.

    One campus's trouble does not keep the others waiting: the run of the next day makes up for it.
    """
    return each_campus(_generate, reason="generate sessions")


def _generate(campus: Campus) -> int:
    now = timezone.now()
    with campus_scope(campus):
        first, last = horizon(days=settings.TIMETABLE_HORIZON_DAYS, now=now)
        result = sessions_generate(first=first, last=last, now=now, actor=SYSTEM)
    for clash in result.clashes:
        logger.warning("%s, %s %s: %s", campus.slug, clash.course, clash.on, clash.message)
    return result.created
