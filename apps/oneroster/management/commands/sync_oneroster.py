"""`manage.py sync_oneroster --campus SLUG`: read the campus's OneRoster service from the shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.jobs.tasks import execute_job
from apps.oneroster.models import OneRosterConnection, OneRosterRun
from apps.oneroster.services.runs import run_start
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

ACTOR = Actor(label="manage.py sync_oneroster")
SHOWN = 20
Status = OneRosterRun.Status


class Command(CampusCommand):
    help = "Read a campus's OneRoster service: a dry run by default, saved with --commit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", required=True, help="short name of the campus")
        parser.add_argument("--commit", action="store_true", help="save what is right")
        parser.add_argument("--full", action="store_true", help="read everything again")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        run = self._read(campus, commit=options["commit"], full=options["full"])
        self._print(run)

    def _read(self, campus: Campus, *, commit: bool, full: bool) -> OneRosterRun:
        """As a job, so that no worker reads at the same time."""
        with campus_scope(campus):
            connection = OneRosterConnection.objects.first()
            if connection is None:
                raise CommandError("This campus has no OneRoster service.")
            try:
                run = run_start(
                    connection=connection,
                    commit=commit,
                    full=full,
                    user_id=None,
                    by_person=False,
                    now=timezone.now(),
                    actor=ACTOR,
                )
            except Refused as refusal:
                raise CommandError(str(refusal.message)) from refusal
            assert run.job_id is not None
        with tqdm(desc=campus.slug, unit="row", leave=False, disable=None) as bar:

            def watch(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            execute_job(campus.pk, run.job_id, watch=watch)
        with campus_scope(campus):
            run.refresh_from_db()
        return run

    def _print(self, run: OneRosterRun) -> None:
        if run.status == Status.RUNNING:  # a worker was there first
            self.stdout.write("A worker reads it. The administration says how far it is.")
            return
        if run.status == Status.FAILED:
            raise CommandError(f"Nothing was saved. {run.problem}")
        found = run.result
        counts = ", ".join(
            f"{found[name]} {name}" for name in ("new", "changed", "unchanged", "removed", "wrong")
        )
        self.stdout.write(f"{found['rows']} rows: {counts}.")
        for note in found["notes"]:
            self.stdout.write(note)
        for row in run.problems[:SHOWN]:
            value = f"{row['column']} “{row['value']}”: " if row["column"] else ""
            self.stdout.write(f"  {row['sheet']} row {row['row']}: {value}{row['reason']}")
        if run.status == Status.WAITING:
            raise CommandError(
                f"Nothing was saved: {run.leaving} would leave. Confirm it in the administration."
            )
        is_saved = run.status == Status.SAVED
        self.stdout.write("Saved." if is_saved else "A dry run: nothing was saved. Add --commit.")
