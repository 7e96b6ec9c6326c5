"""The outbox as operators see it: messages, deliveries, dead letters to try again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from apps.audit.actors import request_actor
from apps.audit.admin_base import HistoryAdmin
from apps.notifications.models import (
    MAY_RUN_THE_OUTBOX,
    Delivery,
    Message,
    Preference,
    PushToken,
    QuietHours,
    Status,
)
from apps.notifications.rendering import previews
from apps.notifications.selectors import queue_states
from apps.notifications.services import retry_dead

LABELS = {
    Status.WAITING: "info",
    Status.SENDING: "info",
    Status.SENT: "success",
    Status.FAILED: "warning",
    Status.DEAD: "danger",
}


@admin.register(Message)
class MessageAdmin(HistoryAdmin):
    list_display = ["created_at", "kind", "title", "sender"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["sender"]
    search_fields = ["title", "key"]
    readonly_fields = ["preview"]

    @display(description=_("as people read it"))
    def preview(self, message: Message) -> str:
        """Subject and text of the e-mail in every language of the platform."""
        context = {"previews": previews(message)}
        return render_to_string("admin/notifications/preview.html", context)


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    list_display = [
        "created_at",
        "message",
        "user",
        "channel",
        "shown_status",
        "attempts",
        "next_try_at",
        "error",
    ]
    list_filter = ["status", "channel", "created_at"]
    list_select_related = ["message", "user"]
    search_fields = ["user__email", "error", "provider_id"]
    actions = ["retry"]
    lookups = ("message__id__exact",)
    list_before_template = "admin/notifications/queue.html"

    @display(description=_("status"), ordering="status", label=LABELS)
    def shown_status(self, delivery: Delivery) -> tuple[str, Any]:
        return delivery.status, delivery.get_status_display()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        states = [state for state in queue_states() if state.is_configured]
        return super().changelist_view(request, {**(extra_context or {}), "queues": states})

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(MAY_RUN_THE_OUTBOX))

    @action(description=_("Try again what was given up"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = retry_dead(deliveries=queryset, now=timezone.now(), actor=request_actor(request))
        text = ngettext(
            "%(count)d delivery will be tried again.",
            "%(count)d deliveries will be tried again.",
            count,
        )
        messages.success(request, text % {"count": count})


@admin.register(PushToken)
class PushTokenAdmin(HistoryAdmin):
    """Who can be reached by push. The token itself opens a way to the device: not shown."""

    list_display = ["user", "device_type", "updated_at"]
    list_filter = ["device_type"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    exclude = ["token", "p256dh", "auth"]


@admin.register(Preference)
class PreferenceAdmin(HistoryAdmin):
    list_display = ["user", "kind", "channel", "is_wanted"]
    list_filter = ["kind", "channel", "is_wanted"]
    list_select_related = ["user"]
    search_fields = ["user__email"]


@admin.register(QuietHours)
class QuietHoursAdmin(HistoryAdmin):
    list_display = ["user", "starts_at", "ends_at"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
