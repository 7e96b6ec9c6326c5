"""Learning at night."""

from datetime import datetime
from functools import partial
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from apps.learning.selectors import strong_check_ins
from apps.learning.services import check_in_learn, drift_measure
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import each_apart, each_campus, in_each_campus


@shared_task
def learn_faces() -> int:
    """Every night: what check-ins teach, and how far faces have moved; returns how many samples."""
    learned = each_campus(_learn_campus, reason="learn from check-ins")
    now = timezone.now()
    in_each_campus(partial(drift_measure, now=now), reason="measure the drift of faces")
    return learned


def _learn_campus(campus: Campus) -> int:
    """Each check-in by itself: a student's row is held while the photo is read and stored."""
    now = timezone.now()
    with campus_scope(campus):
        strong = strong_check_ins(now=now)
    return each_apart(campus, strong, partial(_learn, now))


def _learn(now: datetime, strong: tuple[UUID, float]) -> bool:
    attempt_id, distance = strong
    return check_in_learn(attempt_id=attempt_id, distance=distance, now=now)
