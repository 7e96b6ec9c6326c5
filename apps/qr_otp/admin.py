from django.contrib import admin

from apps.audit.admin_base import HistoryAdmin
from apps.qr_otp.models import OneTimeCode, QrSecret, Scan, Tries


@admin.register(Scan)
class ScanAdmin(HistoryAdmin):
    list_display = ["at", "subject", "scanner", "method", "accepted", "reason", "delay_ms"]
    list_filter = ["accepted", "reason", "method", "at"]
    search_fields = ["subject", "scanner"]


@admin.register(OneTimeCode)
class OneTimeCodeAdmin(HistoryAdmin):
    list_display = ["created_at", "purpose", "subject", "expires_at", "used_at", "attempts"]
    list_filter = ["purpose", "created_at"]
    search_fields = ["subject"]


@admin.register(QrSecret)
class QrSecretAdmin(HistoryAdmin):
    """When codes lived. The secret itself is never shown."""

    list_display = ["subject", "purpose", "created_at", "ended_at"]
    list_filter = ["purpose"]
    search_fields = ["subject"]


@admin.register(Tries)
class TriesAdmin(HistoryAdmin):
    list_display = ["who", "purpose", "subject", "count", "last_at"]
    search_fields = ["who", "subject"]
