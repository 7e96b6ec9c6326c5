"""The metadata of SAML providers, read every hour; old keys of ours forgotten at night."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from apps.identity_providers.selectors import saml_providers
from apps.identity_providers.services import (
    metadata_read,
    provider_metadata_read,
    provider_names_purge,
    saml_keys_purge,
)
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import SteppedTask, each_campus, enqueue, in_each_campus

RUN_SECONDS: Final = 9 * 60
SWEEP_EXPIRES_SECONDS: Final = 30 * 60


@shared_task
def collect() -> int:
    """Wake the reader of each campus that has SAML providers; returns on how many."""
    return each_campus(_collect, reason="read metadata of SAML providers")


def _collect(campus: Campus) -> int:
    with campus_scope(campus):
        if not saml_providers().exists():
            return 0
        read_metadata.apply_async(expires=SWEEP_EXPIRES_SECONDS)
    return 1


@shared_task(base=SteppedTask)
def read_metadata(campus_id: int, source_id: int | None = None) -> int:
    """On one open campus, or of one of its federations."""
    read = partial(metadata_read, campus_id=campus_id, clock=timezone.now, source_id=source_id)
    return _one_at_a_time(campus_id, read)


@shared_task(base=SteppedTask)
def read_provider(campus_id: int, provider_id: str) -> int:
    """Of one provider that was saved, or that may have a new key."""
    read = partial(
        provider_metadata_read, campus_id=campus_id, provider_id=provider_id, clock=timezone.now
    )
    return _one_at_a_time(campus_id, read)


def _one_at_a_time(campus_id: int, read: Callable[[], int]) -> int:
    """A campus has one worker for its metadata, however slow those are that it asks: who comes
    meanwhile has everything read once more afterwards."""
    mine, again = (f"identity_providers:{what}:{campus_id}" for what in ("reading", "again"))
    if not cache.add(mine, "1", RUN_SECONDS):
        cache.set(again, "1", RUN_SECONDS)
        return 0
    try:
        return read()
    finally:
        cache.delete(mine)
        if cache.delete(again):
            with campus_scope(campus_id):
                enqueue(read_metadata)


@shared_task
def purge_saml() -> int:
    """Forget keys that no provider needs any more, and names of sessions that have ended."""
    return in_each_campus(
        partial(_purge, now=timezone.now()), reason="forget old keys for SAML providers"
    )


def _purge(now: datetime) -> int:
    return saml_keys_purge(now=now) + provider_names_purge(now=now)
