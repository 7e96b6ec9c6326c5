"""`manage.py sync_oneroster --campus SLUG`: read the campus's OneRoster service from the shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.accounts.writes import PLATFORM
from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.oneroster.models import OneRosterConnection, OneRosterRun
from apps.oneroster.selectors import running
from apps.oneroster.services.jobs import run_work
from apps.oneroster.services.runs import run_make
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

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
        with tqdm(desc="oneroster", unit="rows") as bar, campus_scope(campus):

            def report_progress(done: int, total: int, phase: str) -> None:
                bar.total, bar.n = total, done
                bar.set_postfix_str(phase)

            connection = OneRosterConnection.objects.first()
            if connection is None:
                raise CommandError("This campus has no OneRoster service.")
            if running(connection).exists():
                raise CommandError("This service is being read. Wait until that ends.")
            now = timezone.now()
            run = run_make(
                connection,
                commit=options["commit"],
                full=options["full"],
                user_id=None,
                by_person=False,
                now=now,
            )
            run_work(
                run,
                writer=PLATFORM,
                actor=Actor(label="command"),
                now=now,
                report_progress=report_progress,
            )
        self._print(run)

    def _print(self, run: OneRosterRun) -> None:
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
