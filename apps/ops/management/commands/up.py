"""`manage.py up`: the whole platform in one terminal."""

from argparse import ArgumentParser, BooleanOptionalAction
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.ops.bringup import UpOptions, bring_up
from apps.processes.embedded import EmbeddedError


class Command(CampusCommand):
    help = (
        "Start PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others), the web "
        "server, the workers and the scheduler, and run them until Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=8000, help="Port to listen on.")
        parser.add_argument("--demo", action="store_true", help="Load the demo campus first.")
        parser.add_argument(
            "--phones",
            action=BooleanOptionalAction,
            help="Also listen on the next port for phones in the same network, by HTTPS with a "
            "certificate made here. On with --demo.",
        )
        parser.add_argument(
            "--services-only", action="store_true", help="Start PostgreSQL and Valkey only."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = UpOptions(
            host=options["host"],
            port=options["port"],
            demo=options["demo"],
            phones=options["demo"] if options["phones"] is None else options["phones"],
            routine=options["verbosity"] > 1,
            services_only=options["services_only"],
        )
        try:
            bring_up(options=chosen, stream=self.stdout, now=timezone.now())
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
