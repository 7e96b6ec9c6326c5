"""What an offline check-in was held against: when accounts were heard of, for a day."""

from django.contrib import admin

from apps.checkin.models import OnlineMinute
from apps.audit.admin_base import HistoryAdmin


@admin.register(OnlineMinute)
class OnlineMinuteAdmin(HistoryAdmin):
    list_display = ["heard_at", "user_id", "opening"]
    list_filter = ["opening", "heard_at"]
    search_fields = ["=user_id"]
