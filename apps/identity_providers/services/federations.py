"""Keeping what SAML providers publish: their addresses, keys and scopes.

Documents are read outside of any transaction. What was read before holds until its own end when a
later one cannot be read or believed; a provider that its federation no longer has is out at once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet

from apps.audit.services import SYSTEM, Actor, log_event
from apps.identity_providers.models import IdentityProvider, MetadataSource
from apps.identity_providers.problems import MetadataProblem, MetadataRefused
from apps.identity_providers.saml.sources import aggregate_of, entity_from, entity_in
from apps.identity_providers.selectors import saml_providers
from apps.identity_providers.services.saml_keys import saml_key_ensure
from apps.saml.documents import fingerprint
from apps.saml.entities import Entity, end_of
from apps.tenants.scope import campus_scope
from apps.tenants.tasks import enqueue

logger = logging.getLogger(__name__)
ASKED_AGAIN_SECONDS: Final = 60
AGGREGATE: Final = MetadataSource.Kind.AGGREGATE
Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class EntityReading:
    """What a document says of one provider, or why nothing is known."""

    entity: Entity | None = None
    problem: MetadataProblem | None = None


def metadata_read(*, campus_id: int, clock: Clock, source_id: Any = None) -> int:
    """Read what this campus's SAML providers publish; returns how many are known.

    `source_id`: of this federation alone.
    """
    with campus_scope(campus_id):
        sources = list(MetadataSource.objects.filter(**({"pk": source_id} if source_id else {})))
        providers = list(saml_providers().select_related("source"))
    known = 0
    for source in sources:
        theirs = [one for one in providers if one.source_id == source.pk]
        if source.kind == AGGREGATE:
            known += _read_aggregate(campus_id, source, theirs, clock)
    for provider in providers:
        own = provider.source is None and source_id is None
        asked = provider.source in sources and provider.source.kind != AGGREGATE
        if own or asked:
            reading = _read_one(provider, clock())
            with campus_scope(campus_id):
                known += provider_metadata_store(provider=provider, reading=reading, now=clock())
    return known


def _read_aggregate(
    campus_id: int, source: MetadataSource, providers: list[IdentityProvider], clock: Clock
) -> int:
    now, readings = clock(), {}
    try:
        root = aggregate_of(source, now=now)
        until = end_of(root)
        for provider in providers:
            read = partial(entity_in, root, provider.issuer, now=now)
            readings[provider.pk] = _reading(read, provider)
        problem = ""
    except MetadataRefused as refused:
        logger.warning("Federation %s could not be read: %s", source.pk, refused)
        until, problem = source.valid_until, refused.problem.value
    known = 0
    with campus_scope(campus_id):
        source_state_store(source=source, problem=problem, until=until, now=now)
        for provider in providers:
            if provider.pk in readings:
                known += provider_metadata_store(
                    provider=provider, reading=readings[provider.pk], now=now
                )
    return known


def _read_one(provider: IdentityProvider, now: datetime) -> EntityReading:
    return _reading(partial(entity_from, provider, now=now), provider)


def _reading(read: Callable[[], Entity], provider: IdentityProvider) -> EntityReading:
    try:
        return EntityReading(entity=read())
    except MetadataRefused as refused:
        logger.warning("Metadata of provider %s could not be read: %s", provider.pk, refused)
        return EntityReading(problem=refused.problem)


@transaction.atomic
def source_state_store(
    *, source: MetadataSource, problem: str, until: datetime | None, now: datetime
) -> None:
    row = MetadataSource.objects.filter(pk=source.pk, address=source.address)
    if problem:
        row.update(problem=problem)
    else:
        row.update(problem="", read_at=now, valid_until=until)


@transaction.atomic
def provider_metadata_store(
    *, provider: IdentityProvider, reading: EntityReading, now: datetime
) -> int:
    """Keep what was read, unless the campus has changed where it is read from meanwhile.

    Returns 1 for a provider that is known.
    """
    row = IdentityProvider.objects.filter(
        pk=provider.pk,
        issuer=provider.issuer,
        source=provider.source_id,
        metadata_url=provider.metadata_url,
        metadata_text=provider.metadata_text,
        **_as_it_was_read(provider.source),
    )
    if reading.entity is None:
        problem = reading.problem or MetadataProblem.AWAY
        row.update(problem=problem)
        if problem == MetadataProblem.MISSING and provider.source is not None:
            _drop(row.filter(entity__isnull=False), actor=SYSTEM, now=now)
        provider.problem = problem
        return 0
    stored = reading.entity.stored()
    if row.update(entity=stored, problem="", entity_read_at=now) and _differs(provider, stored):
        log_event(
            actor=SYSTEM,
            action="identity_providers.metadata.changed",
            now=now,
            target=provider,
            data={
                "sign_in": reading.entity.sign_in,
                "scopes": reading.entity.scopes,
                "certificates": list(map(fingerprint, reading.entity.certificates)),
            },
        )
    provider.entity, provider.problem = stored, ""
    return 1


def _as_it_was_read(source: MetadataSource | None) -> dict[str, str]:
    if source is None:
        return {}
    return {"source__address": source.address, "source__certificates": source.certificates}


def _drop(known: QuerySet[IdentityProvider], *, actor: Actor, now: datetime) -> None:
    """What was read of these holds no more; each in the log."""
    for provider in list(known):
        log_event(
            actor=actor, action="identity_providers.metadata.dropped", now=now, target=provider
        )
    known.update(entity=None)


@transaction.atomic
def source_changed(*, source: MetadataSource, now: datetime, actor: Actor) -> None:
    """It is read from elsewhere, or signed by others: what the former vouched for holds no more,
    and its providers wait for the next reading."""
    providers = IdentityProvider.objects.filter(source=source, entity__isnull=False)
    _drop(providers, actor=actor, now=now)


def _differs(provider: IdentityProvider, stored: dict[str, Any]) -> bool:
    """In more than its end, which moves with each reading."""
    before = provider.entity or {}
    return {**before, "until": ""} != {**stored, "until": ""}


def saml_provider_prepare(*, provider: IdentityProvider, now: datetime, actor: Actor) -> bool:
    """After it was saved: we have a key, and its metadata is read, or will be by a worker.

    Whether it is known now.
    """
    saml_key_ensure(now=now, actor=actor)
    if provider.source is not None and provider.source.kind == AGGREGATE:
        source_read_soon(source=provider.source)
    return provider_read(provider=provider, now=now)


def source_read_soon(*, source: MetadataSource) -> None:
    enqueue("apps.identity_providers.tasks.read_metadata", source.pk)


def provider_read(*, provider: IdentityProvider, now: datetime) -> bool:
    """Read one that can be asked alone, here and now; whether it is known.

    One of a whole federation's document waits for the worker.
    """
    source = provider.source
    if source is not None and source.kind == AGGREGATE:
        return False
    reading = _read_one(provider, now)
    return bool(provider_metadata_store(provider=provider, reading=reading, now=now))


def provider_read_anew(*, provider: IdentityProvider, now: datetime) -> bool:
    """For an answer with an unknown key: whether there is another key now. Asked once a minute at
    most, and only where there is somebody to ask."""
    if not provider.metadata_url and provider.source is None:
        return False
    if not cache.add(f"identity_providers:anew:{provider.pk}", 1, ASKED_AGAIN_SECONDS):
        return False
    before = (provider.entity or {}).get("certificates")
    return provider_read(provider=provider, now=now) and bool(
        (provider.entity or {}).get("certificates") != before
    )
