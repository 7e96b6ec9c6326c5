"""The life of a reading: started, looked at, and saved, refused or waiting for a person."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.errors import Invalid, Refused
from apps.jobs.services import job_start
from apps.timetable_feeds.models import READ, FeedRun, TimetableFeed
from apps.timetable_feeds.selectors import LARGEST, running, sealed_file

KEPT: Final = timedelta(days=90)
Status = FeedRun.Status


@transaction.atomic
def run_start(
    *,
    feed: TimetableFeed,
    commit: bool,
    user_id: int | None,
    now: datetime,
    actor: Actor,
    filename: str = "",
    data: bytes | None = None,
) -> FeedRun:
    """Queue a reading of the feed's address, or of this file.

    Raises `Refused` (already_running) and `Invalid` (no_source, file_too_large).
    """
    locked = TimetableFeed.objects.select_for_update().get(pk=feed.pk)
    if running(locked).exists():
        raise Refused("already_running", _("This feed is being read. Wait until that ends."))
    if data is None and not locked.url:
        raise Invalid("no_source", _("This feed has no address. Upload a file."))
    if data is not None and len(data) > LARGEST:
        message = _("Files of up to %(mb)d MB can be read.")
        raise Invalid("file_too_large", message % {"mb": LARGEST >> 20})
    FeedRun.objects.filter(feed=locked, status=Status.RUNNING).update(  # their jobs were cancelled
        status=Status.FAILED,
        problem=_("Ended before it was done."),
        finished_at=now,
        sealed_file=None,
    )
    run = FeedRun(
        feed=locked,
        commit=commit,
        filename=filename[:200],
        created_by_id=user_id,
        created_at=now,
    )
    if data is not None:
        run.sealed_file = sealed_file(run, data)
    run.save(force_insert=True)
    _queue(run, user_id, now)
    data_said = {"commit": commit, "file": run.filename}
    log_event(actor=actor, action="timetable.feed.read", now=now, target=run, data=data_said)
    return run


def _queue(run: FeedRun, user_id: int | None, now: datetime) -> None:
    run.job = job_start(
        kind=READ,
        title=_("Read %(feed)s") % {"feed": run.feed.name},
        params={"run": str(run.pk), "by_person": user_id is not None},
        user_id=user_id,
        now=now,
    )
    run.save(update_fields=["job"])


@transaction.atomic
def run_confirm(
    *, run: FeedRun, missing: int, user_id: int | None, now: datetime, actor: Actor
) -> FeedRun:
    """Save what was shown; should more be missing by then, it waits again.

    `missing`: how many the caller saw. Raises `Refused` (not_waiting, already_running).
    """
    feed = TimetableFeed.objects.select_for_update().get(pk=run.feed_id)
    if running(feed).exists():
        raise Refused("already_running", _("This feed is being read. Wait until that ends."))
    waiting = FeedRun.objects.filter(
        pk=run.pk, status__in=(Status.CHECKED, Status.WAITING), missing=missing
    ).exclude(sealed_file=None)
    if not waiting.update(status=Status.RUNNING, commit=True, confirmed=missing, finished_at=None):
        raise Refused("not_waiting", _("This reading does not wait any more. Look at the latest."))
    run.refresh_from_db()
    _queue(run, user_id, now)
    log_event(
        actor=actor,
        action="timetable.feed.confirmed",
        now=now,
        target=run,
        data={"missing": missing},
    )
    return run


@transaction.atomic
def run_refuse(*, run: FeedRun, now: datetime, actor: Actor) -> FeedRun:
    """Nothing of it is saved, and its file is forgotten. Raises `Refused` (not_waiting)."""
    waiting = FeedRun.objects.filter(pk=run.pk, status__in=(Status.CHECKED, Status.WAITING))
    if not waiting.update(status=Status.REFUSED, sealed_file=None):
        raise Refused("not_waiting", _("This reading does not wait any more. Look at the latest."))
    run.refresh_from_db()
    log_event(actor=actor, action="timetable.feed.refused", now=now, target=run)
    return run


def nightly_start(*, now: datetime) -> int:
    """Queue the nightly readings of the entered campus; returns how many."""
    done = 0
    for feed in TimetableFeed.objects.filter(is_nightly=True, is_active=True).exclude(url=""):
        if not running(feed).exists():
            run_start(feed=feed, commit=True, user_id=None, now=now, actor=SYSTEM)
            done += 1
    return done


def runs_purge(*, now: datetime) -> int:
    """Forget old readings; what they did stays in the audit log."""
    return FeedRun.objects.filter(created_at__lt=now - KEPT).delete()[0]
