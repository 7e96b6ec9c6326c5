"""Liveness checks in the administration: what was asked and found. No picture."""

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apps.audit.admin_base import HistoryAdmin
from apps.liveness.models import LivenessCheck, LivenessFrame


@admin.register(LivenessCheck)
class LivenessCheckAdmin(HistoryAdmin):
    """Frames are opened under “Stored images”, for a reason."""

    list_display = ["sent_at", "student", "turns", "decision", "reason", "latency_ms"]
    list_filter = ["decision", "reason", "sent_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student"]
    search_fields = ["student__code", "reference"]


@admin.register(LivenessFrame)
class LivenessFrameAdmin(HistoryAdmin):
    list_display = ["seen_at", "student", "check_of", "number", "turn", "at_ms"]
    list_filter = ["seen_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "check_of"]
    search_fields = ["student__code"]
    fields = [
        ("student", "seen_at"),
        ("check_of", "sample"),
        ("number", "turn", "at_ms"),
        "image",
    ]
