"""What is sealed of feeds and readings, what a feed said last, and whose courses are a feed's."""

import zlib
from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db.models import Count, Q, QuerySet

from apps.attendance.models import AttendanceRecord
from apps.common.crypto import SealBroken, seal, unseal
from apps.jobs.models import Job
from apps.tenants.scope import current_campus_id
from apps.timetable_feeds.models import FeedMeeting, FeedRun, TimetableFeed

HEADER_SEAL: Final = "timetable-feed-header"
FILE_SEAL: Final = "timetable-feed-file"
LARGEST: Final = 20 << 20  # bytes of a file


def sealed_header(feed: TimetableFeed, value: str) -> bytes:
    return seal(HEADER_SEAL, current_campus_id(), value.encode(), context=str(feed.pk).encode())


def header_value(feed: TimetableFeed) -> str | None:
    """ "" where there is none; None where it cannot be opened any more."""
    if not feed.sealed_header:
        return ""
    value, context = bytes(feed.sealed_header), str(feed.pk).encode()
    try:
        return unseal(HEADER_SEAL, current_campus_id(), value, context=context).decode()
    except SealBroken:
        return None


def sealed_file(run: FeedRun, data: bytes) -> bytes:
    """Packed first: timetables are text."""
    packed = zlib.compress(data, 6)
    return seal(FILE_SEAL, current_campus_id(), packed, context=str(run.pk).encode())


def file_of(run: FeedRun) -> bytes | None:
    """None where nothing is kept, or it cannot be opened any more."""
    if not run.sealed_file:
        return None
    value, context = bytes(run.sealed_file), str(run.pk).encode()
    try:
        packed = unseal(FILE_SEAL, current_campus_id(), value, context=context)
    except SealBroken:
        return None
    return zlib.decompressobj().decompress(packed, LARGEST)


def meetings_within(
    feed: TimetableFeed, *, first: datetime, last: datetime
) -> QuerySet[FeedMeeting]:
    """What it said last of the time from `first` until before `last`, with the sessions here."""
    found = FeedMeeting.objects.filter(feed=feed, starts_at__gte=first, starts_at__lt=last)
    related = ("course__subject", "course__section", "classroom__building", "faculty")
    of_session = ("course", "classroom__building", "faculty")
    return (
        found.select_related(*related, *(f"session__{name}" for name in of_session))
        .prefetch_related("session__courses")
        .order_by("starts_at", "pk")
    )


def marks_of(*, session_ids: Collection[int]) -> dict[int, int]:
    """How many marks each of these sessions has; those with none are left out."""
    found = AttendanceRecord.objects.filter(session__in=session_ids).order_by()
    return dict(found.values_list("session_id").annotate(number=Count("pk")))


def courses_of_feeds() -> set[int]:
    """The courses that an active feed plans: those that it named in what was saved."""
    found = FeedMeeting.objects.filter(feed__is_active=True, feed__accepted_at__isnull=False)
    return set(found.order_by().values_list("course_id", flat=True).distinct())


def courses_of_others(feed: TimetableFeed) -> dict[int, str]:
    """The courses that another active feed plans, with its name."""
    others = FeedMeeting.objects.filter(feed__is_active=True).exclude(feed=feed).order_by()
    return dict(others.values_list("course_id", "feed__name").distinct())


def running(feed: TimetableFeed) -> QuerySet[FeedRun]:
    """Readings that a worker still has to do, or does."""
    unfinished = Q(job__status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    return FeedRun.objects.filter(unfinished, feed=feed, status=FeedRun.Status.RUNNING)


def runs_to_look_at() -> list[FeedRun]:
    """Of each active feed the latest reading that was to be saved, where it waits or failed."""
    latest: dict[object, FeedRun] = {}
    runs = FeedRun.objects.filter(commit=True, feed__is_active=True).defer("sealed_file")
    for run in (
        runs.select_related("feed").order_by("feed_id", "-created_at", "-id").distinct("feed_id")
    ):
        latest[run.feed_id] = run
    needs_somebody = (FeedRun.Status.WAITING, FeedRun.Status.FAILED)
    return [run for run in latest.values() if run.status in needs_somebody]
