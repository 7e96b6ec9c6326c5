"""`manage.py restore`: a database and its images from a backup."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.backup.making import workspace
from apps.backup.manifests import LATEST
from apps.backup.restoring import Restored, choose, restore_into_database, restore_into_var
from apps.backup.targets import target_from
from apps.common.commands import CampusCommand

DATABASES = ("postgresql://", "postgres://")


class Command(CampusCommand):
    help = (
        "Restore a backup: the embedded PostgreSQL and the images of CAMPUS_VAR (or of --into), or "
        "a dump into an empty database. Everything is compared with what the backup recorded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", help="Its id, or “latest”; `manage.py backup --list`.")
        parser.add_argument("--from", dest="place", default="", help="Where it is (BACKUP_TO).")
        parser.add_argument(
            "--to-time",
            help="A moment after the backup, like 2026-11-28T09:30:00+01:00 (UTC without a zone), "
            "or “latest” for all that was shipped.",
        )
        parser.add_argument("--into", help="A folder like CAMPUS_VAR, or postgresql://….")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="Where a database is there already: keep it as postgres.before-<time>.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        target = target_from(options["place"] or settings.BACKUP_TO)
        moment = moment_of(options["to_time"])
        wanted = choose(target, backup=options["backup"], moment=moment)
        self.stdout.write(f"Restoring {wanted.manifest.id} from {target.label}.")
        into = options["into"] or str(settings.CAMPUS_VAR)
        if into.startswith(DATABASES):
            with workspace() as work:
                outcome = restore_into_database(
                    target=target, wanted=wanted, url=into, say=self.stdout.write, work=work
                )
        else:
            outcome = restore_into_var(
                target=target,
                wanted=wanted,
                var=Path(into).expanduser().resolve(),
                replace=options["replace"],
                now=timezone.now(),
                say=self.stdout.write,
            )
        self._report(outcome)

    def _report(self, outcome: Restored) -> None:
        self.stdout.write(
            f"Restored: {outcome.tables} tables with {outcome.rows} rows, "
            f"{outcome.objects} objects."
        )
        if outcome.wrong:
            raise CommandError("\n".join(["It is not what the backup recorded:", *outcome.wrong]))
        self.stdout.write(
            self.style.SUCCESS("Now run `manage.py migrate` (`up` does) and `verify_audit`.")
        )


def moment_of(text: str | None) -> datetime | str | None:
    """Raises `CommandError`."""
    if text is None or text == LATEST:
        return text
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{text} is no time: write it like 2026-11-28T09:30:00+01:00.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
