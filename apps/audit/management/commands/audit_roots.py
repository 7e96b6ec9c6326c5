"""`manage.py audit_roots`: sign the state of every audit chain and write it where it is kept."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.audit.places import configured_places
from apps.audit.services import roots_make_and_write
from apps.audit.services.roots import public_key
from apps.common.commands import CampusCommand


class Command(CampusCommand):
    help = "Make today's signed root of every audit chain, and write what some place still lacks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--public-key",
            action="store_true",
            help="Only print the key that the roots are checked with (Ed25519, hexadecimal).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["public_key"]:
            self.stdout.write(public_key().hex())
            return
        outcome = roots_make_and_write(now=timezone.now())
        places = ", ".join(place.name for place in configured_places())
        self.stdout.write(f"Roots made: {outcome.made}. Copies written: {outcome.written}.")
        if not places:
            self.stdout.write(
                self.style.WARNING(
                    "They are in the database only: set AUDIT_ROOTS_DIR, AUDIT_ROOTS_BUCKET or "
                    "AUDIT_ROOTS_MAIL."
                )
            )
        if outcome.failed:
            raise CommandError("; ".join(outcome.failed))
