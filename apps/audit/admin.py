from django.contrib import admin

from apps.audit.admin_base import HistoryAdmin
from apps.audit.models import Entry, Seal


@admin.register(Entry)
class EntryAdmin(HistoryAdmin):
    list_display = ["at", "actor_label", "action", "target_type", "target_id", "address"]
    list_filter = ["at", "target_type"]
    lookups = ("target_id",)
    search_fields = ["actor_label", "action", "target_id"]
    fields = [
        "at",
        "actor_label",
        "actor_id",
        "address",
        "user_agent",
        "action",
        "target_type",
        "target_id",
        "data",
    ]


@admin.register(Seal)
class SealAdmin(HistoryAdmin):
    list_display = ["position", "entry"]
    list_select_related = ["entry"]
    fields = ["position", "entry"]
    ordering = ["-position"]
