"""Sending what is due: lease a batch, send it, write down how it went, repeat.

A batch is leased and settled in short transactions of its own and sent outside of any. A worker
that is killed in between leaves rows whose lease runs out; they are leased again. Only the
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
from apps.common.measures import count
from apps.notifications import circuit_breaker
from apps.notifications.addresses import Contact, contacts, languages, phone_numbers
from apps.notifications.channels import channel
from apps.notifications.channels.base import Channel, OutgoingMessage, SendResult, SendStatus
from apps.notifications.links import link_of
from apps.notifications.message_types import message_type_of
from apps.notifications.models import Channel as ChannelName
from apps.notifications.models import PushToken, Status
from apps.notifications.queue import DeliveryResult, Lease, lease_due, settle, sms_lock
from apps.notifications.quiet_hours import quiet_until
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
    """What was leased: messages to send, and results that needed no sending."""

    lease_id: UUID
    messages: list[OutgoingMessage] = field(default_factory=list)
    attempts: dict[UUID, int] = field(default_factory=dict)
    results: list[DeliveryResult] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    troubled: dict[str, circuit_breaker.Trouble] = field(default_factory=dict)  # what failed last


def deliver_due(*, campus_id: int, name: str, clock: Clock, until: datetime) -> int:
    """Send what is due on one channel of one campus; returns how many deliveries ended as sent.

    Stops when nothing is due, at `until`, or when the provider does not work.
    """
    sender = channel(name)
    sent = 0
    with campus_scope(campus_id):
        campus = Campus.objects.get(pk=campus_id)
        batch = _next_batch(campus, sender, clock()) if _may_send(sender, clock()) else None
    while batch is not None:
        working = _send(sender, batch, clock)
        sent += sum(result.status == Status.SENT for result in batch.results)
        for result in batch.results:
            count("campus_deliveries", name, str(result.status))
        with campus_scope(campus_id):  # settling and leasing share one commit
            _settle(batch, clock())
            more = working and clock() < until
            batch = _next_batch(campus, sender, clock()) if more else None
    return sent


def _may_send(sender: Channel, now: datetime) -> bool:
    return sender.is_configured() and not circuit_breaker.is_paused(name=sender.name, now=now)


def _next_batch(campus: Campus, sender: Channel, now: datetime) -> Batch | None:
    """The next rows that are due, sorted into what to send and what not; None when there are none.

    Rows that need no sending are settled here and the next ones leased.
    """
    rules = settings.NOTIFICATIONS
    while True:
        batch = Batch(lease_id=uuid4())
        limit = rules["BATCH"]
        if sender.name == ChannelName.SMS:
            sms_lock()  # two workers must not both take the last of the day
            limit = min(limit, sms_left(zone=campus.zone, now=now))
        leases = lease_due(
            name=sender.name,
            limit=limit,
            lease_id=batch.lease_id,
            now=now,
            lease_ends_at=now + timedelta(seconds=rules["LEASE_SECONDS"]),
        )
        if not leases:
            return None
        addressed = _addressed(leases, sender, campus)
        batch.troubled = circuit_breaker.troubles_of(
            names={name for lease in addressed for name in _names(sender, lease.address)}
        )
        for lease in addressed:
            _sort(lease, campus, sender, now, batch)
        if batch.messages:
            return batch
        _settle(batch, now)


def _addressed(leases: list[Lease], sender: Channel, campus: Campus) -> list[Lease]:
    """The leases with what other apps know: numbers, languages, and who the contacts are."""
    is_sms = sender.name == ChannelName.SMS
    chosen = languages([lease.user_id for lease in leases])
    numbers = phone_numbers([lease.user_id for lease in leases]) if is_sms else {}
    about = [lease.user_id for lease in leases if lease.contact]
    may_tell = bool(about) and campus_messages().tells_contacts
    known = {contact.id: contact for contact in contacts(about)} if may_tell else {}
    found = []
    for lease in leases:
        if lease.contact:
            told = _to_contact(lease, known.get(lease.contact), is_sms=is_sms)
            found.append(replace(told, language=told.language or campus.language))
        else:
            address = numbers.get(lease.user_id, "") if is_sms else lease.address
            language = chosen.get(lease.user_id, lease.language) or campus.language
            found.append(replace(lease, address=address, language=language))
    return found


def _to_contact(lease: Lease, contact: Contact | None, *, is_sms: bool) -> Lease:
    """Addressed to the contact as they are now; without an address where they are no longer."""
    if contact is None:
        return replace(lease, address="")
    return replace(
        lease,
        address=contact.phone if is_sms else contact.email,
        language=contact.language,
        data={**lease.data, "student": contact.student},
        quiet_hours=CONTACTS_SLEEP,
    )


def _names(sender: Channel, address: str) -> list[str]:
    """The address and its host in the circuit breaker; [] where the operator chose the provider."""
    host = sender.host_of(address) if address else ""
    return [circuit_breaker.address_name(address), circuit_breaker.host_name(host)] if host else []


def _paused_until(
    lease: Lease, campus: Campus, sender: Channel, now: datetime, batch: Batch
) -> datetime | None:
    """The end of the quiet hours, or of the pause of the address or its host; None: send now."""
    ends = [
        trouble.paused_until
        for name in (_names(sender, lease.address) if batch.troubled else ())
        if (trouble := batch.troubled.get(name)) is not None and now < trouble.paused_until
    ]
    if not (sender.bypasses_quiet_hours or message_type_of(lease.kind).bypasses_quiet_hours):
        ends_at = quiet_until(hours=lease.quiet_hours, zone=campus.zone, now=now)
        ends += [ends_at] if ends_at else []
    return max(ends, default=None)


def _sort(lease: Lease, campus: Campus, sender: Channel, now: datetime, batch: Batch) -> None:
    paused_until = _paused_until(lease, campus, sender, now, batch)
    if lease.was_interrupted and not sender.repeatable:
        batch.results.append(
            DeliveryResult.dead(lease.delivery_id, lease.attempts, INTERRUPTED, now)
        )
    elif not lease.address:
        batch.results.append(
            DeliveryResult.dead(lease.delivery_id, lease.attempts, NO_ADDRESS, now)
        )
    elif paused_until is not None:
        batch.results.append(
            DeliveryResult.waiting(lease.delivery_id, lease.attempts - 1, paused_until)
        )
    else:
        batch.messages.append(_outgoing(lease, campus, sender.name))
        batch.attempts[lease.delivery_id] = lease.attempts


def _outgoing(lease: Lease, campus: Campus, name: str) -> OutgoingMessage:
    title, body = in_language(
        kind=lease.kind,
        title=lease.title,
        body=lease.body,
        data=lease.data,
        language=lease.language,
    )
    return OutgoingMessage(
        delivery_id=lease.delivery_id,
        address=lease.address,
        title=title,
        body=body,
        tag=lease.delivery_id.hex,  # 32 characters: as many as a Topic of web push may have
        kind=lease.kind,
        language=spoken(lease.language),
        campus_id=campus.pk,
        campus_name=campus.name,
        device_type=lease.device_type,
        data=lease.data,
        keys=(lease.p256dh, lease.auth),
        is_for_contact=bool(lease.contact),
        link=link_of(lease) if name == ChannelName.EMAIL else "",
    )


def _send(sender: Channel, batch: Batch, clock: Clock) -> bool:
    """Send the batch and collect its results; returns whether the provider works."""
    ended: list[tuple[OutgoingMessage, SendResult]] = []
    for outgoing, found in sender.send_many(batch.messages):
        send_result, now = found, clock()
        if found.status is SendStatus.AWAY:
            send_result = replace(found, retry_after=_leave_alone(outgoing, found, now))
        batch.results.append(_delivery_result(outgoing, send_result, batch, now))
        if send_result.status is SendStatus.GONE:
            batch.gone.append(outgoing.address)
        ended.append((outgoing, send_result))
    _note_hosts(sender, batch, ended, clock())
    down = [found for _outgoing, found in ended if found.status is SendStatus.DOWN]
    if len(down) < len(ended) or not down:
        circuit_breaker.works(name=sender.name)
        return True
    logger.warning("%s does not work: %s", sender.name, down[0].error)
    circuit_breaker.fails(
        name=sender.name, error=down[0].error, retry_after=down[0].retry_after, now=clock()
    )
    return False


def _leave_alone(outgoing: OutgoingMessage, send_result: SendResult, now: datetime) -> float:
    """Pause this address, longer each time; returns for how many seconds."""
    end = circuit_breaker.fails(
        name=circuit_breaker.address_name(outgoing.address),
        error=send_result.error,
        retry_after=send_result.retry_after,
        now=now,
        rule=circuit_breaker.ADDRESS,
    )
    return (end - now).total_seconds()


def _note_hosts(
    sender: Channel, batch: Batch, ended: list[tuple[OutgoingMessage, SendResult]], now: datetime
) -> None:
    """Hosts where something worked are trusted again; where all failed they may be paused."""
    failing: dict[str, list[tuple[str, str]]] = {}
    working: set[str] = set()
    answered: set[str] = set()
    for outgoing, send_result in ended:
        host = sender.host_of(outgoing.address)
        if host and send_result.status is SendStatus.AWAY:
            failing.setdefault(host, []).append((outgoing.address, send_result.error))
        elif host:
            working.add(host)
            answered.add(circuit_breaker.address_name(outgoing.address))
    circuit_breaker.all_work(names=answered & batch.troubled.keys())
    circuit_breaker.hosts_work(hosts=working)
    for host in failing.keys() - working:
        addresses = [address for address, _error in failing[host]]
        error = failing[host][-1][1]
        if circuit_breaker.host_fails(host=host, addresses=addresses, error=error, now=now):
            logger.warning("%s: %s is left alone: %s", sender.name, host, error)


def _delivery_result(
    outgoing: OutgoingMessage, send_result: SendResult, batch: Batch, now: datetime
) -> DeliveryResult:
    attempts = batch.attempts[outgoing.delivery_id]
    if send_result.status is SendStatus.SENT:
        return DeliveryResult.sent(outgoing.delivery_id, attempts, send_result.provider_id, now)
    final = send_result.status in (SendStatus.REJECTED, SendStatus.GONE)
    if final or attempts >= settings.NOTIFICATIONS["MAX_ATTEMPTS"]:
        return DeliveryResult.dead(outgoing.delivery_id, attempts, send_result.error, now)
    wait = max(backoff(attempts), send_result.retry_after or 0.0)
    return DeliveryResult.failed(
        outgoing.delivery_id, attempts, send_result.error, now + timedelta(seconds=wait)
    )


def backoff(attempts: int) -> float:
    """Seconds to wait after that many tries: doubling, capped, ± 50 % so that not all come back."""
    return min(LONGEST_SECONDS, BASE_SECONDS * 2.0 ** (attempts - 1)) * random.uniform(0.5, 1.5)  # noqa: S311


def _settle(batch: Batch, now: datetime) -> None:
    written = settle(lease_id=batch.lease_id, results=batch.results)
    if written < len(batch.results):
        logger.warning(
            "%d deliveries were taken over by another worker: the lease was too short.",
            len(batch.results) - written,
        )
    if batch.gone:
        PushToken.objects.filter(token__in=batch.gone).delete()
