"""`manage.py import_roster KIND FILE --campus SLUG`: an import from the shell, with progress."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.accounts.writes import PLATFORM
from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.imports.services.apply import ImportReport, read_upload, run_import
from apps.imports.types import IMPORT_TYPES, import_type_named
from apps.imports.workbooks import marked_workbook
from apps.tabular_files.tables import SheetTable
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

SHOWN = 20


class Command(CampusCommand):
    help = "Import a spreadsheet: a dry run by default, saved with --commit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=list(IMPORT_TYPES))
        parser.add_argument("file", type=Path)
        parser.add_argument("--campus", required=True, help="short name of the campus")
        parser.add_argument("--commit", action="store_true", help="save what is right")
        parser.add_argument("--replace", action="store_true", help="deactivate who is missing")
        parser.add_argument("--department")
        parser.add_argument("--year", type=int)
        parser.add_argument("--section")
        parser.add_argument("--term", type=int, help="id of the term; default: the running one")
        parser.add_argument("--marked", type=Path, help="write the table with wrong rows marked")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        try:
            report, tables = self._run(data, options)
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        self._print(report, saved=options["commit"])
        if options["marked"] and report.problems:
            options["marked"].write_bytes(marked_workbook(tables, report.problems))
            self.stdout.write(f"Wrong rows are marked in {options['marked']}.")

    def _run(self, data: bytes, options: dict[str, Any]) -> tuple[ImportReport, list[SheetTable]]:
        names = ("department", "year", "section", "term", "replace")
        chosen = {name: options[name] for name in names if options[name]}
        import_type = import_type_named(options["kind"])
        campus = campus_by_slug(slug=options["campus"])
        with tqdm(desc=options["kind"], unit="rows") as bar, campus_scope(campus):

            def report_progress(done: int, total: int, phase: str) -> None:
                bar.total, bar.n = total, done
                bar.set_postfix_str(phase)

            tables = read_upload(
                data, import_type, writer=PLATFORM, report_progress=report_progress
            )
            report = run_import(
                tables,
                import_type,
                mapping=None,
                options={**chosen, "source": hashlib.sha256(data).hexdigest()},
                now=timezone.now(),
                actor=Actor(label="command"),
                writer=PLATFORM,
                report_progress=report_progress,
                dry=not options["commit"],
            )
        return report, tables

    def _print(self, report: ImportReport, *, saved: bool) -> None:
        found = report.as_json()
        counts = ", ".join(
            f"{found[name]} {name}" for name in ("new", "changed", "unchanged", "removed", "wrong")
        )
        self.stdout.write(f"{found['rows']} rows: {counts}.")
        for note in found["notes"]:
            self.stdout.write(note)
        if found["invited"]:
            some = ", ".join(found["invited_addresses"][:SHOWN])
            self.stdout.write(f"{found['invited']} with an account elsewhere are invited: {some}.")
        for problem in report.problems[:SHOWN]:
            where = f"{problem.sheet} row {problem.row}".strip()
            what = f"{problem.column} “{problem.value}”: " if problem.column else ""
            self.stdout.write(f"  {where}: {what}{problem.reason}")
        if len(report.problems) > SHOWN:
            self.stdout.write(f"  … and {len(report.problems) - SHOWN} more (--marked FILE).")
        self.stdout.write("Saved." if saved else "A dry run: nothing was saved. Add --commit.")
