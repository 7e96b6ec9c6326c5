"""`manage.py export_person NUMBER --campus SLUG --to FILE`: a person's data as a ZIP."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit.services import Actor
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.privacy.selectors import person_numbered
from apps.privacy.services import person_export
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

ACTOR = Actor(label="export_person")


class Command(CampusCommand):
    help = "Write everything that a campus keeps of one person to a ZIP."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", help="of a student or faculty member, or an e-mail address")
        parser.add_argument("--campus", metavar="SLUG", required=True, help="its short name")
        parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="the ZIP")
        parser.add_argument(
            "--own", action="store_true", help="with the account: hand it to the person alone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with campus_scope(campus_by_slug(slug=options["campus"])):
                person = person_numbered(number=options["number"])
                data = person_export(
                    person=person, own=options["own"], now=timezone.now(), actor=ACTOR
                )
                with options["to"].open("xb") as file:
                    options["to"].chmod(0o600)
                    file.write(data)
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        except OSError as error:
            raise CommandError(f"{options['to']} cannot be written: {error.strerror}.") from error
        self.stdout.write(self.style.SUCCESS(f"{len(data):,} bytes in {options['to']}."))
