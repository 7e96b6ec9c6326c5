"""`manage.py backup`: database, images and files, sealed, to a folder or to S3."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from apps.backup.making import backup_make, ship_log, ship_objects
from apps.backup.manifests import FULL, INCREMENTAL, good_backups
from apps.backup.retention import backups_expire
from apps.backup.targets import target_from
from apps.common.commands import CampusCommand


class Command(CampusCommand):
    help = (
        "Back up the database and all images and files, sealed under BACKUP_KEY. Without --full or "
        "--incremental: what changed, where a full backup of the last week is there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", default="", help="A folder or s3://bucket/folder (BACKUP_TO).")
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument("--full", action="store_const", const=FULL, dest="kind")
        kind.add_argument("--incremental", action="store_const", const=INCREMENTAL, dest="kind")
        kind.add_argument("--list", action="store_true", help="Only list the backups there.")
        kind.add_argument(
            "--ship",
            action="store_true",
            help="Only what came since the last backup: segments of the log, images.",
        )
        kind.add_argument(
            "--expire",
            action="store_true",
            help="Only delete what is older than BACKUP_KEEP_DAYS.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        target = target_from(options["to"] or settings.BACKUP_TO)
        now = timezone.now()
        if options["list"]:
            good, wrong = good_backups(target)
            for one in good:
                self.stdout.write(
                    f"{one.id}  {one.finished_at}  {one.rows} rows, {one.objects} objects, "
                    f"{one.size / 1e6:.1f} MB"
                )
            for problem in wrong:
                self.stdout.write(self.style.ERROR(problem))
        elif options["ship"]:
            segments = ship_log(target=target)
            objects = ship_objects(target=target, now=now)
            self.stdout.write(f"Shipped: {segments} segments of the log, {objects} objects.")
        elif options["expire"]:
            gone = backups_expire(target=target, keep_days=settings.BACKUP_KEEP_DAYS, now=now)
            self.stdout.write(
                f"Deleted: {len(gone.backups)} backups, {gone.segments} segments of the log, "
                f"{gone.objects} objects."
            )
        else:
            made = backup_make(target=target, kind=options["kind"], now=now)
            self.stdout.write(
                f"{made.id}: {made.tables} tables with {made.rows} rows, {made.objects} objects, "
                f"{made.size / 1e6:.1f} MB in {target.label}."
            )
