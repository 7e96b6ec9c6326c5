"""`manage.py doctor`: what is well, what is not, and what to do about it."""

import json
import sys
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.ops.diagnosis import FAIL, LEVELS, OK, WARN, Look, check_names, diagnose, worst


class Command(CampusCommand):
    help = (
        "Look at the database, keys, what they sealed, image store, workers, queues, providers, "
        "backups, certificates. Exit status 1 where something fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("checks", nargs="*", choices=[[], *check_names()], default=[])
        parser.add_argument("--all", action="store_true", help="every sealed row and file")
        parser.add_argument("--quick", action="store_true", help="nothing that takes seconds")
        parser.add_argument("--json", action="store_true", help="one JSON object")
        parser.add_argument(
            "--fail-on", choices=[WARN, FAIL], default=FAIL, help="exit with 1 from here on"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        look = Look(now=timezone.now(), everything=options["all"])
        found = diagnose(look, names=options["checks"], quick=options["quick"])
        status = worst(found)
        if options["json"]:
            body = {"status": status, "checks": [one.as_json() for one in found]}
            self.stdout.write(json.dumps(body, indent=2, ensure_ascii=False))
        else:
            styles = {OK: self.style.SUCCESS, WARN: self.style.WARNING, FAIL: self.style.ERROR}
            for one in found:
                self.stdout.write(f"{styles[one.level](f'{one.level:4}')} {one.check}: {one.text}")
                if one.advice:
                    self.stdout.write(f"     {one.advice}")
        if LEVELS.index(status) >= LEVELS.index(options["fail_on"]):
            sys.exit(1)
