"""`manage.py reissue_template_key --campus SLUG`: makes a campus's old face vectors worthless."""

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from tqdm import tqdm

from apps.audit.services import Actor
from apps.biometrics.engines.base import EngineUnavailable
from apps.biometrics.models import FaceSample
from apps.biometrics.services import template_key_reissue, templates_vacuum
from apps.biometrics.weights.catalogue import WeightsError
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_slug

ACTOR = Actor(label="manage.py reissue_template_key")


class Command(CampusCommand):
    help = (
        "Give a campus a new template key and make all face templates anew from the kept photos. "
        "Vectors from before are worthless afterwards. Needs the face models and the image storage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campus", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            campus = campus_by_slug(slug=options["campus"])
            with campus_scope(campus):
                outcome = template_key_reissue(actor=ACTOR, now=timezone.now(), track=_progress)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        except (OSError, WeightsError, EngineUnavailable) as error:
            raise CommandError(f"Nothing was changed: {error}") from error
        templates_vacuum()
        self.stdout.write(
            self.style.SUCCESS(
                f"{campus.slug}: key generation {outcome.generation}, {outcome.renewed} templates "
                f"made anew, {outcome.to_judge} photos to be judged again."
            )
        )


def _progress(samples: Iterable[FaceSample]) -> Iterable[FaceSample]:
    return tqdm(samples, desc="templates", unit="photo", leave=False, disable=None)
