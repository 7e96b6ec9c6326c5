"""Webhooks in the administration: added, tried, their secret shown and replaced; what was told."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.audit.admin_secrets import ShownSecret, show_secrets
from apps.common.moments import moment_text
from apps.webhooks.events import CHOSEN
from apps.webhooks.models import WebhookDelivery, WebhookEndpoint
from apps.webhooks.services import (
    deliveries_retry,
    endpoint_add,
    endpoint_begin,
    endpoint_test,
    secret_read,
    secret_replace,
)
from apps.webhooks.services.sending import address_problem

LABELS = {"waiting": "info", "failed": "warning", "sent": "success", "dead": "danger"}
STATES = {"on": "success", "failing": "danger", "off": "info"}


class EndpointForm(forms.ModelForm):
    events = forms.MultipleChoiceField(
        label=_("Events"),
        choices=CHOSEN,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What it is told. Students are named by their number alone."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["name", "url", "events", "is_active"]

    def clean_url(self) -> str:
        """Refused here if it would be refused when something is sent."""
        url = str(self.cleaned_data["url"])
        if problem := address_problem(url):
            raise forms.ValidationError(
                gettext("Nothing can be sent to this address: %(problem)s") % {"problem": problem}
            )
        return url


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(CampusModelAdmin):
    form = EndpointForm
    list_display = ["name", "url", "shown_events", "state", "failing"]
    list_filter = ["is_active"]
    search_fields = ["name", "url"]
    actions = ["test", "show_secret", "replace_secret"]
    fields = ["name", "url", "events", "is_active"]

    @display(description=_("events"))
    def shown_events(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.events)

    @display(description=_("state"), label=STATES)
    def state(self, endpoint: WebhookEndpoint) -> tuple[str, Any]:
        if not endpoint.is_active:
            return "off", _("off")
        return ("failing", _("failing")) if endpoint.failures else ("on", _("on"))

    @display(description=_("failing since"))
    def failing(self, endpoint: WebhookEndpoint) -> str:
        since = endpoint.failing_since
        return moment_text(since, timezone.get_current_timezone()) if since else ""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            endpoint_add(obj, now=timezone.now())
            text = gettext(
                "Tick it in the list and choose “Show the secret” to set up the other system."
            )
            messages.info(request, text)
            return
        was_off = form.initial.get("is_active") is False
        if obj.is_active and (was_off or "url" in form.changed_data):
            endpoint_begin(obj, now=timezone.now())
        super().save_model(request, obj, form, change)

    @action(description=_("Send a test event"), permissions=["change"])
    def test(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in queryset:
            endpoint_test(endpoint=endpoint, now=timezone.now(), actor=request_actor(request))
        text = gettext(
            "It is on its way. How it was taken stands in the list of webhook deliveries."
        )
        messages.success(request, text)

    @action(description=_("Show the secret"), permissions=["change"])
    def show_secret(
        self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]
    ) -> HttpResponse:
        """On a page of its own that no browser keeps."""
        actor = request_actor(request)
        return show_secrets(
            self,
            request,
            title=gettext("Secrets of webhooks"),
            said=gettext(
                "The other system checks with it that an event comes from here. Whoever has it can "
                "send events in your name: hand it on by a safe way, and replace it if it was seen."
            ),
            secrets=[
                ShownSecret(
                    name=f"{endpoint.name} ({endpoint.url})",
                    lines=[("", secret_read(endpoint=endpoint, now=timezone.now(), actor=actor))],
                )
                for endpoint in queryset
            ],
            back=gettext("Back to the webhooks"),
        )

    @action(description=_("Replace the secret"), permissions=["change"])
    def replace_secret(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in queryset:
            secret_replace(endpoint=endpoint, now=timezone.now(), actor=request_actor(request))
        text = gettext(
            "For 24 hours both secrets sign what is sent: give the new one to the other system."
        )
        messages.success(request, text)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(HistoryAdmin):
    """What was told, what was not, and why."""

    list_display = [
        "at",
        "endpoint",
        "event",
        "shown_status",
        "attempts",
        "answer_status",
        "next_try",
        "error",
    ]
    list_filter = ["status", "event", "at"]
    list_select_related = ["endpoint"]
    search_fields = ["endpoint__name", "error", "target_id"]
    actions = ["send_again"]

    @display(description=_("status"), ordering="status", label=LABELS)
    def shown_status(self, delivery: WebhookDelivery) -> tuple[str, Any]:
        return delivery.status, delivery.get_status_display()

    @display(description=_("next try"), ordering="next_try_at")
    def next_try(self, delivery: WebhookDelivery) -> str:
        if delivery.status in ("sent", "dead"):
            return ""
        return moment_text(delivery.next_try_at, timezone.get_current_timezone())

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("webhooks.change_webhookendpoint"))

    @action(description=_("Send again"), permissions=["retry"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        number = deliveries_retry(
            deliveries=queryset, now=timezone.now(), actor=request_actor(request)
        )
        text = ngettext(
            "%(count)d delivery is sent again.", "%(count)d deliveries are sent again.", number
        )
        messages.success(request, text % {"count": number})
