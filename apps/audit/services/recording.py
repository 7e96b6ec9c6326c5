"""Writing one entry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from apps.audit.chain import AnyEntry, as_stored, entry_mac
from apps.audit.models import Entry, PlatformEntry
from apps.audit.sealed_data import seal_data
from apps.tenants.inserts import row_insert
from apps.tenants.scope import current_campus_id, platform_scope


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, as the log will remember it."""

    label: str
    id: str = ""
    address: str | None = None
    user_agent: str = ""


SYSTEM = Actor(label="system")


def log_event(
    *,
    actor: Actor,
    action: str,
    now: datetime,
    target: models.Model | None = None,
    data: dict[str, Any] | None = None,
    private: dict[str, Any] | None = None,
) -> Entry:
    """Write one entry of the entered campus in the caller's transaction.

    `data` holds JSON values only; before/after pairs for changes; never secrets or biometric
    values. `private`: what of it is sealed (reasons, contacts), and read by `sealed_read`.
    """
    entry = Entry(campus_id=current_campus_id())
    _write(entry, actor=actor, action=action, now=now, target=target, data=data, private=private)
    return entry


def log_platform_event(
    *,
    actor: Actor,
    action: str,
    now: datetime,
    target: models.Model | None = None,
    data: dict[str, Any] | None = None,
) -> PlatformEntry:
    """Write one entry of the platform's own log, in the caller's transaction.

    For what is done outside every campus, or to what belongs to none.
    """
    entry = PlatformEntry()
    with platform_scope():
        _write(entry, actor=actor, action=action, now=now, target=target, data=data)
    return entry


def _write(
    entry: AnyEntry,
    *,
    actor: Actor,
    action: str,
    now: datetime,
    target: models.Model | None,
    data: dict[str, Any] | None,
    private: dict[str, Any] | None = None,
) -> None:
    entry.at = now
    entry.actor_id = actor.id
    entry.actor_label = actor.label
    entry.address = actor.address
    entry.user_agent = actor.user_agent[:300]
    entry.action = action
    entry.target_type = target._meta.label_lower if target is not None else ""
    entry.target_id = str(target.pk) if target is not None else ""
    entry.data = as_stored(data) if data else {}
    if private:
        seal_data(entry, private)
    entry.mac = entry_mac(entry)
    row_insert(entry)
