"""`manage.py verify_backup`: read a backup through, and restore it for a trial if wanted."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.backup.making import workspace
from apps.backup.manifests import LATEST
from apps.backup.restoring import choose, proof
from apps.backup.targets import target_from
from apps.backup.verifying import backup_verify
from apps.common.commands import CampusCommand


class Command(CampusCommand):
    help = "Read every byte of a backup, of those it builds on and of its images."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", nargs="?", default=LATEST, help="Its id; the newest if none.")
        parser.add_argument("--from", dest="place", default="", help="Where it is (BACKUP_TO).")
        parser.add_argument(
            "--quick", action="store_true", help="Only whether every file is there, with its size."
        )
        parser.add_argument(
            "--restore",
            action="store_true",
            help="Also restore the database into a scratch folder and compare every table.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        target = target_from(options["place"] or settings.BACKUP_TO)
        wanted = choose(target, backup=options["backup"], moment=None)
        checked = backup_verify(target=target, manifest=wanted.manifest, quick=options["quick"])
        problems = list(checked.wrong)
        self.stdout.write(
            f"{wanted.manifest.id}: {checked.files} files of {checked.backups} backups and "
            f"{checked.objects} objects looked at."
        )
        if options["restore"] and not problems:
            with workspace() as work:
                problems += proof(target=target, wanted=wanted, work=work)
            self.stdout.write(f"Restored for a trial: {wanted.manifest.rows} rows compared.")
        if problems:
            raise CommandError("\n".join([f"{len(problems)} problems:", *problems]))
        self.stdout.write(self.style.SUCCESS("It is as it was written."))
