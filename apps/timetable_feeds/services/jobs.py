"""The reading itself, by a worker or by a command: fetch, read, compare, write, remember.

The file is fetched and read before anything is locked. Everything that a reading saves is one
transaction under the planning lock; a dry run is the same, rolled back.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.writes import Writer
from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.imports.notices import reading_waits
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.sessions.selectors import campus_zone
from apps.timetable.locks import planning_lock
from apps.timetable.selectors.planning import holidays_between
from apps.timetable_feeds.models import FeedRun, TimetableFeed
from apps.timetable_feeds.reading.reader import FileProblem, period_of, read_file
from apps.timetable_feeds.reading.rows import FileRows
from apps.timetable_feeds.selectors import file_of, sealed_file
from apps.timetable_feeds.services.applying import Application
from apps.timetable_feeds.services.asking import fetch
from apps.timetable_feeds.services.comparing import FeedComparison
from apps.timetable_feeds.services.difference import FeedDifference, Line
from apps.timetable_feeds.services.directory import Directory
from apps.timetable_feeds.services.feeds import options_of
from apps.timetable_feeds.services.resolving import Coverage, Resolved, RowTrouble, resolve
from apps.timetable_feeds.services.spreadsheets import read_spreadsheet

SHOWN: Final = 500  # lines and wrong rows kept with the run
Status = FeedRun.Status
Said = Callable[[str], None]


def read(job: Job, progress: Progress) -> dict[str, Any]:
    """The job. A file that is not as it should be fails the run, not the job."""
    run = FeedRun.objects.select_related("feed__term", "feed__department").get(pk=job.params["run"])
    user = job.created_by
    if job.params["by_person"] and user is None:
        raise Refused("account_gone", _("The account that started this is gone."))
    if user is not None and not Writer(user).has("timetable_feeds.change_timetablefeed"):
        raise Refused("role_required", _("Who started this may not change timetables any more."))
    actor = Actor(label=str(user), id=f"user:{user.pk}") if user else Actor(label=run.feed.name)
    run_work(
        run,
        actor=actor,
        now=timezone.now(),  # noqa: TID251  (jobs are interfaces)
        report=lambda phase: progress.at(0, 0, phase=phase),
    )
    return {"status": run.status, "problem": run.problem}


def read_ended(job: Job, *, now: datetime) -> int:
    """A job that failed takes its run along."""
    return FeedRun.objects.filter(pk=job.params["run"], status=Status.RUNNING).update(
        status=Status.FAILED, problem=job.problem[:500], finished_at=now, sealed_file=None
    )


def run_work(run: FeedRun, *, actor: Actor, now: datetime, report: Said) -> FeedDifference | None:
    """Read, and save where the run says so; None where it failed."""
    try:
        _refuse_archived(run.feed)
        data = _data(run, report)
        report(_("reading the file"))
        found, unread = _rows(run.feed, data)
        report(_("comparing"))
        with transaction.atomic():
            return _take(run, found, unread, actor, now)
    except (FileProblem, Refused) as problem:
        run.status = Status.FAILED
        run.problem = str(getattr(problem, "message", problem))[:500]
        run.sealed_file = None
        _close(run, actor, now)
        return None


def _refuse_archived(feed: TimetableFeed) -> None:
    if feed.term.archived_at is not None:
        raise FileProblem(
            _("This term is archived: its marks, sessions and enrolments stay as they are.")
        )


def _data(run: FeedRun, report: Said) -> bytes:
    if run.sealed_file is not None:
        data = file_of(run)
        if data is None:
            raise FileProblem(_("The file that was kept cannot be read any more."))
        return data
    data = fetch(run.feed, alive=lambda: report(_("fetching")))
    run.sealed_file = sealed_file(run, data)
    return data


def _rows(feed: TimetableFeed, data: bytes) -> tuple[FileRows, list[RowTrouble]]:
    if feed.format == TimetableFeed.Format.SPREADSHEET:
        return read_spreadsheet(data)
    return read_file(feed.format, data, options_of(feed)), []


def _coverage(feed: TimetableFeed, found: FileRows) -> Coverage:
    """The feed's days, and of these the ones that the file says it covers."""
    first, last = feed.first_day, feed.last_day
    if period := period_of(found):
        first, last = max(first, period[0]), min(last, period[1])
    holidays = tuple(holidays_between(first=first, last=last))
    return Coverage(feed=feed, first=first, last=last, zone=campus_zone(), holidays=holidays)


def _take(
    run: FeedRun, found: FileRows, unread: list[RowTrouble], actor: Actor, now: datetime
) -> FeedDifference:
    planning_lock()
    feed = TimetableFeed.objects.select_for_update(of=("self",)).get(pk=run.feed_id)
    feed = TimetableFeed.objects.select_related("term", "department").get(pk=feed.pk)
    coverage = _coverage(feed, found)
    resolved = resolve(found, coverage, Directory(feed), unread=unread)
    difference = FeedComparison(coverage, resolved, now=now).execute()
    run.missing = difference.missing
    saves = run.commit and _may_save(run, feed, difference)
    with transaction.atomic():
        Application(feed, difference, zone=coverage.zone, now=now, actor=actor).execute()
        if not saves:
            transaction.set_rollback(True)
    if saves:
        _saved(run, feed, now)
    run.status = Status.SAVED if saves else Status.WAITING if run.commit else Status.CHECKED
    run.result = _report(difference, resolved, coverage) | {
        "is_first": feed.accepted_at is None or feed.accepted_at == now
    }
    run.problems = [trouble.as_json() for trouble in resolved.troubles[:SHOWN]]
    _close(run, actor, now)
    return difference


def _may_save(run: FeedRun, feed: TimetableFeed, difference: FeedDifference) -> bool:
    """The first reading of a feed, and one that is far shorter, need a person's word."""
    if run.confirmed is not None:
        return difference.missing <= run.confirmed or not difference.exceeds(feed.share)
    return feed.accepted_at is not None and not difference.exceeds(feed.share)


def _saved(run: FeedRun, feed: TimetableFeed, now: datetime) -> None:
    if feed.accepted_at is None:
        feed.accepted_at = now
        feed.save(update_fields=["accepted_at", "updated_at"])
    run.sealed_file = None
    others = FeedRun.objects.filter(feed=feed, status__in=(Status.CHECKED, Status.WAITING))
    others.exclude(pk=run.pk).update(status=Status.REPLACED, sealed_file=None)


def _report(difference: FeedDifference, resolved: Resolved, coverage: Coverage) -> dict[str, Any]:
    lines = sorted(difference.lines, key=lambda line: (line.at, line.course))
    return {
        "counts": dict(difference.counts()),
        "marks": sum(line.marks for line in lines if line.what == "stake"),
        "unchanged": difference.unchanged,
        "past": difference.past,
        "ahead": difference.ahead,
        "rows": resolved.rows,
        "wrong": len(resolved.troubles),
        "outside": resolved.outside,
        "holidays": resolved.holidays,
        "first": coverage.first.isoformat(),
        "last": coverage.last.isoformat(),
        "renamed": [[before, after] for before, after in sorted(difference.renamed.items())][
            :SHOWN
        ],
        "lines": [_line(line, coverage) for line in _most_important(lines)],
    }


def _most_important(lines: list[Line]) -> list[Line]:
    """What is new comes last where there is more than can be shown."""
    return sorted(lines, key=lambda line: line.what == "new")[:SHOWN]


def _line(line: Line, coverage: Coverage) -> dict[str, Any]:
    return {
        "what": line.what,
        "course": line.course,
        "at": f"{line.at.astimezone(coverage.zone):%Y-%m-%d %H:%M}",
        "to": line.to,
        "why": line.why,
        "marks": line.marks,
    }


def _close(run: FeedRun, actor: Actor, now: datetime) -> None:
    run.finished_at = now
    run.save()
    if run.status == Status.WAITING:
        key = f"timetable_feed:{run.pk}"
        reading_waits(source=str(run.feed), leaving=run.missing, key=key, now=now)
    data = {"missing": run.missing, "problem": run.problem, "feed": str(run.feed_id)}
    data |= {"counts": run.result.get("counts", {}), "wrong": run.result.get("wrong", 0)}
    log_event(actor=actor, action=f"timetable.feed.{run.status}", now=now, target=run, data=data)
