"""Print the link that opens the set-up page of an empty installation."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.ops.first_hour.links import setup_link_make
from apps.signin.management.operator import command_line_actor


def default_address() -> str:
    """Where a browser reaches this installation, as far as the settings say it."""
    named = [host for host in settings.ALLOWED_HOSTS if host.strip("*.")]
    host = settings.PLATFORM_HOST or (named[0] if named else "localhost")
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{settings.PUBLIC_SCHEME}://{host}{port}"


class Command(CampusCommand):
    help = (
        "Print a link, good once and for an hour, that opens the set-up page while there is no "
        "super administrator. Links printed before are worth nothing any more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--address",
            help="where your browser reaches the platform, such as http://localhost:8000",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = setup_link_make(now=timezone.now(), actor=command_line_actor())
        except Refused as refusal:
            raise CommandError(str(refusal.message)) from refusal
        address = (options["address"] or default_address()).rstrip("/")
        path = reverse("set_up", kwargs={"token": token})
        self.stdout.write(f"{address}{path}")
