"""`manage.py remove_campus`: close a campus at once, and delete all of it after a waiting time."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.backup.errors import BackupFailed
from apps.common.commands import CampusCommand
from apps.moving.removal import WAITING, campus_remove, removal_ask, removal_take_back
from apps.signin.management.operator import command_line_actor
from apps.tenants.models import Campus, CampusRemoval


class Command(CampusCommand):
    help = (
        "Remove a campus: it is closed at once, and after the waiting time everything that it has "
        "is deleted, as the owner's role. Until then --undo opens it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "campus", nargs="?", help="its short name; with --finish alone: all that are due"
        )
        parser.add_argument(
            "--days", type=int, default=WAITING.days, help="how long to wait (30; 0 to 366)"
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--undo", action="store_true", help="take the removal back")
        what.add_argument("--finish", action="store_true", help="delete it now that it is due")
        what.add_argument(
            "--at-once",
            metavar="SLUG",
            help="delete it now, before it is due; repeat its short name",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug, now, actor = options["campus"], timezone.now(), command_line_actor()
        if slug is None:
            self._finish_due(options)
            return
        if options["undo"]:
            removal_take_back(slug=slug, now=now, actor=actor)
            self.stdout.write(f"{slug} is open again.")
        elif options["finish"] or options["at_once"]:
            if options["at_once"] not in {None, slug}:
                raise CommandError("Repeat the campus's short name after --at-once.")
            self._remove(slug, at_once=bool(options["at_once"]))
        else:
            campus = Campus.objects.filter(slug=slug).first()
            if campus is None:
                raise CommandError(f"There is no campus “{slug}”.")
            waiting = timedelta(days=options["days"])
            due = removal_ask(campus=campus, waiting=waiting, now=now, actor=actor)
            self.stdout.write(f"{slug} is closed, and is removed from {due.isoformat()} on.")

    def _finish_due(self, options: dict[str, Any]) -> None:
        """For a timer of the machine: does nothing on most days."""
        if not options["finish"]:
            raise CommandError("Name the campus; --finish alone removes all that are due.")
        due = CampusRemoval.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
        slugs = list(due.values_list("campus__slug", flat=True))
        refused = []
        for slug in slugs:
            self.stdout.write(f"{slug}:")
            try:
                self._remove(slug, at_once=False)
            except BackupFailed as error:  # the others go all the same
                refused.append(str(error))
        if not slugs:
            self.stdout.write("No campus is due to be removed.")
        if refused:
            raise CommandError(" ".join(refused))

    def _remove(self, slug: str, *, at_once: bool) -> None:
        done = campus_remove(
            slug=slug, now=timezone.now(), actor=command_line_actor(), at_once=at_once
        )
        for table, rows in done.rows.items():
            if rows:
                self.stdout.write(f"{table}: {rows} rows deleted")
        self.stdout.write(
            f"{done.objects} images and files, {done.accounts} accounts deleted; {done.kept} "
            "accounts stay, which others know."
        )
        self.stdout.write(f"Proof (SHA-256, in the platform's audit log): {done.sha256}")
        self.stdout.write(
            f"Backups hold the campus until they are older than {settings.BACKUP_KEEP_DAYS} days."
        )
