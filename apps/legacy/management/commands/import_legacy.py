"""`manage.py import_legacy SYSTEM SOURCE --campus SLUG`: move an old system's data in."""

import os
import sys
from argparse import ArgumentParser
from contextlib import AbstractContextManager
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.enrollments.models import Term
from apps.legacy.services import legacy_import
from apps.legacy.systems import SYSTEMS
from apps.old_databases import OldData, is_address, server_open, source_open
from apps.reconciliation.rendering import report_as, report_text
from apps.reconciliation.report import Report
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

UNEXPLAINED: Final = 3  # exit status; 1 is a source that cannot be read
VARIABLE: Final = "OLD_DATABASE_PASSWORD"


class Command(CampusCommand):
    help = "Move an old system's data into a campus: a dry run by default, saved with --commit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("system", choices=list(SYSTEMS))
        parser.add_argument(
            "source",
            help="database file, dump, JSON file or folder; or the address of a live database, "
            f"postgresql://… or mysql://…, its password in {VARIABLE}",
        )
        parser.add_argument("--campus", required=True, help="short name of the campus")
        parser.add_argument("--commit", action="store_true", help="save what the dry run showed")
        parser.add_argument("--report", type=Path, help="also write it to .json, .html or .txt")
        parser.add_argument("--folder", type=Path, help="where the files are that rows name")
        parser.add_argument(
            "--ask-password", action="store_true", help="ask for the password of the database"
        )
        parser.add_argument("--term", type=int, help="id of the term that all registers are in")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
            with self._source(options) as old, campus_scope(campus):
                report = self._run(old, options)
        except Refused as refused:
            raise CommandError(str(refused.message)) from refused
        self.stdout.write(report_text(report))
        if options["report"]:
            self._write(report, options["report"])
        if report.unexplained:
            sys.exit(UNEXPLAINED)

    def _source(self, options: dict[str, Any]) -> AbstractContextManager[OldData]:
        """Nobody else on this machine sees a password that is asked for, or in the environment."""
        source, folder = str(options["source"]), options["folder"]
        if not is_address(source):
            return source_open(Path(source), folder=folder)
        password = os.environ.get(VARIABLE)
        if options["ask_password"]:
            password = getpass("Password of the database: ")
        return server_open(source, password=password, folder=folder)

    def _run(self, old: OldData, options: dict[str, Any]) -> Report:
        term = None
        if options["term"]:
            term = Term.objects.filter(pk=options["term"]).first()
            if term is None:
                raise CommandError(f"There is no term {options['term']}.")
        return legacy_import(
            system=options["system"],
            old=old,
            term=term,
            now=timezone.now(),
            actor=Actor(label="command"),
            dry=not options["commit"],
            tell=lambda phase: self.stderr.write(phase),
        )

    def _write(self, report: Report, path: Path) -> None:
        try:
            path.write_text(report_as(report, path))
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"The report is in {path}.")
