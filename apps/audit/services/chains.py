"""The logs that there are: one for each campus, and the platform's."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from apps.audit.digests import PLATFORM_CHAIN
from apps.audit.models import (
    BadEntry,
    Entry,
    PlatformBadEntry,
    PlatformEntry,
    PlatformRedaction,
    PlatformSeal,
    Redaction,
    Seal,
)
from apps.common.crypto import PLATFORM
from apps.tenants.locks import lock
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope, current_campus_id, platform_scope
from apps.tenants.selectors import every_campus

BATCH: Final = 2_000
BEFORE_ALL: Final = -(2**62)


@dataclass(frozen=True, kw_only=True)
class Log:
    """Entries, their seals, those put aside and those redacted: the tables of one chain."""

    entries: Any
    seals: Any
    bad_entries: Any
    redactions: Any

    def lock(self) -> None:
        """One sealer at a time, until the transaction ends."""
        lock("AUDI", owner=PLATFORM if self is PLATFORM_LOG else None)

    def steps(self, *, after: int = BEFORE_ALL) -> Iterator[tuple[Any, Any | None]]:
        """(seal, its entry or None) along the chain, from the first position after this one."""
        seals = self.seals.objects.order_by("position")
        while batch := list(seals.filter(position__gt=after)[:BATCH]):
            entries = self.entries.objects.in_bulk([seal.entry_id for seal in batch])
            self.show_redactions(entries.values())
            for seal in batch:
                yield seal, entries.get(seal.entry_id)
            after = batch[-1].position

    def show_redactions(self, entries: Iterable[Any]) -> None:
        """Give these entries their newest redaction, where they have one."""
        by_id = {entry.pk: entry for entry in entries}
        for redaction in self.redactions.objects.filter(entry_id__in=by_id).order_by("pk"):
            by_id[redaction.entry_id].redaction = redaction

    def unsealed(self) -> Iterator[Any]:
        """Entries without a place in the chain, oldest first."""
        sealed = self.seals.objects.values("entry_id")
        rows: Iterator[Any] = (
            self.entries.objects.exclude(pk__in=sealed).order_by("pk").iterator(chunk_size=BATCH)
        )
        return rows

    def put_aside(self) -> set[UUID]:
        """Ids of the entries that are known not to fit their MAC."""
        return set(self.bad_entries.objects.values_list("entry_id", flat=True))


CAMPUS_LOG: Final = Log(entries=Entry, seals=Seal, bad_entries=BadEntry, redactions=Redaction)
PLATFORM_LOG: Final = Log(
    entries=PlatformEntry,
    seals=PlatformSeal,
    bad_entries=PlatformBadEntry,
    redactions=PlatformRedaction,
)


def campus_log() -> Log:
    """The log of the entered campus; raises `NoCampus`."""
    current_campus_id()
    return CAMPUS_LOG


@contextmanager
def entered(campus: Campus | None) -> Iterator[Log]:
    """The log of this campus, or the platform's, with its rows in sight."""
    if campus is None:
        with platform_scope():
            yield PLATFORM_LOG
    else:
        with campus_scope(campus):
            yield CAMPUS_LOG


def chain_name(campus: Campus | None) -> str:
    return PLATFORM_CHAIN if campus is None else campus.slug


def every_log_owner(*, reason: str) -> Iterator[Campus | None]:
    """Every campus, closed ones too, and None for the platform."""
    yield from every_campus(reason=reason, also_closed=True)
    yield None
