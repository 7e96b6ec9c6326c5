"""`manage.py organize_snapshots --campus SLUG`: pictures of sightings by day and person."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit.services import Actor
from apps.cameras.services.snapshots import snapshots_organize
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.tenants.selectors import campus_by_slug

ACTOR = Actor(label="manage.py organize_snapshots")


class Command(CampusCommand):
    help = (
        "Move pictures of sightings to the folder of their day and person, as when an unknown "
        "person was named. May be run again at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        done = snapshots_organize(campus=campus, now=timezone.now(), actor=ACTOR)
        self.stdout.write(f"{campus.slug}: {done.right} in place, {done.moved} moved.")
        if done.failed:
            raise CommandError(f"{done.failed} could not be moved now: the storage did not answer.")
