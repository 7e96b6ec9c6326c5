"""Giving entries their places in the chain, and putting aside those that do not fit their MAC."""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from apps.audit.chain import FIRST_LINK, is_genuine, next_link
from apps.audit.services.chains import BATCH, PLATFORM_LOG, Log, campus_log
from apps.audit.services.recording import SYSTEM, log_event, log_platform_event
from apps.common.ids import FIRST, earlier, uuid7
from apps.tenants.signed import signed_act

logger = logging.getLogger(__name__)

# Transactions commit out of order: how long before the newest seal a late one is looked for every
# minute. A long transaction may come later than that: the daily root and the verifier look all the
# way back.
LATE: Final = timedelta(hours=1)
SET_ASIDE: Final = "audit.entries.set_aside"


def seal_pending(*, now: datetime, log: Log | None = None, late: bool = False) -> int:
    """Give every unsealed entry its place in the chain; returns how many were dealt with.

    Of the entered campus, or of the given log. `late`: those that came too late for the sealer of
    every minute. An entry that does not fit its MAC is put aside and the chain goes on. One sealer
    per log at a time (transaction-level advisory lock).
    """
    log = log or campus_log()
    log.lock()
    last = log.seals.objects.order_by("-position").first()
    position, link = (last.position, bytes(last.link)) if last else (0, FIRST_LINK)
    seals, bad = [], []
    pending = _pending(log, now=now, late=late)
    for entry in pending:
        if not is_genuine(entry):
            bad.append(entry)
            continue
        position += 1
        link = next_link(link, position, entry)
        seals.append(log.seals(position=position, entry=entry, link=link))
    if seals:
        with signed_act(log.seals._meta.db_table):
            log.seals.objects.bulk_create(seals)
    put_aside(entries=bad, now=now, log=log)
    return len(pending)


def _pending(log: Log, *, now: datetime, late: bool) -> list[Any]:
    newest = log.seals.objects.order_by("-entry_id").values_list("entry_id", flat=True).first()
    clock = uuid7(int(now.timestamp() * 10**9))  # an id of the future counts as one of now
    recent = FIRST if newest is None else earlier(min(newest, clock), LATE)
    side = "lte" if late else "gt"
    placed = {f"entry_id__{side}": recent}
    return list(
        log.entries.objects.filter(**{f"pk__{side}": recent})
        .exclude(pk__in=log.seals.objects.filter(**placed).values("entry_id"))
        .exclude(pk__in=log.bad_entries.objects.filter(**placed).values("entry_id"))
        .order_by("pk")[:BATCH]
    )


def put_aside(*, entries: Collection[Any], now: datetime, log: Log | None = None) -> None:
    """Name these entries as not to be believed. That it was done is an entry itself."""
    if not entries:
        return
    log = log or campus_log()
    with signed_act(log.bad_entries._meta.db_table):
        log.bad_entries.objects.bulk_create(
            [log.bad_entries(entry=entry, found_at=now) for entry in entries]
        )
    ids = [str(entry.pk) for entry in entries]
    logger.error("%d audit entries do not fit their MAC and were put aside: %s", len(ids), ids)
    write = log_platform_event if log is PLATFORM_LOG else log_event
    write(actor=SYSTEM, action=SET_ASIDE, now=now, data={"entries": ids})
