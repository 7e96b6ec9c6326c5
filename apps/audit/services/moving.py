"""The log of a campus that moves to another installation.

MACs are under the key of the installation where an entry was written, which does not travel. So
the old installation says of each entry whether it is genuine, and which digest it had; the new one
vouches for the entries as it received them, as erasures do (`redacting.py`), and makes the links
of the chain anew. The digests stay as they were, so roots from before the move, kept elsewhere,
still fit the chain.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.audit.chain import (
    FIRST_LINK,
    content_sha256,
    is_genuine,
    next_link,
    redaction_mac,
)
from apps.audit.models import Entry
from apps.audit.sealed_data import NAME
from apps.audit.sealed_data import PURPOSE as SEALED_PART
from apps.audit.services.chains import BATCH, campus_log
from apps.audit.services.sealing import seal_pending
from apps.audit.services.verifying import verify
from apps.common.crypto import SealBroken
from apps.common.ids import moment_of
from apps.common.rows import batches
from apps.tenants.moving import Keys, MovedRows, Row
from apps.tenants.signed import signed_act


@dataclass(frozen=True, kw_only=True)
class LogState:
    """Of the entered campus's log: what does not hold, and the entries that nobody vouches for."""

    sealed: int
    problems: list[str]
    doubtful: list[str]


def log_settle(*, now: datetime) -> None:
    """Give every entry its place in the chain before the campus is exported."""
    for late in (True, False):
        while seal_pending(now=now, late=late):
            pass


def log_look() -> LogState:
    """Read the whole chain."""
    outcome, log = verify(), campus_log()
    doubtful = {entry.pk for entry in outcome.broken_entries} | log.put_aside()
    doubtful |= {entry.pk for entry in log.unsealed() if not is_genuine(entry)}
    return LogState(
        sealed=outcome.sealed,
        problems=outcome.problems,
        doubtful=sorted(str(pk) for pk in doubtful),
    )


def log_digests(*, doubtful: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(entry, SHA-256 of what it said when it was written) of every entry that holds."""
    log, wrong = campus_log(), {UUID(pk) for pk in doubtful}
    entries = log.entries.objects.order_by("pk").iterator(chunk_size=BATCH)
    for batch in batches(entries, BATCH):
        log.show_redactions(batch)
        for entry in batch:
            if entry.pk not in wrong:
                yield str(entry.pk), content_sha256(entry).hex()


def log_take_over(*, digests: Mapping[UUID, bytes], now: datetime) -> int:
    """Vouch for these entries under this installation's key, and link the chain anew.

    Returns how many. Entries without a digest fit no key, here as there. Needs the owner's role.
    """
    log, done = campus_log(), 0
    log.lock()
    for batch in batches(digests.items(), BATCH):
        entries = log.entries.objects.in_bulk([pk for pk, _digest in batch])
        rows = [
            log.redactions(
                entry=entries[pk],
                at=now,
                content_sha256=digest,
                mac=redaction_mac(entries[pk], digest),
            )
            for pk, digest in batch
        ]
        with signed_act(log.redactions._meta.db_table):
            log.redactions.objects.bulk_create(rows)
        done += len(rows)
    _link_anew(digests, now)
    return done


def _link_anew(genuine: Mapping[UUID, bytes], now: datetime) -> None:
    """Places stay; entries that had none yet get the next ones."""
    log, position, link = campus_log(), 0, FIRST_LINK
    for batch in batches(log.steps(), BATCH):
        seals = []
        for seal, entry in batch:
            position = seal.position
            if entry is not None:
                seal.link = link = next_link(link, position, entry)
                seals.append(seal)
        with signed_act(log.seals._meta.db_table):
            log.seals.objects.bulk_update(seals, ["link"])
    rows = []
    for entry in log.unsealed():
        if entry.pk in genuine:
            position += 1
            link = next_link(link, position, entry)
            rows.append(log.seals(position=position, entry=entry, link=link))
    with signed_act(log.seals._meta.db_table):
        log.seals.objects.bulk_create(rows)


def _entry_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    """The sealed part of an entry, which no other move or rotation seals anew."""
    data = before["data"]
    if not isinstance(data, dict) or NAME not in data:
        return
    pk = UUID(before["id"])
    try:
        sealed = b64decode(data[NAME], validate=True)
        plain = source.unseal(SEALED_PART, sealed, context=pk.bytes, at=moment_of(pk))
    except (SealBroken, ValueError, TypeError):
        return
    sealed = target.seal(SEALED_PART, plain, context=pk.bytes)
    row["data"] = {**row["data"], NAME: b64encode(sealed).decode()}


MOVED_ENTRIES = MovedRows(table=Entry._meta.db_table, columns=("data",), reseal=_entry_moved)
