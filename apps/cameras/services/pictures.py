"""Letting go of pictures that sightings referred to."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.biometrics.models import FaceSample
from apps.biometrics.services.images import image_release


def pictures_release(*, image_ids: Collection[UUID], now: datetime) -> None:
    """They go, but for those that became samples: these go with the consent."""
    samples = FaceSample.objects.filter(image__in=image_ids)
    for image_id in set(image_ids) - set(samples.values_list("image_id", flat=True)):
        image_release(image_id=image_id, now=now)
