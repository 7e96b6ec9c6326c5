"""SCIM clients in the administration: their key, shown once, and whom they have closed."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.audit.admin_secrets import ShownSecret, show_secrets
from apps.identity_providers.models import Leaver, ScimClient, ScimPerson
from apps.identity_providers.services import scim_client_key_renew, scim_client_revoke
from apps.tenants.addresses import campus_url

STATES: Final = {"on": "success", "revoked": "danger"}


@admin.register(ScimClient)
class ScimClientAdmin(CampusModelAdmin):
    list_display = ["name", "user_name", "creates", "state", "created_at", "last_used_at"]
    list_filter = ["creates"]
    search_fields = ["name"]
    fields = ["name", "user_name", "creates"]
    actions = ["make_key", "revoke"]

    @display(description=_("state"), label=STATES)
    def state(self, client: ScimClient) -> tuple[str, Any]:
        return ("revoked", _("revoked")) if client.revoked_at else ("on", _("on"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_at, obj.digest = timezone.now(), b""
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return self._key_page(request, obj)

    def _key_page(self, request: HttpRequest, client: ScimClient) -> HttpResponse:
        """A new key on a page of its own, which no browser keeps: nobody sees it again."""
        key = scim_client_key_renew(client=client, now=timezone.now(), actor=request_actor(request))
        name = gettext("Key of %(client)s (secret token)") % {"client": client.name}
        return show_secrets(
            self,
            request,
            title=gettext("Key of the SCIM client"),
            said=gettext(
                "Enter both in the directory. The key is shown this once: whoever has it can close "
                "people here. Make a new one if it was seen."
            ),
            secrets=[
                ShownSecret(
                    name=gettext("Address (tenant URL)"), lines=[("", campus_url("/scim/v2"))]
                ),
                ShownSecret(name=name, lines=[("", key)]),
            ],
            back=gettext("Back to the SCIM clients"),
        )

    @action(description=_("Make a new key"), permissions=["change"])
    def make_key(self, request: HttpRequest, queryset: QuerySet[ScimClient]) -> Any:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, gettext("Tick one: the old key ends at once."))
            return None
        return self._key_page(request, chosen[0])

    @action(description=_("Revoke the key"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ScimClient]) -> None:
        for client in queryset:
            scim_client_revoke(client=client, now=timezone.now(), actor=request_actor(request))
        messages.success(request, gettext("Revoked: the directory is answered no more."))


@admin.register(ScimPerson)
class ScimPersonAdmin(HistoryAdmin):
    list_display = ["user", "client", "external_id", "created_at"]
    list_filter = ["client"]
    list_select_related = ["user", "client"]
    search_fields = ["external_id", "user__members__email"]


@admin.register(Leaver)
class LeaverAdmin(HistoryAdmin):
    """They come back when the directory says so; the office gives roles back as always."""

    list_display = ["user", "left_at", "shown_roles"]
    list_filter = ["left_at"]
    list_select_related = ["user"]
    search_fields = ["user__members__email"]

    @display(description=_("roles"))
    def shown_roles(self, leaver: Leaver) -> str:
        return ", ".join(leaver.roles)
