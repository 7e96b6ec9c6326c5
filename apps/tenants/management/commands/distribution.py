"""`manage.py distribution`: the tables, shared out between machines by campus."""

from typing import Any

from django.core.management import CommandError, CommandParser

from apps.common.commands import CampusCommand
from apps.tenants.distribution import distribution


class Command(CampusCommand):
    help = (
        "List which tables are distributed by campus, which are copied to every machine and which "
        "triggers run on the machines; fails where the schema breaks a rule of Citus."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sql", action="store_true", help="The statements that distribute.")

    def handle(self, *_args: Any, sql: bool, **_options: Any) -> None:
        found = distribution()
        if found.obstacles:
            raise CommandError("\n".join(found.obstacles))
        if sql:
            self.stdout.write(found.sql(), ending="")
            return
        self.stdout.write(f"{len(found.distributed)} tables by campus, colocated.")
        self.stdout.write(f"On every machine: {', '.join(found.reference)}.")
        for function, tables in found.triggers.items():
            self.stdout.write(f"Trigger {function}: {', '.join(tables)}")
