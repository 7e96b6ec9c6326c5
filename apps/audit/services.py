"""Writing, sealing and verifying the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, models
from django.db.models import Max

from apps.audit.chain import FIRST_LINK, entry_mac, next_link
from apps.audit.models import Entry, Seal
from apps.tenants.inserts import row_insert
from apps.tenants.scope import current_campus_id

SEAL_BATCH: Final = 2_000
# Transactions commit out of order: how far below the newest sealed entry a late one is looked for.
LATE_ENTRIES: Final = 10_000
LOCK_CLASS: Final = 0x41554449  # "AUDI": first key of the sealer's advisory lock


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, as the log will remember it."""

    label: str
    id: str = ""
    address: str | None = None
    user_agent: str = ""


SYSTEM = Actor(label="system")


def record(
    *,
    actor: Actor,
    action: str,
    now: datetime,
    target: models.Model | None = None,
    data: dict[str, Any] | None = None,
) -> Entry:
    """Write one entry in the caller's transaction.

    `data` holds JSON values only; before/after pairs for changes; never secrets or biometric
    values.
    """
    entry = Entry(
        campus_id=current_campus_id(),
        at=now,
        actor_id=actor.id,
        actor_label=actor.label,
        address=actor.address,
        user_agent=actor.user_agent[:300],
        action=action,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        data=data or {},
    )
    entry.mac = entry_mac(entry)
    row_insert(entry)
    return entry


def seal_pending() -> int:
    """Give every unsealed entry of the entered campus its place in the chain; returns how many.

    One sealer per campus at a time (transaction-level advisory lock).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, current_campus_id()])
    last = Seal.objects.order_by("-position").first()
    position, link = (last.position, bytes(last.link)) if last else (0, FIRST_LINK)
    newest = Seal.objects.aggregate(newest=Max("entry_id"))["newest"] or 0
    pending = (
        Entry.objects.filter(pk__gt=newest - LATE_ENTRIES)
        .exclude(pk__in=Seal.objects.filter(entry_id__gt=newest - LATE_ENTRIES).values("entry_id"))
        .order_by("pk")[:SEAL_BATCH]
    )
    seals = []
    for entry in pending:
        position += 1
        link = next_link(link, position, entry)
        seals.append(Seal(position=position, entry=entry, link=link))
    Seal.objects.bulk_create(seals)
    return len(seals)


@dataclass(kw_only=True)
class Verification:
    """Outcome of a walk along the chain. `broken` names the first entry that does not hold."""

    sealed: int = 0
    unsealed: int = 0
    broken: str = ""

    @property
    def holds(self) -> bool:
        return not self.broken


def verify(*, expected_length: int | None = None) -> Verification:
    """Recompute the entered campus's chain from its start.

    Finds edited, removed, inserted and reordered entries. Removing the newest seals together with
    their entries shows only against a length noted elsewhere: pass it as `expected_length`.
    """
    outcome = Verification()
    link = FIRST_LINK
    while batch := list(
        Seal.objects.filter(position__gt=outcome.sealed).order_by("position")[:SEAL_BATCH]
    ):
        entries = Entry.objects.in_bulk([seal.entry_id for seal in batch])
        for seal in batch:
            link = _follow(seal, entries.get(seal.entry_id), link, outcome)
            if not outcome.holds:
                return outcome
    if expected_length is not None and outcome.sealed < expected_length:
        outcome.broken = f"{expected_length - outcome.sealed} entries are missing at the end"
        return outcome
    return _verify_unsealed(outcome)


def _follow(seal: Seal, entry: Entry | None, link: bytes, outcome: Verification) -> bytes:
    """Check one step of the chain; returns its link, or notes in `outcome` what is broken."""
    place = f"position {outcome.sealed + 1}"
    expected = next_link(link, seal.position, entry) if entry is not None else b""
    if seal.position != outcome.sealed + 1:
        outcome.broken = f"{place} is missing"
    elif entry is None:
        outcome.broken = f"{place}: entry {seal.entry_id} was removed"
    elif bytes(entry.mac) != entry_mac(entry):
        outcome.broken = f"{place}: entry {entry.pk} was changed"
    elif bytes(seal.link) != expected:
        outcome.broken = f"{place}: the link does not follow from the one before"
    else:
        outcome.sealed += 1
    return expected


def _verify_unsealed(outcome: Verification) -> Verification:
    unsealed = Entry.objects.exclude(pk__in=Seal.objects.values("entry_id")).order_by("pk")
    for entry in unsealed.iterator(chunk_size=SEAL_BATCH):
        outcome.unsealed += 1
        if bytes(entry.mac) != entry_mac(entry):
            outcome.broken = f"entry {entry.pk} (not sealed yet) was changed"
            return outcome
    return outcome
