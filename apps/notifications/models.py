"""The outbox: messages, their deliveries, where people can be reached and what they want to hear.

Users are known by id only; why a message is sent is the business of the app that sends it.
"""

from typing import Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Between
from apps.common.ids import TimeOrderedKey
from apps.notifications.placeholders import filled
from apps.tenants.fields import CampusField, CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel

# What the history and retrying ask for; the table of roles says who has it.
MAY_RUN_THE_OUTBOX: Final = "notifications.change_delivery"


class Channel(models.TextChoices):
    INBOX = "inbox", _("inbox")
    PUSH = "push", _("push")
    WEB_PUSH = "web_push", _("web push")
    EMAIL = "email", _("e-mail")
    SMS = "sms", _("SMS")


class DeviceType(models.TextChoices):
    ANDROID = "android", "Android"
    IOS = "ios", "iOS"
    WEB = "web", _("web browser")


class Message(CampusModel):
    """What was said, once, however many hear it. `key` makes saying it twice impossible."""

    id = TimeOrderedKey()
    key = models.CharField(_("key"), max_length=200)
    kind = models.CharField(_("type"), max_length=40)
    title = models.CharField(_("title"), max_length=255)
    body = models.TextField(_("text"))
    data = models.JSONField(_("data"), default=dict, blank=True)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("sender"),
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["campus", "key"], name="message_key")]
        indexes = [
            models.Index(fields=["campus", "-created_at", "-id"], name="message_newest"),
            models.Index(fields=["campus", "kind", "created_at"], name="message_kind"),
        ]

    def __str__(self) -> str:
        return filled(gettext(self.title), self.data)


class Status(models.TextChoices):
    WAITING = "waiting", _("waiting")
    SENDING = "sending", _("sending")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed, will be tried again")
    DEAD = "dead", _("given up")


OPEN_STATUSES: Final = (Status.WAITING, Status.SENDING, Status.FAILED)


class Delivery(CampusModel):
    """One message to one person over one channel (and, for push, one kind of device).

    With a `contact`, to that guardian or adviser of the person instead.
    Life: waiting → sending → sent, or → failed (tried again at `next_try_at`) … → dead.
    While sending, `next_try_at` is the end of the worker's lease and `lease` names it: a worker
    that lost its lease can no longer write the row.
    """

    id = TimeOrderedKey()
    # Thousands of rows at once: the composite key to the message vouches for the campus, and the
    # unique constraint below is the index of the message.
    campus = CampusField(db_constraint=False)
    message = CampusForeignKey(
        Message,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("message"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("recipient"),
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    device_type = models.CharField(
        _("device type"), max_length=10, choices=DeviceType.choices, blank=True
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    contact = models.PositiveBigIntegerField(
        _("contact"),
        default=0,
        db_default=0,
        help_text=_("Number of the guardian or adviser whom this copy goes to; 0: the person."),
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next try"))
    lease = models.UUIDField(_("lease"), null=True, blank=True, editable=False)
    error = models.CharField(_("error"), max_length=300, blank=True)
    provider_id = models.CharField(_("provider's id"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("created"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "message", "user", "channel", "device_type", "contact"],
                name="delivery_once",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="delivery_channel"
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="delivery_status"),
            models.CheckConstraint(
                condition=~Q(status="sent") | Q(sent_at__isnull=False), name="delivery_sent_at"
            ),
            models.CheckConstraint(
                condition=Q(device_type="", channel__in=["inbox", "email", "sms"])
                | Q(device_type__in=["android", "ios"], channel="push")
                | Q(device_type="web", channel="web_push"),
                name="delivery_device_type",
            ),
            models.CheckConstraint(
                condition=Q(contact=0) | Q(channel__in=["email", "sms"]), name="delivery_contact"
            ),
        ]
        indexes = [
            models.Index(
                fields=["campus", "channel", "next_try_at", "id"],
                condition=Q(status__in=["waiting", "sending", "failed"]),
                name="delivery_due",
            ),
            models.Index(
                fields=["campus", "user", "-id"],
                condition=Q(channel="inbox"),
                name="delivery_inbox",
            ),
            models.Index(
                fields=["campus", "channel", "-id"],
                condition=Q(status__in=["failed", "dead"]),
                name="delivery_trouble",
            ),
            models.Index(
                fields=["campus", "sent_at"],
                condition=Q(channel="sms", status="sent"),
                name="delivery_sms_sent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} → {self.user_id} ({self.get_channel_display()})"


class PushToken(TimestampedModel):
    """Where push reaches one person: one address per kind of device, and one person per address.

    Phones: the FCM registration token. Browsers: the subscription's endpoint and its two keys
    (RFC 8291 §2), base64url.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("user"),
    )
    device_type = models.CharField(_("device type"), max_length=10, choices=DeviceType.choices)
    token = models.CharField(_("token"), max_length=1024)
    p256dh = models.CharField(_("browser's public key"), max_length=88, blank=True)
    auth = models.CharField(_("browser's secret"), max_length=24, blank=True)

    class Meta:
        verbose_name = _("push token")
        verbose_name_plural = _("push tokens")
        ordering = ["user_id", "device_type"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "user", "device_type"], name="push_token_one_per_device_type"
            ),
            models.UniqueConstraint(fields=["campus", "token"], name="push_token_one_owner"),
            models.CheckConstraint(
                condition=Q(device_type__in=DeviceType.values), name="push_token_device_type"
            ),
            models.CheckConstraint(
                condition=(Q(device_type="web") & ~Q(p256dh="") & ~Q(auth=""))
                | Q(device_type__in=["android", "ios"], p256dh="", auth=""),
                name="push_token_keys",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.get_device_type_display()}"


class Preference(TimestampedModel):
    """A person's own choice of a channel for a type of message, where it is not the default."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("user"),
    )
    kind = models.CharField(_("type"), max_length=40)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    is_wanted = models.BooleanField(_("wanted"))

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")
        ordering = ["user_id", "kind", "channel"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "user", "kind", "channel"], name="preference_unique"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["push", "web_push", "email", "sms"]),
                name="preference_channel",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.kind}, {self.channel}"


class QuietHours(TimestampedModel):
    """When a person's devices stay silent, on the campus's clock; may span midnight."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("user"),
    )
    starts_at = models.TimeField(_("from"))
    ends_at = models.TimeField(_("until"))

    class Meta:
        verbose_name = _("quiet hours")
        verbose_name_plural = _("quiet hours")
        ordering = ["user_id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "user"], name="quiet_hours_unique"),
            models.CheckConstraint(
                condition=~Q(starts_at=models.F("ends_at")), name="quiet_hours_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.starts_at:%H:%M}–{self.ends_at:%H:%M}"


class CampusMessages(TimestampedModel):
    """What a campus decides about its messages. Without a row the defaults hold."""

    tells_contacts = models.BooleanField(
        _("tell guardians and advisers"),
        default=False,
        help_text=_("Warnings about attendance also go to the contacts who agreed to that."),
    )
    sms_per_day = models.PositiveIntegerField(
        _("SMS per day"),
        default=500,
        help_text=_("What goes beyond waits for the next day, on the campus's clock. 0: none."),
    )
    kept_days = models.PositiveSmallIntegerField(
        _("days to keep messages"),
        default=180,
        validators=[MinValueValidator(7), MaxValueValidator(3660)],
        help_text=_("Older messages leave the inbox and the history."),
    )

    class Meta:
        verbose_name = _("settings of messages")
        verbose_name_plural = _("settings of messages")
        constraints = [
            models.UniqueConstraint(fields=["campus"], name="campus_messages_once"),
            models.CheckConstraint(
                condition=Q(kept_days__range=(7, 3660)), name="campus_messages_kept_days"
            ),
            Between(field="sms_per_day", name="campus_messages_sms", high=1_000_000),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
