"""Sending what is due: claim a batch under a lease, send it, write down how it went, repeat.

A batch is claimed and settled in short transactions of its own and sent outside of any. A worker
that is killed in between leaves rows whose lease runs out; they are claimed again. Only the
requests whose answer was lost are made twice, and only over channels where the second copy
replaces the first (`Channel.repeatable`); elsewhere they are given up for a person to judge.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings

from apps.common.languages import spoken
from apps.notifications import breaker
from apps.notifications.addresses import Contact, contacts, languages, phone_numbers
from apps.notifications.channels import channel
from apps.notifications.channels.base import Channel, Outcome, Parcel, Result
from apps.notifications.claims import Claim, Verdict, claim_due, settle, sms_lock
from apps.notifications.kinds import kind_of
from apps.notifications.links import link_of
from apps.notifications.models import Channel as ChannelName
from apps.notifications.models import PushToken, Status
from apps.notifications.quiet import quiet_until
from apps.notifications.rendering import in_language
from apps.notifications.selectors import campus_messages, sms_left
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope

logger = logging.getLogger(__name__)

BASE_SECONDS: Final = 15.0  # wait after the first failure
LONGEST_SECONDS: Final = 3600.0
INTERRUPTED: Final = "A worker was lost while sending: the provider may have it already."
# Nobody asked guardians and advisers when they sleep: on the campus's clock.
CONTACTS_SLEEP: Final = (time(21), time(7))
NO_ADDRESS: Final = "No address any more."

Clock = Callable[[], datetime]


@dataclass(kw_only=True)
class Batch:
    """What was claimed: parcels to send, and verdicts that needed no sending."""

    lease: UUID
    parcels: list[Parcel] = field(default_factory=list)
    attempts: dict[UUID, int] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    troubled: dict[str, breaker.Trouble] = field(default_factory=dict)  # what failed last


def deliver_due(*, campus_id: int, name: str, clock: Clock, until: datetime) -> int:
    """Send what is due on one channel of one campus; returns how many deliveries ended as sent.

    Stops when nothing is due, at `until`, or when the provider does not work.
    """
    sender = channel(name)
    sent = 0
    with campus_scope(campus_id):
        campus = Campus.objects.get(pk=campus_id)
        batch = _claim(campus, sender, clock()) if _may_send(sender, clock()) else None
    while batch is not None:
        working = _send(sender, batch, clock)
        sent += sum(verdict.status == Status.SENT for verdict in batch.verdicts)
        with campus_scope(campus_id):  # settling and claiming share one commit
            _settle(batch, clock())
            more = working and clock() < until
            batch = _claim(campus, sender, clock()) if more else None
    return sent


def _may_send(sender: Channel, now: datetime) -> bool:
    return sender.is_configured() and not breaker.is_paused(name=sender.name, now=now)


def _claim(campus: Campus, sender: Channel, now: datetime) -> Batch | None:
    """The next rows that are due, sorted into what to send and what not; None when there are none.

    Rows that need no sending are settled here and the next ones claimed.
    """
    rules = settings.NOTIFICATIONS
    while True:
        batch = Batch(lease=uuid4())
        limit = rules["BATCH"]
        if sender.name == ChannelName.SMS:
            sms_lock()  # two workers must not both take the last of the day
            limit = min(limit, sms_left(zone=campus.zone, now=now))
        claims = claim_due(
            name=sender.name,
            limit=limit,
            lease=batch.lease,
            now=now,
            lease_ends_at=now + timedelta(seconds=rules["LEASE_SECONDS"]),
        )
        if not claims:
            return None
        addressed = _addressed(claims, sender)
        batch.troubled = breaker.troubles_of(
            names={name for claim in addressed for name in _names(sender, claim.address)}
        )
        for claim in addressed:
            _sort(claim, campus, sender, now, batch)
        if batch.parcels:
            return batch
        _settle(batch, now)


def _addressed(claims: list[Claim], sender: Channel) -> list[Claim]:
    """The claims with what other apps know: numbers, languages, and who the contacts are."""
    is_sms = sender.name == ChannelName.SMS
    chosen = languages([claim.user_id for claim in claims])
    numbers = phone_numbers([claim.user_id for claim in claims]) if is_sms else {}
    about = [claim.user_id for claim in claims if claim.contact]
    may_tell = bool(about) and campus_messages().tells_contacts
    known = {contact.id: contact for contact in contacts(about)} if may_tell else {}
    found = []
    for claim in claims:
        if claim.contact:
            found.append(_to_contact(claim, known.get(claim.contact), is_sms=is_sms))
        else:
            address = numbers.get(claim.user_id, "") if is_sms else claim.address
            language = chosen.get(claim.user_id, claim.language)
            found.append(replace(claim, address=address, language=language))
    return found


def _to_contact(claim: Claim, contact: Contact | None, *, is_sms: bool) -> Claim:
    """Addressed to the contact as they are now; without an address where they are no longer."""
    if contact is None:
        return replace(claim, address="")
    return replace(
        claim,
        address=contact.phone if is_sms else contact.email,
        language=contact.language,
        data={**claim.data, "student": contact.student},
        quiet_hours=CONTACTS_SLEEP,
    )


def _names(sender: Channel, address: str) -> list[str]:
    """Under which the breaker knows this address: none where the operator chose the provider."""
    host = sender.host_of(address) if address else ""
    return [breaker.address_name(address), breaker.host_name(host)] if host else []


def _paused_until(
    claim: Claim, campus: Campus, sender: Channel, now: datetime, batch: Batch
) -> datetime | None:
    """The end of the quiet hours, or of the pause of the address or its host; None: send now."""
    ends = [
        trouble.paused_until
        for name in (_names(sender, claim.address) if batch.troubled else ())
        if (trouble := batch.troubled.get(name)) is not None and now < trouble.paused_until
    ]
    if sender.may_wake and not kind_of(claim.kind).may_wake:
        silent = quiet_until(hours=claim.quiet_hours, zone=campus.zone, now=now)
        ends += [silent] if silent else []
    return max(ends, default=None)


def _sort(claim: Claim, campus: Campus, sender: Channel, now: datetime, batch: Batch) -> None:
    paused_until = _paused_until(claim, campus, sender, now, batch)
    if claim.was_interrupted and not sender.repeatable:
        batch.verdicts.append(Verdict.dead(claim.id, claim.attempts, INTERRUPTED, now))
    elif not claim.address:
        batch.verdicts.append(Verdict.dead(claim.id, claim.attempts, NO_ADDRESS, now))
    elif paused_until is not None:
        batch.verdicts.append(Verdict.waiting(claim.id, claim.attempts - 1, paused_until))
    else:
        batch.parcels.append(_parcel(claim, campus, sender.name))
        batch.attempts[claim.id] = claim.attempts


def _parcel(claim: Claim, campus: Campus, name: str) -> Parcel:
    title, body = in_language(
        kind=claim.kind,
        title=claim.title,
        body=claim.body,
        data=claim.data,
        language=claim.language,
    )
    return Parcel(
        delivery_id=claim.id,
        address=claim.address,
        title=title,
        body=body,
        tag=claim.id.hex,  # 32 characters: as many as a Topic of web push may have
        kind=claim.kind,
        language=spoken(claim.language),
        campus_id=campus.pk,
        campus_name=campus.name,
        device_type=claim.device_type,
        data=claim.data,
        keys=(claim.p256dh, claim.auth),
        is_for_contact=bool(claim.contact),
        link=link_of(claim) if name == ChannelName.EMAIL else "",
    )


def _send(sender: Channel, batch: Batch, clock: Clock) -> bool:
    """Send the batch and collect its verdicts; returns whether the provider works."""
    ended: list[tuple[Parcel, Outcome]] = []
    for parcel, outcome in sender.send_many(batch.parcels):
        now = clock()
        if outcome.result is Result.AWAY:
            outcome = replace(outcome, retry_after=_leave_alone(parcel, outcome, now))
        batch.verdicts.append(_verdict(parcel, outcome, batch, now))
        if outcome.result is Result.GONE:
            batch.gone.append(parcel.address)
        ended.append((parcel, outcome))
    _note_hosts(sender, batch, ended, clock())
    down = next((outcome for _parcel, outcome in ended if outcome.result is Result.DOWN), None)
    if down is None or any(outcome.result is not Result.DOWN for _parcel, outcome in ended):
        breaker.works(name=sender.name)
        return True
    logger.warning("%s does not work: %s", sender.name, down.error)
    breaker.fails(name=sender.name, error=down.error, retry_after=down.retry_after, now=clock())
    return False


def _leave_alone(parcel: Parcel, outcome: Outcome, now: datetime) -> float:
    """Pause this address, longer each time; returns for how many seconds."""
    end = breaker.fails(
        name=breaker.address_name(parcel.address),
        error=outcome.error,
        retry_after=outcome.retry_after,
        now=now,
        rule=breaker.ADDRESS,
    )
    return (end - now).total_seconds()


def _note_hosts(
    sender: Channel, batch: Batch, ended: list[tuple[Parcel, Outcome]], now: datetime
) -> None:
    """Hosts where something worked are trusted again; where all failed they may be paused."""
    failing: dict[str, list[tuple[str, str]]] = {}
    working: set[str] = set()
    answered: set[str] = set()
    for parcel, outcome in ended:
        host = sender.host_of(parcel.address)
        if host and outcome.result is Result.AWAY:
            failing.setdefault(host, []).append((parcel.address, outcome.error))
        elif host:
            working.add(host)
            answered.add(breaker.address_name(parcel.address))
    breaker.all_work(names=answered & batch.troubled.keys())
    breaker.hosts_work(hosts=working)
    for host in failing.keys() - working:
        addresses = [address for address, _error in failing[host]]
        error = failing[host][-1][1]
        if breaker.host_fails(host=host, addresses=addresses, error=error, now=now):
            logger.warning("%s: %s is left alone: %s", sender.name, host, error)


def _verdict(parcel: Parcel, outcome: Outcome, batch: Batch, now: datetime) -> Verdict:
    attempts = batch.attempts[parcel.delivery_id]
    if outcome.result is Result.SENT:
        return Verdict.sent(parcel.delivery_id, attempts, outcome.provider_id, now)
    final = outcome.result in (Result.REJECTED, Result.GONE)
    if final or attempts >= settings.NOTIFICATIONS["MAX_ATTEMPTS"]:
        return Verdict.dead(parcel.delivery_id, attempts, outcome.error, now)
    wait = max(backoff(attempts), outcome.retry_after or 0.0)
    return Verdict.failed(
        parcel.delivery_id, attempts, outcome.error, now + timedelta(seconds=wait)
    )


def backoff(attempts: int) -> float:
    """Seconds to wait after that many tries: doubling, capped, ± 50 % so that not all come back."""
    return min(LONGEST_SECONDS, BASE_SECONDS * 2.0 ** (attempts - 1)) * random.uniform(0.5, 1.5)  # noqa: S311


def _settle(batch: Batch, now: datetime) -> None:
    written = settle(lease=batch.lease, verdicts=batch.verdicts)
    if written < len(batch.verdicts):
        logger.warning(
            "%d deliveries were taken over by another worker: the lease was too short.",
            len(batch.verdicts) - written,
        )
    if batch.gone:
        PushToken.objects.filter(token__in=batch.gone).delete()
