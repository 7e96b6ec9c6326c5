"""`manage.py verify_audit`: recompute the audit chains and name the first broken entry."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit.services import seal_pending, verify
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug, every_campus


class Command(BaseCommand):
    help = "Verify the tamper-evident audit chain of one campus or of all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campus", metavar="SLUG", help="Only this campus.")
        parser.add_argument(
            "--expect",
            type=int,
            metavar="N",
            help="Length that was noted elsewhere: fail when entries are missing at the end.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["campus"]
        campuses = (
            [campus_by_slug(slug=slug)] if slug else list(every_campus(reason="verify_audit"))
        )
        if options["expect"] is not None and not slug:
            raise CommandError("--expect needs --campus: each campus has a chain of its own.")
        broken = [c for c in campuses if not self._verify(c, expected_length=options["expect"])]
        if broken:
            raise CommandError(f"{len(broken)} of {len(campuses)} chains do not hold.")

    def _verify(self, campus: Campus, *, expected_length: int | None) -> bool:
        with campus_scope(campus):
            outcome = verify(expected_length=expected_length)
            if outcome.holds:
                while seal_pending():
                    pass
                outcome = verify(expected_length=expected_length)
        if outcome.holds:
            text = f"{campus.slug}: {outcome.sealed} entries, chain holds."
            self.stdout.write(self.style.SUCCESS(text))
        else:
            self.stdout.write(self.style.ERROR(f"{campus.slug}: {outcome.broken}."))
        return outcome.holds
