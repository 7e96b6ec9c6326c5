"""Reads of the outbox."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, QuerySet

from apps.notifications import circuit_breaker
from apps.notifications.channels import configured
from apps.notifications.message_types import MESSAGE_TYPES
from apps.notifications.models import (
    OPEN_STATUSES,
    CampusMessages,
    Channel,
    Delivery,
    Message,
    Preference,
    PushToken,
    QuietHours,
    Status,
)
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id


def due_channels(*, now: datetime) -> list[str]:
    """Channels that can be used now and have something to send on the entered campus."""
    usable = [name for name in configured() if not circuit_breaker.is_paused(name=name, now=now)]
    due = [
        name
        for name in usable
        if Delivery.objects.filter(
            channel=name, status__in=OPEN_STATUSES, next_try_at__lte=now
        ).exists()
    ]
    if Channel.SMS in due:
        campus = Campus.objects.get(pk=current_campus_id())
        if not sms_left(zone=campus.zone, now=now):
            due.remove(Channel.SMS)
    return due


def campus_messages() -> CampusMessages:
    """What the entered campus decided about its messages; the defaults where it did not."""
    return CampusMessages.objects.first() or CampusMessages()


def sms_left(*, zone: ZoneInfo, now: datetime) -> int:
    """How many short messages the campus may still send on this day of its clock.

    Those that are being sent count, and those that were given up because a worker was lost do
    not: whether the provider had them is not known.
    """
    midnight = datetime.combine(now.astimezone(zone).date(), time(), tzinfo=zone)
    sms = Delivery.objects.filter(channel=Channel.SMS)
    sent = sms.filter(status=Status.SENT, sent_at__gte=midnight).count()
    sending = sms.filter(status=Status.SENDING, next_try_at__gt=now).count()
    return max(0, campus_messages().sms_per_day - sent - sending)


def inbox(*, user: Any) -> QuerySet[Delivery]:
    """The person's messages, newest first."""
    return (
        Delivery.objects.filter(user=user, channel=Channel.INBOX)
        .select_related("message")
        .order_by("-id")
    )


def unread_count(*, user: Any) -> int:
    return Delivery.objects.filter(user=user, channel=Channel.INBOX, read_at__isnull=True).count()


def push_tokens(*, user: Any) -> QuerySet[PushToken]:
    return PushToken.objects.filter(user=user).order_by("device_type")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a person hears, and where: kind → channel → wanted."""

    kinds: dict[str, dict[str, bool]]
    quiet_hours: QuietHours | None


def choices_of(*, user: Any) -> Choices:
    """The person's own choices over the default channels of every type; two queries."""
    names = [name for name in Channel.values if name != Channel.INBOX]
    kinds = {
        code: {name: name in message_type.default_channels for name in names}
        for code, message_type in MESSAGE_TYPES.items()
    }
    for choice in Preference.objects.filter(user=user):
        found = MESSAGE_TYPES.get(choice.kind)
        if found is not None and not (found.forced and choice.channel in found.default_channels):
            kinds[choice.kind][choice.channel] = choice.is_wanted
    return Choices(kinds=kinds, quiet_hours=QuietHours.objects.filter(user=user).first())


def _going_out(**conditions: Any) -> Count:
    return Count("deliveries", filter=~Q(deliveries__channel=Channel.INBOX) & Q(**conditions))


def history() -> QuerySet[Message]:
    """Messages, newest first, with counts: `people`, and what became of what went out."""
    return (
        Message.objects.select_related("sender")
        .annotate(
            people=Count("deliveries", filter=Q(deliveries__channel=Channel.INBOX)),
            sent=_going_out(deliveries__status=Status.SENT),
            open=_going_out(deliveries__status__in=OPEN_STATUSES),
            dead=_going_out(deliveries__status=Status.DEAD),
        )
        .order_by("-created_at", "-id")
    )


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """One channel of the entered campus."""

    channel: str
    is_configured: bool
    waiting: int
    sending: int
    failed: int
    dead: int
    oldest_at: datetime | None
    trouble: circuit_breaker.Trouble | None


def queue_states() -> list[QueueState]:
    """Depth, oldest waiting message and failures of every channel; one query."""
    counted: dict[str, Any] = {
        row["channel"]: row
        for row in Delivery.objects.filter(status__in=[*OPEN_STATUSES, Status.DEAD])
        .order_by()
        .values("channel")
        .annotate(
            **{
                status.value: Count("id", filter=Q(status=status))
                for status in (*OPEN_STATUSES, Status.DEAD)
            },
            oldest_at=Min("created_at", filter=Q(status__in=OPEN_STATUSES)),
        )
    }
    return [_state(name, counted.get(name, {})) for name in _outward()]


def _outward() -> Iterable[str]:
    return (name for name in Channel.values if name != Channel.INBOX)


def _state(name: str, counts: dict[str, Any]) -> QueueState:
    return QueueState(
        channel=name,
        is_configured=name in configured(),
        waiting=counts.get("waiting", 0),
        sending=counts.get("sending", 0),
        failed=counts.get("failed", 0),
        dead=counts.get("dead", 0),
        oldest_at=counts.get("oldest_at"),
        trouble=circuit_breaker.trouble_of(name=name),
    )


def channels_down() -> list[str]:
    """Names of the channels whose provider does not work now."""
    return [name for name in _outward() if circuit_breaker.trouble_of(name=name) is not None]
