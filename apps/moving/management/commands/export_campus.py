"""`manage.py export_campus`: one campus with all that it has, for another installation."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.moving.archive import lock_of
from apps.moving.exporting import campus_export
from apps.moving.management.passphrases import passphrase_from
from apps.moving.plain import people_export
from apps.signin.management.operator import command_line_actor
from apps.tenants.models import Campus


class Command(CampusCommand):
    help = (
        "Export a campus: rows of all its tables, images and files, as of one moment, sealed under "
        "a passphrase or BACKUP_KEY. manage.py import_campus takes it in elsewhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campus", help="its short name; closed campuses too")
        parser.add_argument(
            "--to", default="", help="a folder, s3://bucket/folder, or a file name.campus"
        )
        parser.add_argument("--passphrase-file", help="of at least 15 characters; - reads a line")
        parser.add_argument(
            "--broken-log", action="store_true", help="even if the audit log does not hold"
        )
        parser.add_argument(
            "--plain-json",
            metavar="FILE",
            help="instead: students, teachers and users as readable JSON, not sealed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        campus = Campus.objects.filter(slug=options["campus"]).first()
        if campus is None:
            raise CommandError(f"There is no campus “{options['campus']}”.")
        now, actor = timezone.now(), command_line_actor()
        if options["plain_json"]:
            counts = people_export(campus=campus, to=options["plain_json"], now=now, actor=actor)
            named = ", ".join(f"{count} {name}" for name, count in counts.items())
            self.stdout.write(f"{named} in {options['plain_json']}, which is not sealed.")
            return
        made = campus_export(
            campus=campus,
            to=options["to"] or settings.BACKUP_TO,
            lock=lock_of(passphrase_from(options["passphrase_file"])),
            broken_log=options["broken_log"],
            now=now,
            actor=actor,
        )
        self.stdout.write(
            f"{made.place}: {len(made.tables)} tables with {made.rows} rows, {made.files} files."
        )
        for table, rows in made.stays.items():
            if rows:
                self.stdout.write(f"Not moved: {rows} rows of {table}.")
        for key in made.missing:
            self.stdout.write(self.style.WARNING(f"Missing or damaged, not moved: {key}"))
        for problem in made.log["problems"]:
            self.stdout.write(self.style.WARNING(f"Audit log: {problem}"))
