"""The outbox as operators see it: messages, deliveries, those given up to try again."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.common.languages import spoken
from apps.common.moments import moment_text
from apps.notifications.message_types import MESSAGE_TYPES, message_type_of
from apps.notifications.models import (
    MAY_RUN_THE_OUTBOX,
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
from apps.notifications.placeholders import filled
from apps.notifications.preview import shown
from apps.notifications.rendering import previews
from apps.notifications.selectors import queue_states
from apps.notifications.services import retry_dead
from apps.notifications.texts import TEXTS
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id, entered_campus_id

LABELS = {
    Status.WAITING: "info",
    Status.SENDING: "info",
    Status.SENT: "success",
    Status.FAILED: "warning",
    Status.DEAD: "danger",
}


def short(moment: datetime) -> str:
    """On the campus's clock, in one line of a table where there is room for it."""
    return moment_text(moment, timezone.get_current_timezone())


def page_context(page: HistoryAdmin, request: HttpRequest, title: Any) -> dict[str, Any]:
    """What the frame of the administration needs around a page of our own."""
    return {**page.admin_site.each_context(request), "opts": page.opts, "title": title}


@admin.register(Message)
class MessageAdmin(HistoryAdmin):
    list_display = ["created", "shown_type", "__str__", "sender"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["sender"]
    search_fields = ["title", "key"]
    readonly_fields = ["preview"]

    @display(description=_("created"), ordering="created_at")
    def created(self, message: Message) -> str:
        return short(message.created_at)

    @display(description=_("type"), ordering="kind")
    def shown_type(self, message: Message) -> Any:
        return message_type_of(message.kind).label

    @display(description=_("as people read it"))
    def preview(self, message: Message) -> str:
        """Subject and text of the e-mail in every language of the platform."""
        context = {"previews": previews(message)}
        return render_to_string("admin/notifications/preview.html", context)

    def get_urls(self) -> list[Any]:
        site = self.admin_site
        return [
            path("texts/", site.admin_view(self.texts_view), name="notifications_message_texts"),
            path(
                "texts/<slug:code>/",
                site.admin_view(self.text_view),
                name="notifications_message_text",
            ),
            *super().get_urls(),
        ]

    def texts_view(self, request: HttpRequest) -> HttpResponse:
        """Everything that the platform may say, by type."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = [
            {
                "code": code,
                "title": filled(gettext(text.title), text.sample),
                "kind": MESSAGE_TYPES[text.kind],
            }
            for code, text in TEXTS.items()
        ]
        context = {**page_context(self, request, _("Texts")), "rows": rows}
        return render(request, "admin/notifications/texts.html", context)

    def text_view(self, request: HttpRequest, code: str) -> HttpResponse:
        """One text over every channel, in the language that was chosen."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if code not in TEXTS:
            raise Http404
        chosen = spoken(request.GET.get("language", get_language() or ""))
        name = Campus.objects.get(pk=current_campus_id()).name
        context = {
            **page_context(self, request, MESSAGE_TYPES[TEXTS[code].kind].label),
            "versions": shown(code=code, language=chosen, campus_name=name),
            "languages": settings.LANGUAGES,
            "chosen": chosen,
        }
        return render(request, "admin/notifications/text.html", context)


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    list_display = [
        "created",
        "message",
        "user",
        "channel",
        "shown_status",
        "attempts",
        "next_try",
        "error",
    ]
    list_filter = ["status", "channel", "created_at"]
    list_select_related = ["message", "user"]
    search_fields = ["user__members__email", "error", "provider_id"]
    actions = ["retry"]
    lookups = ("message__id__exact",)
    list_before_template = "admin/notifications/queue.html"

    @display(description=_("created"), ordering="created_at")
    def created(self, delivery: Delivery) -> str:
        return short(delivery.created_at)

    @display(description=_("next try"), ordering="next_try_at")
    def next_try(self, delivery: Delivery) -> str:
        return short(delivery.next_try_at) if delivery.status in OPEN_STATUSES else ""

    @display(description=_("status"), ordering="status", label=LABELS)
    def shown_status(self, delivery: Delivery) -> tuple[str, Any]:
        return delivery.status, delivery.get_status_display()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        queues = [
            (Channel(state.channel).label, state) for state in queue_states() if state.is_configured
        ]
        return super().changelist_view(request, {**(extra_context or {}), "queues": queues})

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
    search_fields = ["user__members__email"]
    exclude = ["token", "p256dh", "auth"]


@admin.register(Preference)
class PreferenceAdmin(HistoryAdmin):
    list_display = ["user", "kind", "channel", "is_wanted"]
    list_filter = ["kind", "channel", "is_wanted"]
    list_select_related = ["user"]
    search_fields = ["user__members__email"]


@admin.register(QuietHours)
class QuietHoursAdmin(HistoryAdmin):
    list_display = ["user", "starts_at", "ends_at"]
    list_select_related = ["user"]
    search_fields = ["user__members__email"]


@admin.register(CampusMessages)
class CampusMessagesAdmin(CampusModelAdmin):
    """One row per campus; where it is missing the defaults hold."""

    list_display = ["__str__", "tells_contacts", "sms_per_day", "kept_days"]
    fieldsets = [
        (None, {"fields": ["tells_contacts"]}),
        (_("Limits"), {"fields": ["sms_per_day", "kept_days"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        outside = entered_campus_id() is None  # a super_admin who has not chosen a campus yet
        return super().has_add_permission(request) and (
            outside or not CampusMessages.objects.exists()
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
