"""Telling what is due: hold a batch, send it outside of any transaction, write down how it went.

As the outbox of messages does (`apps.notifications.services.delivery`): a worker that is killed
leaves rows whose hold runs out, and they are sent again. Receivers know a repeated event by its id.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q, QuerySet

from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.answers import AddressRefused, Limits, NoAnswer
from apps.common.crypto import SealBroken
from apps.common.http import HttpClient
from apps.common.measures import count
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope, current_campus_id
from apps.tenants.tasks import enqueue
from apps.webhooks.events import TEST
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.payloads import body_of
from apps.webhooks.selectors import OPEN, signing_secrets
from apps.webhooks.services.endpoints import DELIVER_TASK, endpoint_stop
from apps.webhooks.signatures import headers_of

logger = logging.getLogger(__name__)

BATCH: Final = 20
HOLD: Final = timedelta(minutes=5)  # more than a batch of requests may take
LIMITS: Final = Limits(whole=10.0, body=1 << 16)
# Seconds after the first, second … failure; after the last one the delivery is given up: 29 hours.
WAITS: Final = (5, 60, 300, 1800, 7200, 18_000, 36_000, 43_200)
PATIENCE: Final = 3  # failures in a row: then the endpoint itself is left alone for a while
LONGEST_REST: Final = 3600.0  # seconds
STOPPED_AFTER: Final = timedelta(days=5)  # of nothing but failures
GONE: Final = 410  # it wants no more (Standard Webhooks)
Clock = Callable[[], datetime]
Status = WebhookDelivery.Status
_client: Final = HttpClient(limits=LIMITS)


@dataclass(frozen=True, kw_only=True)
class _Outgoing:
    delivery: WebhookDelivery
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class _Told:
    """How one try ended: the answer's status, or why there was none; seconds that it asked for."""

    status: int | None = None
    error: str = ""
    wait: float = 0.0

    @property
    def is_right(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def address_problem(url: str) -> str:
    """Why nothing is sent there; "" where it may be."""
    try:
        _client.target(url)
    except AddressRefused as refused:
        return str(refused)
    return ""


def deliver_due(*, campus_id: int, clock: Clock, until: datetime) -> int:
    """Tell what is due on one campus, until nothing is or `until`; returns how many were told."""
    told = 0
    while clock() < until:
        with campus_scope(campus_id):
            batch = _hold(clock())
        if not batch:
            break
        resting: set[UUID] = set()
        for outgoing in batch:
            endpoint_id = outgoing.delivery.endpoint_id
            result = None if endpoint_id in resting else _send(outgoing, clock())
            with campus_scope(campus_id):
                if result is None:
                    _put_back(outgoing.delivery, clock())
                    continue
                told += result.is_right
                if not _settle(outgoing.delivery, result, clock()):
                    resting.add(endpoint_id)
    return told


@transaction.atomic
def deliveries_retry(*, deliveries: QuerySet[WebhookDelivery], now: datetime, actor: Actor) -> int:
    """Send again what was given up, or sent; returns how many."""
    chosen = list(deliveries.filter(status__in=(Status.DEAD, Status.SENT)))
    WebhookDelivery.objects.filter(pk__in=[one.pk for one in chosen]).update(
        status=Status.WAITING, attempts=0, next_try_at=now, error="", lease=None
    )
    endpoints = {one.endpoint_id for one in chosen}
    WebhookEndpoint.objects.filter(pk__in=endpoints).update(resting_until=None)
    for one in chosen:
        log_event(actor=actor, action="webhooks.delivery.retried", now=now, target=one)
    if chosen:
        enqueue(DELIVER_TASK, current_campus_id())
    return len(chosen)


def _due(now: datetime) -> QuerySet[WebhookDelivery]:
    """Of endpoints that are not left alone. A test goes to one that is switched off, too."""
    rested = Q(endpoint__resting_until=None) | Q(endpoint__resting_until__lte=now)
    return WebhookDelivery.objects.filter(rested, status__in=OPEN, next_try_at__lte=now)


def _hold(now: datetime) -> list[_Outgoing]:
    """The next rows that are due, as requests; those with nothing to say are settled at once."""
    campus = Campus.objects.get(pk=current_campus_id())
    rows = _due(now).select_for_update(of=("self",), skip_locked=True).select_related("endpoint")
    held = list(rows.order_by("next_try_at", "id")[:BATCH])
    lease = uuid4()
    keys = [row.pk for row in held]
    WebhookDelivery.objects.filter(pk__in=keys).update(
        lease=lease, next_try_at=now + HOLD, attempts=F("attempts") + 1
    )
    outgoing = []
    for row in held:
        row.lease, row.attempts = lease, row.attempts + 1
        if (request := _request(row, campus, now)) is not None:
            outgoing.append(request)
    return outgoing


def _request(row: WebhookDelivery, campus: Campus, now: datetime) -> _Outgoing | None:
    endpoint = row.endpoint
    is_wanted = endpoint.is_active or row.event == TEST
    body = body_of(row, campus=campus) if is_wanted else None
    if body is None:
        error = "The object is gone." if is_wanted else "The webhook was switched off."
        _write(row, status=Status.DEAD, error=error, next_try_at=now)
        return None
    try:
        keys = signing_secrets(endpoint, now=now)
    except SealBroken:  # that one alone: the others are told
        _write(row, status=Status.DEAD, error="Its secret cannot be opened.", next_try_at=now)
        return None
    headers = headers_of(
        keys,
        message_id=f"msg_{row.event_key.hex}",
        seconds=int(now.timestamp()),
        body=body,
    )
    return _Outgoing(delivery=row, url=endpoint.url, headers=headers, body=body)


def _send(outgoing: _Outgoing, now: datetime) -> _Told:
    try:
        answer = _client.request("POST", outgoing.url, body=outgoing.body, headers=outgoing.headers)
    except (NoAnswer, AddressRefused) as error:
        return _Told(error=str(error))
    wait = min(max(answer.retry_after(now=now) or 0.0, 0.0), LONGEST_REST)
    problem = "" if 200 <= answer.status < 300 else f"{answer.status} {answer.text()}".strip()
    return _Told(status=answer.status, error=problem, wait=wait)


def _settle(row: WebhookDelivery, told: _Told, now: datetime) -> bool:
    """Write down how it went; returns whether the endpoint may be told more at once."""
    endpoint = WebhookEndpoint.objects.select_for_update().filter(pk=row.endpoint_id).first()
    if endpoint is None:  # deleted meanwhile, and its deliveries with it
        return False
    count("campus_webhooks", "sent" if told.is_right else "failed")
    if told.is_right:
        _write(row, status=Status.SENT, answer=told.status, next_try_at=now, sent_at=now)
        if endpoint.failures:
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
                failures=0, failing_since=None, resting_until=None
            )
        return True
    if row.attempts > len(WAITS):
        _write(row, status=Status.DEAD, answer=told.status, error=told.error, next_try_at=now)
    else:
        wait = max(WAITS[row.attempts - 1] * random.uniform(0.8, 1.2), told.wait)  # noqa: S311
        next_try_at = now + timedelta(seconds=wait)
        _write(
            row,
            status=Status.FAILED,
            answer=told.status,
            error=told.error,
            next_try_at=next_try_at,
        )
    return _note_failure(endpoint, told, now)


def _note_failure(endpoint: WebhookEndpoint, told: _Told, now: datetime) -> bool:
    """Count it, rest after several in a row, stop after days; returns whether to go on at once."""
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    rests = endpoint.failures >= PATIENCE or told.wait > 0
    if rests:
        doubled = WAITS[0] * 2.0 ** min(endpoint.failures - PATIENCE, 20)
        rest = max(min(LONGEST_REST, doubled), told.wait)
        endpoint.resting_until = now + timedelta(seconds=rest)
    endpoint.save(update_fields=["failures", "failing_since", "resting_until"])
    why = ""
    if told.status == GONE:
        why = "It answered that it wants no more (410)."
    elif now - endpoint.failing_since >= STOPPED_AFTER:
        why = "Nothing was taken for five days."
    if why and endpoint.is_active:
        logger.warning("webhook %s of campus %d stopped: %s", endpoint.pk, endpoint.campus_id, why)
        endpoint_stop(endpoint=endpoint, why=why, now=now, actor=SYSTEM)
    return not rests and not why


def _put_back(row: WebhookDelivery, now: datetime) -> None:
    """Not tried after all: its endpoint rests."""
    WebhookDelivery.objects.filter(pk=row.pk, lease=row.lease).update(
        lease=None, attempts=F("attempts") - 1, next_try_at=now
    )


def _write(
    row: WebhookDelivery,
    *,
    status: str,
    next_try_at: datetime,
    answer: int | None = None,
    error: str = "",
    sent_at: datetime | None = None,
) -> None:
    """Only while we hold it: a worker that was too slow writes nothing."""
    WebhookDelivery.objects.filter(pk=row.pk, lease=row.lease).update(
        status=status,
        next_try_at=next_try_at,
        answer_status=answer,
        error=error.replace("\x00", "")[:300],
        sent_at=sent_at,
        lease=None,
    )
