from django.contrib import admin

from apps.audit.admin_base import HistoryAdmin
from apps.privacy.models import Consent


@admin.register(Consent)
class ConsentAdmin(HistoryAdmin):
    """Only students themselves give and withdraw consent."""

    list_display = ["student", "kind", "version", "given_at", "withdrawn_at"]
    list_filter = ["kind", "withdrawn_at"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name"]
