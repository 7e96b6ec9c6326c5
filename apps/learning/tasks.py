"""Learning at night."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.learning.services import check_ins_learn, drift_measure
from apps.tenants.tasks import in_each_campus


@shared_task
def learn_faces() -> int:
    """Every night: what check-ins teach, and how far faces have moved; returns how many samples."""
    now = timezone.now()
    learned = in_each_campus(partial(check_ins_learn, now=now), reason="learn from check-ins")
    in_each_campus(partial(drift_measure, now=now), reason="measure the drift of faces")
    return learned
