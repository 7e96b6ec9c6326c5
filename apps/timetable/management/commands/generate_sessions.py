"""`manage.py generate_sessions`: make the sessions of the weekly slots, now."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug
from apps.timetable.services import GenerationResult, sessions_generate

ACTOR = Actor(label="generate_sessions")


class Command(CampusCommand):
    help = "Make the sessions of a campus's weekly slots. A second run makes nothing twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", metavar="SLUG", required=True, help="Its short name.")
        for name, dest in (("--from", "first"), ("--to", "last")):
            parser.add_argument(
                name, dest=dest, type=date.fromisoformat, required=True, metavar="YYYY-MM-DD"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
            with campus_scope(campus):
                result = sessions_generate(
                    first=options["first"], last=options["last"], now=timezone.now(), actor=ACTOR
                )
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self._tell(result)

    def _tell(self, result: GenerationResult) -> None:
        for clash in result.clashes:
            self.stdout.write(self.style.WARNING(f"{clash.on} {clash.course}: {clash.message}"))
        for warning in result.warnings:
            self.stdout.write(self.style.WARNING(str(warning)))
        self.stdout.write(
            self.style.SUCCESS(
                f"{result.created} sessions made, {result.existing} were there, "
                f"{result.skipped_holiday} fall on holidays, {len(result.clashes)} clash."
            )
        )
