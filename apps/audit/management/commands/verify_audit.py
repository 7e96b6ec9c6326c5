"""`manage.py verify_audit`: recompute the audit chains and name everything that does not hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.audit import offline
from apps.audit.digests import PLATFORM_CHAIN
from apps.audit.services import Verification, entered, export_log, put_aside, seal_pending, verify
from apps.audit.services.chains import chain_name, every_log_owner
from apps.common.commands import CampusCommand
from apps.tenants.models import Campus


class Command(CampusCommand):
    help = "Verify the tamper-evident audit chains of the campuses and of the platform."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--campus", metavar="SLUG", help=f"Only this campus; {PLATFORM_CHAIN}: the platform."
        )
        parser.add_argument(
            "--expect",
            type=int,
            metavar="N",
            help="Length that was noted elsewhere: fail when entries are missing at the end.",
        )
        parser.add_argument(
            "--set-aside",
            type=int,
            default=0,
            metavar="N",
            help="How many entries put aside were looked into: fail when there are others.",
        )
        parser.add_argument(
            "--put-aside",
            action="store_true",
            help="Put aside the sealed entries that do not fit their MAC, so that the chain goes "
            "on. They stay where they are, named.",
        )
        parser.add_argument("--export", metavar="FILE", help="Write the logs to this file.")
        parser.add_argument(
            "--offline",
            metavar="FILE",
            help="Check such a file instead, with neither database nor master key.",
        )
        parser.add_argument(
            "--roots", metavar="FOLDER", help="With --offline: roots that were kept elsewhere."
        )
        parser.add_argument(
            "--public-key", default="", metavar="HEX", help="With --offline: of the roots."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["offline"]:
            self._offline(**options)
            return
        one = bool(options["campus"])
        if (options["expect"] is not None or options["set_aside"]) and not one:
            raise CommandError("--expect and --set-aside need --campus: each has its own chain.")
        if options["export"]:
            self._export(options["export"], options["campus"])
            return
        owners = list(self._owners(options["campus"]))
        broken = [owner for owner in owners if not self._verified(owner, options)]
        if broken:
            raise CommandError(f"{len(broken)} of {len(owners)} chains do not hold.")

    @staticmethod
    def _owners(name: str | None) -> Iterator[Campus | None]:
        found = False
        for owner in every_log_owner(reason="verify_audit"):
            if not name or chain_name(owner) == name:
                found = True
                yield owner
        if not found:
            raise CommandError(f"No campus “{name}”.")

    def _verified(self, owner: Campus | None, options: dict[str, Any]) -> bool:
        name, length = chain_name(owner), options["expect"]
        with entered(owner) as log:
            before = verify(expected_length=length, log=log)
            if options["put_aside"]:
                put_aside(entries=before.broken_entries, now=timezone.now(), log=log)
            for late in (True, False):
                while seal_pending(now=timezone.now(), log=log, late=late):
                    pass
            outcome = verify(expected_length=length, log=log)
            if not options["put_aside"]:
                # What sealing puts aside was found just now: it is news, not something known.
                outcome.problems = before.problems + [
                    problem for problem in outcome.problems if problem not in before.problems
                ]
        self._show(name, outcome)
        return outcome.holds and len(outcome.set_aside) <= options["set_aside"]

    def _show(self, name: str, outcome: Verification) -> None:
        for problem in outcome.problems:
            self.stdout.write(self.style.ERROR(f"{name}: {problem}."))
        for entry in outcome.set_aside:
            self.stdout.write(self.style.WARNING(f"{name}: put aside, {entry}."))
        if outcome.holds:
            text = f"{name}: {outcome.sealed} entries, chain holds."
            self.stdout.write(self.style.SUCCESS(text))

    def _export(self, path: str, name: str | None) -> None:
        lines = 0
        with Path(path).open("x", encoding="utf-8") as file:
            for owner in self._owners(name):
                for line in export_log(campus=owner, now=timezone.now()):
                    file.write(line)
                    lines += 1
        self.stdout.write(f"{path}: {lines} lines.")

    def _offline(self, **options: Any) -> None:
        try:
            problems = offline.check_export(
                path=options["offline"],
                roots=options["roots"],
                public_key=options["public_key"],
                say=self.stdout.write,
            )
        except (offline.UnreadableExport, OSError) as error:
            raise CommandError(str(error)) from error
        if problems:
            raise CommandError(f"{problems} problems were found.")
        self.stdout.write(self.style.SUCCESS("Everything that was checked holds."))
