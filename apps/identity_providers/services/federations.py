"""Keeping what SAML providers publish: their addresses, keys and scopes.

Documents are read outside of any transaction. What was read before holds until its own end when a
later one cannot be read or believed; a provider that its federation no longer has is out at once.
"""

import logging
import random
import time
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
READ_SECONDS: Final = 300.0  # for all of a campus: half of what a task may take
PROVIDER_TASK: Final = "apps.identity_providers.tasks.read_provider"
AGGREGATE: Final = MetadataSource.Kind.AGGREGATE
Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class EntityReading:
    """What a document says of one provider, or why nothing is known."""

    entity: Entity | None = None
    problem: MetadataProblem | None = None


def metadata_read(*, campus_id: int, clock: Clock, source_id: Any = None) -> int:
    """Read what this campus's SAML providers publish; returns how many are known.

    `source_id`: of this federation alone. Ends in time for other campuses; whose turn does not
    come then has another chance the next time.
    """
    until = time.monotonic() + READ_SECONDS
    with campus_scope(campus_id):
        sources = list(MetadataSource.objects.filter(**({"pk": source_id} if source_id else {})))
        providers = list(saml_providers().select_related("source").order_by("?"))
    known = 0
    for source in random.sample(sources, len(sources)):
        if time.monotonic() > until:
            break
        theirs = [one for one in providers if one.source_id == source.pk]
        if source.kind == AGGREGATE:
            known += _read_aggregate(campus_id, source, theirs, clock)
    for provider in providers:
        own = provider.source is None and source_id is None
        asked = provider.source in sources and provider.source.kind != AGGREGATE
        if (own or asked) and time.monotonic() <= until:
            known += _read_and_store(campus_id, provider, clock)
    return known


def provider_metadata_read(*, campus_id: int, provider_id: Any, clock: Clock) -> int:
    """The same of one provider, unless a whole federation's document describes it."""
    with campus_scope(campus_id):
        provider = saml_providers().select_related("source").filter(pk=provider_id).first()
    return (
        0
        if provider is None or _is_in_aggregate(provider)
        else _read_and_store(campus_id, provider, clock)
    )


def _read_and_store(campus_id: int, provider: IdentityProvider, clock: Clock) -> int:
    reading = _read_one(provider, clock())
    with campus_scope(campus_id):
        return provider_metadata_store(provider=provider, reading=reading, now=clock())


def _is_in_aggregate(provider: IdentityProvider) -> bool:
    return provider.source is not None and provider.source.kind == AGGREGATE


def _is_asked(provider: IdentityProvider) -> bool:
    """Over the network, which no request of ours waits for: it was not pasted."""
    return bool(provider.metadata_url) or provider.source is not None


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
    """After it was saved: we have a key, and its metadata is read, by a worker unless it is pasted.

    Whether it is known now.
    """
    saml_key_ensure(now=now, actor=actor)
    if provider.source is not None and _is_in_aggregate(provider):
        source_read_soon(source=provider.source)
    elif _is_asked(provider):
        enqueue(PROVIDER_TASK, str(provider.pk))
    else:
        reading = _read_one(provider, now)
        return bool(provider_metadata_store(provider=provider, reading=reading, now=now))
    return False


def source_read_soon(*, source: MetadataSource) -> None:
    enqueue("apps.identity_providers.tasks.read_metadata", source.pk)


def provider_read_anew(*, provider: IdentityProvider) -> bool:
    """After an answer with an unknown key: whether a worker reads now which keys there are. Once a
    minute at most, and only where there is somebody to ask about this provider alone."""
    if _is_in_aggregate(provider) or not _is_asked(provider):
        return False
    if cache.add(f"identity_providers:anew:{provider.pk}", 1, ASKED_AGAIN_SECONDS):
        enqueue(PROVIDER_TASK, str(provider.pk))
    return True
