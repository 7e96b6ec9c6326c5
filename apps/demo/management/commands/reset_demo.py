"""`manage.py reset_demo`: the demo campus away, and made anew."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.demo.loader.load import ACTOR, demo_campus
from apps.moving.removal import campus_remove, removal_ask
from apps.tenants.models import Campus, CampusRemoval


class Command(CampusCommand):
    help = (
        "Delete the demo campus with everything that was done in it, load it anew, read it back, "
        "and print new sign-ins. Needs the owner's role, which development settings have. "
        "Production settings do not install it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", default="demo", help="Short name of the demo campus.")
        parser.add_argument(
            "--address", default="http://localhost:8000/", help="Where the web server answers."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = demo_campus(slug=options["campus"])
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        hosts = self._remove(campus) if campus is not None else []
        call_command(
            "load_demo",
            campus=options["campus"],
            address=options["address"],
            host=hosts,
            reset_passwords=True,
            stdout=self.stdout,
            no_color=options["no_color"],
        )

    def _remove(self, campus: Campus) -> list[str]:
        """The host names that led to it."""
        now = timezone.now()
        hosts = list(campus.domains.values_list("host", flat=True))
        if not CampusRemoval.objects.filter(campus=campus).exists():
            removal_ask(campus=campus, waiting=timedelta(0), now=now, actor=ACTOR)
        removed = campus_remove(slug=campus.slug, now=now, actor=ACTOR, at_once=True)
        rows = sum(removed.rows.values())
        self.stdout.write(f"{campus}: {rows} rows and {removed.objects} images deleted.")
        return hosts
