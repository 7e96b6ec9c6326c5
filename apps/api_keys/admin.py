"""Keys in the administration: whose they are, when they were used, and ending them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from apps.api_keys.models import ApiKey
from apps.api_keys.services import keys_revoke
from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin):
    """Made by their person in the portal; nobody else ever sees one."""

    list_display = [
        "name",
        "user",
        "scope",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    list_filter = ["scope", "created_at"]
    list_select_related = ["user"]
    search_fields = ["name", "user__members__email"]
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return CampusModelAdmin.has_change_permission(self, request)

    @action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        number = keys_revoke(keys=queryset, now=timezone.now(), actor=request_actor(request))
        text = ngettext("%(count)d key was revoked.", "%(count)d keys were revoked.", number)
        messages.success(request, text % {"count": number})
