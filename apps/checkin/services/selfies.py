"""Letting go of selfies whose time is over. The attempt and its explanation stay."""

from collections.abc import Collection
from uuid import UUID

from apps.checkin.models import CheckInAttempt


def selfies_unlink(image_ids: Collection[UUID]) -> int:
    """Set the selfie of these attempts to NULL; returns how many. See `image_references`."""
    return CheckInAttempt.objects.filter(selfie_id__in=image_ids).update(selfie=None)
