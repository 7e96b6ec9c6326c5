from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.announcements.models import Announcement
from apps.announcements.selectors import with_status
from apps.audit.admin_base import HistoryAdmin

LABELS = {
    Announcement.Status.SENDING: "info",
    Announcement.Status.SUCCESS: "success",
    Announcement.Status.PARTIAL: "warning",
    Announcement.Status.FAILED: "danger",
}


@admin.register(Announcement)
class AnnouncementAdmin(HistoryAdmin):
    list_display = ["sent_at", "sender", "section", "title", "recipient_count", "shown_status"]
    list_select_related = ["sender", "section__department", "outbox"]
    list_filter = [("section", AutocompleteSelectFilter), "sent_at"]
    search_fields = ["title", "sender__full_name", "sender__code"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_status()

    @display(description=_("status"), label=LABELS)
    def shown_status(self, announcement: Any) -> tuple[str, Any]:
        status = Announcement.Status(announcement.status)
        return status, status.label
