"""The nightly readings; old ones are forgotten; punches in new rooms are matched."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from apps.tenants.tasks import CampusTask, in_each_campus
from apps.timetable_feeds.services import nightly_start, runs_purge, scans_match


@shared_task
def read_feeds() -> int:
    """Queue a job for each; returns how many."""
    return in_each_campus(partial(nightly_start, now=timezone.now()), reason="read timetable feeds")


@shared_task
def purge_runs() -> int:
    return in_each_campus(
        partial(runs_purge, now=timezone.now()), reason="forget old readings of timetable feeds"
    )


@shared_task(base=CampusTask)
def match_scans(rooms: list[int]) -> int:
    return scans_match(rooms=rooms, now=timezone.now())
