"""The register and its history in the administration."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    BulkChange,
    CustomStatus,
    RecordChange,
)
from apps.attendance.services.statuses import refuse_if_used
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin, HistoryInline

STATUS_COLOURS = {
    "present": "success",
    "late": "warning",
    "absent": "danger",
    "invalid": "danger",
    "excused": "info",
}


class RecordChangeInline(HistoryInline):
    model = RecordChange
    fields = ["at", "before", "before_label", "after", "after_label", "reason", "actor_label"]


@admin.register(AttendanceRecord)
class AttendanceRecordAdmin(HistoryAdmin):
    """Marks are corrected on the session's page, with a reason; here they are looked at."""

    list_display = [
        "student",
        "session",
        "state",
        "label",
        "source",
        "recorded_at",
        "verification_score",
    ]
    list_filter = ["status", "source", "recorded_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "session__course__subject", "label"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    inlines = [RecordChangeInline]

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def state(self, record: AttendanceRecord) -> tuple[str, str]:
        return record.status, record.get_status_display()


@admin.register(RecordChange)
class RecordChangeAdmin(HistoryAdmin):
    list_display = ["at", "student", "session", "was", "became", "actor_label", "reason"]
    list_filter = ["after", "at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["actor_label", "reason", "student__code"]

    @admin.display(description=_("before"), ordering="before", empty_value="–")
    def was(self, change: RecordChange) -> str:
        return change.before_label or change.get_before_display()

    @admin.display(description=_("after"), ordering="after", empty_value="–")
    def became(self, change: RecordChange) -> str:
        return change.after_label or change.get_after_display()


@admin.register(BulkChange)
class BulkChangeAdmin(HistoryAdmin):
    list_display = ["at", "session", "actor_label", "rows", "undone_at"]
    list_filter = ["at", "undone_at"]
    list_select_related = ["session__course__subject"]
    search_fields = ["actor_label", "session__course__code"]

    @admin.display(description=_("rows"))
    def rows(self, bulk: BulkChange) -> int:
        return len(bulk.results)


@admin.register(CustomStatus)
class CustomStatusAdmin(CampusModelAdmin):
    """The campus's own statuses. Code, meaning and rule are fixed once a mark has one."""

    list_display = ["name", "code", "meaning", "counts_as", "points", "position", "is_active"]
    list_filter = ["meaning", "counts_as", "is_active"]
    search_fields = ["name", "code"]
    fields = [
        ("name", "code"),
        ("meaning", "counts_as"),
        ("points", "colour"),
        ("position", "is_active"),
    ]

    def save_model(self, request: HttpRequest, obj: CustomStatus, form: Any, change: bool) -> None:
        if change:
            CustomStatus.objects.select_for_update().get(pk=obj.pk)
            refuse_if_used(obj, changed=set(form.changed_data))
        super().save_model(request, obj, form, change)


@admin.register(AttendanceSummary)
class AttendanceSummaryAdmin(HistoryAdmin):
    list_display = [
        "student",
        "course",
        "attended_sessions",
        "total_sessions",
        "late_sessions",
        "attendance_percentage",
    ]
    list_select_related = ["student", "course__subject"]
    search_fields = ["student__code", "student__full_name", "course__code"]
