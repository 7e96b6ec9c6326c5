"""`manage.py schema`: what the database lacks of its schema."""

from argparse import ArgumentParser
from typing import Any

from django.db import connections

from apps.common.commands import CampusCommand
from apps.tenants.management.commands.migrate import OWNER
from apps.tenants.schema import LIST, confirm_schema, objects


class Command(CampusCommand):
    help = "Compare the database with the list of everything that the migrations make."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--write",
            action="store_true",
            help="Write the list anew from this database: after a migration was added.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            lines = objects(connections[OWNER])
            LIST.write_text("".join(f"{line}\n" for line in lines))
            self.stdout.write(f"{len(lines)} objects are in {LIST.name}.")
            return
        confirm_schema(OWNER)
        self.stdout.write("The schema is complete.")
