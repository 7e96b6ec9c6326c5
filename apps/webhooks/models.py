"""Other systems that a campus tells what happened, and what each of them was told."""

import uuid
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Named
from apps.common.ids import TimeOrderedKey
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel
from apps.webhooks.events import EVENT_CHOICES

ADDRESS_LENGTH: Final = 500


class WebhookEndpoint(TimestampedModel):
    """Where events of the chosen kinds are sent to.

    `secret` signs what is sent; the one before it signs as well until `previous_until`. An endpoint
    is told what happened after `listens_since`, while it is active. After several failures in a row
    it is left alone until `resting_until`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(
        _("address"),
        max_length=ADDRESS_LENGTH,
        help_text=_("https://…, where the other system waits for events."),
    )
    events = ArrayField(
        models.CharField(max_length=40, choices=EVENT_CHOICES),
        verbose_name=_("events"),
        help_text=_("What it is told."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    sealed_secret = models.BinaryField(_("secret"), editable=False)
    previous_secret = models.BinaryField(_("secret before"), null=True, blank=True, editable=False)
    previous_until = models.DateTimeField(
        _("secret before good until"), null=True, blank=True, editable=False
    )
    listens_since = models.DateTimeField(_("listens since"), editable=False)
    failures = models.PositiveIntegerField(
        _("failures in a row"), default=0, db_default=0, editable=False
    )
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    resting_until = models.DateTimeField(
        _("left alone until"), null=True, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "name"], name="webhook_name"),
            Named(field="name", name="webhook_named"),
            Named(field="url", name="webhook_addressed"),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(CampusModel):
    """One event for one endpoint. Life: waiting → sent, or → failed (tried again) … → given up.

    `event_key` is the audit entry that it comes from, or made up for a test; together with the
    endpoint it is told once. It holds no more than the row's kind and id: the content is read when
    it is sent. While a worker sends it `lease` names the worker's hold, until `next_try_at`.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        FAILED = "failed", _("failed, will be tried again")
        SENT = "sent", _("sent")
        DEAD = "dead", _("given up")

    id = TimeOrderedKey()
    endpoint = CampusForeignKey(
        WebhookEndpoint,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="deliveries",
        verbose_name=_("webhook"),
    )
    event_key = models.UUIDField(_("event"))
    event = models.CharField(_("what happened"), max_length=40, choices=EVENT_CHOICES)
    at = models.DateTimeField(_("at"))
    target_type = models.CharField(_("kind of object"), max_length=100, blank=True)
    target_id = models.CharField(_("object id"), max_length=64, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(_("next try"))
    lease = models.UUIDField(_("lease"), null=True, blank=True, editable=False)
    answer_status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "endpoint", "event_key"], name="webhook_delivery_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "failed", "sent", "dead"]),
                name="webhook_delivery_status",
            ),
        ]
        indexes = [
            models.Index(
                fields=["campus", "next_try_at"],
                condition=Q(status__in=["waiting", "failed"]),
                name="webhook_delivery_due",
            ),
            models.Index(fields=["campus", "at"], name="webhook_delivery_at"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.at:%Y-%m-%d %H:%M}"
