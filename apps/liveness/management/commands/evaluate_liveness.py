"""`manage.py evaluate_liveness DIR`: how a campus's own recordings of head turns are judged."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from apps.biometrics.weights.catalogue import WeightsError
from apps.common.commands import CampusCommand


class Command(CampusCommand):
    help = (
        "Judge recordings of head turns as check-ins are judged, and print APCER for each kind of "
        "attack and BPCER for live people, with 95 % intervals. Nothing is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder",
            type=Path,
            metavar="DIR",
            help="live/<recording>/ and <kind of attack>/<recording>/, each with turns.txt "
            "(left,up), enrolled*.jpg, and frames <turn>_<milliseconds>.jpg.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from apps.liveness.evaluation import (
            LIVE,
            RecordingUnreadable,
            line_of,
            rates_of,
            recordings_in,
        )

        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder.")
        try:
            rates = rates_of(recordings_in(folder))
        except (RecordingUnreadable, WeightsError) as error:
            raise CommandError(str(error)) from error
        if not rates:
            raise CommandError(f"{folder} has no recordings as <kind>/<recording>/.")
        for species in sorted(rates, key=lambda name: (name != LIVE, name)):
            self.stdout.write(line_of(species, rates[species]))
