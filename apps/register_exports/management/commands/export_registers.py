"""`manage.py export_registers --campus SLUG`: the export of registers from the shell."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.jobs.tasks import execute_job
from apps.register_exports.models import RegisterExport, WarehouseSetting
from apps.register_exports.services import export_start
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

ACTOR = Actor(label="manage.py export_registers")
Status = RegisterExport.Status


class Command(CampusCommand):
    help = "Export a campus's registers to its place: what changed since the last export."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", required=True, help="short name of the campus")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--since", type=_moment, help="what changed since: 2026-09-01T00:00Z")
        which.add_argument("--full", action="store_true", help="everything")
        parser.add_argument(
            "--format", choices=WarehouseSetting.Format.values, help="else as the campus set it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
            export = self._start(campus, options)
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        assert export.job_id is not None
        with tqdm(desc=campus.slug, unit="file", leave=False, disable=None) as bar:

            def watch(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            execute_job(campus.pk, export.job_id, watch=watch)
        with campus_scope(campus):
            export.refresh_from_db()
        self._print(export)

    def _start(self, campus: Campus, options: dict[str, Any]) -> RegisterExport:
        with campus_scope(campus):
            return export_start(
                full=options["full"],
                since=options["since"],
                file_format=options["format"] or "",
                user_id=None,
                now=timezone.now(),
                actor=ACTOR,
            )

    def _print(self, export: RegisterExport) -> None:
        if export.status == Status.RUNNING:  # a worker was there first
            self.stdout.write("A worker writes it. The administration says how far it is.")
            return
        if export.status == Status.FAILED:
            raise CommandError(f"Nothing counts of it. {export.problem}")
        for one in export.manifest["files"]:
            self.stdout.write(f"{one['name']}: {one['rows']} rows, {one['bytes']} bytes")
        kind = "Everything" if export.since is None else f"Changes since {export.since:%F %H:%M}Z"
        self.stdout.write(f"{kind}, at {export.target}.")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
