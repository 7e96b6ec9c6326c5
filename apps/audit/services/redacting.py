"""Taking an erased person's names out of the log, so that its chain still holds.

The links of the chain are made of MACs, the digests of the roots of MACs and digests of contents:
neither of them needs what an entry says. So an entry may say less afterwards, if a row beside it
keeps the digest of what it said and vouches for what it says now.
"""

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from apps.audit.chain import canonical, content_sha256, is_genuine, redaction_mac
from apps.audit.sealed_data import NAME, open_data, seal_data
from apps.audit.services.chains import BATCH, Log, campus_log
from apps.audit.services.sealing import seal_pending
from apps.common.crypto import SealBroken
from apps.common.texts import replaced
from apps.tenants.signed import signed_act

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """Who is taken out: their id as an actor, and a pattern of what identifies them.

    `pattern` is for single strings, `in_json` for JSON as text, in PostgreSQL; both empty: nothing
    but the actor.
    """

    actor_id: str
    pattern: str
    in_json: str
    pseudonym: str


@dataclass(kw_only=True)
class RedactionCounts:
    """How many entries say less, and in how many a sealed part opens under no key.

    Nobody can read such a part, so it stays as it is: `verify` finds the entry as changed.
    """

    changed: int = 0
    unreadable: int = 0


def entries_redact(*, who: Redacted, now: datetime, log: Log | None = None) -> RedactionCounts:
    """Take somebody out of every entry of this log.

    Entries are sealed first. One that does not fit its MAC says less too and stays found as
    changed: it gets no row that vouches for it.
    """
    log = log or campus_log()
    log.lock()
    for late in (True, False):
        while seal_pending(now=now, log=log, late=late):
            pass
    done = RedactionCounts()
    found = list(_concerned(log, who))
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        log.show_redactions(batch)
        _redact(log, batch, who, now, done)
    return done


def _concerned(log: Log, who: Redacted) -> Any:
    entries = log.entries.objects.annotate(said=Cast("data", TextField()))
    named = Q(actor_id=who.actor_id) if who.actor_id else Q(pk__in=())
    if who.pattern:
        named |= Q(actor_label__iregex=who.pattern) | Q(target_id__iregex=who.pattern)
        named |= Q(said__iregex=who.in_json) | Q(data__has_key=NAME)
    return entries.filter(named).order_by("pk")


def _redact(
    log: Log, entries: list[Any], who: Redacted, now: datetime, done: RedactionCounts
) -> None:
    rows, vouched = [], []
    for entry in entries:
        first, genuine, before = content_sha256(entry), is_genuine(entry), canonical(entry)
        done.unreadable += not _say_less(entry, who)
        if canonical(entry) == before:
            continue
        rows.append(entry)
        if genuine:
            mac = redaction_mac(entry, first)
            vouched.append(log.redactions(entry=entry, at=now, content_sha256=first, mac=mac))
    fields = ["actor_id", "actor_label", "address", "user_agent", "target_id", "data"]
    with signed_act(log.entries._meta.db_table):
        log.entries.objects.bulk_update(rows, fields)
    with signed_act(log.redactions._meta.db_table):
        log.redactions.objects.bulk_create(vouched)
    done.changed += len(rows)


def _say_less(entry: Any, who: Redacted) -> bool:
    """False: but for a sealed part that cannot be opened."""
    if who.actor_id and entry.actor_id == who.actor_id:
        entry.actor_id, entry.actor_label = who.pseudonym, "erased"
        entry.address, entry.user_agent = None, ""
    if not who.pattern:
        return True
    pattern = re.compile(who.pattern, re.IGNORECASE)
    entry.actor_label = pattern.sub(who.pseudonym, entry.actor_label)
    entry.target_id = pattern.sub(who.pseudonym, entry.target_id)[:64]
    try:
        private = open_data(entry)
    except SealBroken:
        logger.warning("The sealed part of entry %s opens under no key.", entry.pk)
        entry.data = replaced(entry.data, pattern, who.pseudonym)
        return False
    entry.data = replaced(entry.data, pattern, who.pseudonym)
    less = replaced(private, pattern, who.pseudonym)
    if less != private:
        seal_data(entry, less)
    return True
