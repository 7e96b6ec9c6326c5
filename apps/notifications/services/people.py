"""What people decide for themselves: addresses for push, channels, quiet hours, what they read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid, NotFound
from apps.notifications.channels.web_push import from_base64url, is_allowed_endpoint
from apps.notifications.message_types import MESSAGE_TYPES
from apps.notifications.models import (
    Channel,
    Delivery,
    DeviceType,
    Preference,
    PushToken,
    QuietHours,
)
from apps.tenants.scope import current_campus_id

P256_POINT_BYTES = 65  # uncompressed
AUTH_SECRET_BYTES = 16  # RFC 8291 §3.2


@dataclass(frozen=True, kw_only=True)
class WebPushKeys:
    """The keys of a browser's subscription, base64url (`PushSubscription.toJSON().keys`)."""

    p256dh: str
    auth: str


@transaction.atomic
def push_token_register(
    *,
    user: Any,
    device_type: str,
    token: str,
    keys: WebPushKeys | None = None,
    now: datetime,
    actor: Actor,
) -> bool:
    """Reach this person there from now on; returns whether the kind of device is new for them.

    Replaces their token of this kind of device. A token that belonged to somebody else (a phone
    that changed hands) is taken from them. Raises `Invalid` (bad_subscription).
    """
    if device_type == DeviceType.WEB:
        _check_subscription(token, keys)
    elif keys is not None:
        raise Invalid("bad_subscription", _("Only browsers have keys."))
    with connection.cursor() as cursor:  # two registrations of one token wait for each other
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [token, current_campus_id()]
        )
    taken = PushToken.objects.filter(token=token).exclude(user=user, device_type=device_type)
    previous = list(taken.exclude(user=user).values_list("user_id", flat=True))
    taken.delete()
    _row, created = PushToken.objects.update_or_create(
        user=user,
        device_type=device_type,
        defaults={
            "token": token,
            "p256dh": keys.p256dh if keys else "",
            "auth": keys.auth if keys else "",
        },
    )
    log_event(
        actor=actor,
        action="push_token.registered",
        now=now,
        data={"device_type": device_type, "taken_from": previous},
    )
    return created


def _check_subscription(endpoint: str, keys: WebPushKeys | None) -> None:
    try:
        sound = (
            keys is not None
            and len(from_base64url(keys.p256dh)) == P256_POINT_BYTES
            and len(from_base64url(keys.auth)) == AUTH_SECRET_BYTES
        )
    except ValueError:
        sound = False
    if not sound or not is_allowed_endpoint(endpoint):
        raise Invalid("bad_subscription", _("This is not a subscription of a known push service."))


@transaction.atomic
def push_token_forget(*, user: Any, device_type: str, now: datetime, actor: Actor) -> None:
    """No push to this kind of device any more; raises `NotFound` (no_push_token)."""
    removed, _by_model = PushToken.objects.filter(user=user, device_type=device_type).delete()
    if not removed:
        raise NotFound("no_push_token", _("No such device is registered."))
    log_event(
        actor=actor,
        action="push_token.removed",
        now=now,
        data={"device_type": device_type},
    )


def mark_read(*, user: Any, message_ids: Collection[UUID] | None, now: datetime) -> int:
    """These messages (None: all) of the person's inbox are read; returns how many were not yet."""
    unread = Delivery.objects.filter(user=user, channel=Channel.INBOX, read_at__isnull=True)
    if message_ids is not None:
        unread = unread.filter(message_id__in=message_ids)
    return unread.update(read_at=now)


@transaction.atomic
def preferences_set(
    *,
    user: Any,
    choices: Mapping[str, Mapping[str, bool]],
    quiet_hours: tuple[time, time] | None,
) -> None:
    """Replace all choices (kind → channel → wanted) and the quiet hours (None: none).

    What equals the default is not kept, so that a later change of the default reaches people who
    never chose. Raises `Invalid` (unknown_kind, unknown_channel,
    forced_kind, empty_quiet_hours).
    """
    rows = [
        Preference(user=user, kind=kind, channel=name, is_wanted=wanted)
        for kind, channels in choices.items()
        for name, wanted in channels.items()
        if _is_choice(kind, name, wanted)
    ]
    if quiet_hours is not None and quiet_hours[0] == quiet_hours[1]:
        raise Invalid("empty_quiet_hours", _("Quiet hours need a beginning and another end."))
    Preference.objects.filter(user=user).delete()
    Preference.objects.bulk_create(rows)
    if quiet_hours is None:
        QuietHours.objects.filter(user=user).delete()
    else:
        QuietHours.objects.update_or_create(
            user=user, defaults={"starts_at": quiet_hours[0], "ends_at": quiet_hours[1]}
        )


def _is_choice(kind: str, name: str, wanted: bool) -> bool:
    message_type = MESSAGE_TYPES.get(kind)
    if message_type is None:
        raise Invalid("unknown_kind", _("There is no such type of message."), kind=kind)
    if name not in Channel.values or name == Channel.INBOX:
        raise Invalid("unknown_channel", _("This channel cannot be chosen."), channel=name)
    if message_type.forced and not wanted and name in message_type.default_channels:
        raise Invalid("forced_kind", _("These messages cannot be switched off."), kind=kind)
    return wanted != (name in message_type.default_channels)
