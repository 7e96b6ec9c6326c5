"""`manage.py read_timetable_feed NAME --campus SLUG [--file FILE]`: read a feed from the shell."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.jobs.tasks import execute_job
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug
from apps.timetable_feeds.models import FeedRun, TimetableFeed
from apps.timetable_feeds.services import run_start
from apps.timetable_feeds.wording import WHAT, WHY

ACTOR = Actor(label="manage.py read_timetable_feed")
SHOWN = 50
Status = FeedRun.Status


class Command(CampusCommand):
    help = "Read a timetable feed: a dry run by default, saved with --commit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the feed")
        parser.add_argument("--campus", required=True, help="short name of the campus")
        parser.add_argument("--file", type=Path, help="read this file instead of the address")
        parser.add_argument("--commit", action="store_true", help="save what is right")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
            data = options["file"].read_bytes() if options["file"] else None
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        except OSError as error:
            raise CommandError(str(error)) from error
        name = options["file"].name if options["file"] else ""
        run = self._read(campus, options["name"], name, data, commit=options["commit"])
        self._print(run)

    def _read(
        self, campus: Campus, name: str, filename: str, data: bytes | None, *, commit: bool
    ) -> FeedRun:
        """As a job, so that no worker reads at the same time."""
        with campus_scope(campus):
            feed = TimetableFeed.objects.filter(name=name).first()
            if feed is None:
                raise CommandError("This campus has no feed of that name.")
            try:
                run = run_start(
                    feed=feed,
                    commit=commit,
                    user_id=None,
                    now=timezone.now(),
                    actor=ACTOR,
                    filename=filename,
                    data=data,
                )
            except Refused as refusal:
                raise CommandError(str(refusal.message)) from refusal
            assert run.job_id is not None
        execute_job(campus.pk, run.job_id)
        with campus_scope(campus):
            run.refresh_from_db()
        return run

    def _print(self, run: FeedRun) -> None:
        if run.status == Status.RUNNING:  # a worker was there first
            self.stdout.write("A worker reads it. The administration says how far it is.")
            return
        if run.status == Status.FAILED:
            raise CommandError(f"Nothing was saved. {run.problem}")
        found = run.result
        counts = [f"{found['counts'][what]} {what}" for what in WHAT if what in found["counts"]]
        counts += [f"{found['unchanged']} as before", f"{found['wrong']} wrong rows"]
        self.stdout.write(f"{found['rows']} rows: {', '.join(counts)}.")
        for line in found["lines"][:SHOWN]:
            why = f" ({WHY.get(line['why'], line['why'])})" if line["why"] else ""
            to = f" → {line['to']}" if line["to"] else ""
            self.stdout.write(f"  {line['at']} {line['course']}: {WHAT[line['what']]}{to}{why}")
        for row in run.problems[:SHOWN]:
            self.stdout.write(f"  {row['place']} “{row['value']}”: {row['reason']}")
        if run.status == Status.WAITING:
            raise CommandError(
                f"Nothing was saved: {run.missing} of {found['ahead']} meetings are missing, or "
                "this is the first reading. Decide on it in the administration."
            )
        is_saved = run.status == Status.SAVED
        self.stdout.write("Saved." if is_saved else "A dry run: nothing was saved. Add --commit.")
