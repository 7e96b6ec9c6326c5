from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    CheckInAttempt,
    Policy,
    RecordChange,
)
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin, HistoryInline


@admin.register(Policy)
class PolicyAdmin(CampusModelAdmin):
    """A version is never changed: adding one takes the next number of its course or campus."""

    list_display = ["__str__", "version", "present_threshold", "late_after_minutes", "created_at"]
    list_select_related = ["course__subject"]
    autocomplete_fields = ["course"]
    readonly_fields = ["version", "created_at"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        newest = Policy.objects.filter(course=obj.course).order_by("-version").first()
        obj.version = newest.version + 1 if newest else 1
        obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(CheckInAttempt)
class CheckInAttemptAdmin(HistoryAdmin):
    """Raw coordinates are not shown: the factors tell the distance band."""

    list_display = ["received_at", "student", "session", "outcome", "reason", "score", "method"]
    list_filter = ["outcome", "reason", "method", "face_state", "received_at"]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name"]
    exclude = ["latitude", "longitude", "selfie"]


class RecordChangeInline(HistoryInline):
    model = RecordChange
    fields = ["at", "before", "after", "reason", "actor_label"]


@admin.register(AttendanceRecord)
class AttendanceRecordAdmin(HistoryAdmin):
    """Marks are corrected on the session's page, with a reason; here they are looked at."""

    list_display = ["student", "session", "status", "source", "recorded_at", "verification_score"]
    list_filter = ["status", "source", "recorded_at"]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    inlines = [RecordChangeInline]


@admin.register(RecordChange)
class RecordChangeAdmin(HistoryAdmin):
    list_display = ["at", "record", "before", "after", "actor_label", "reason"]
    list_filter = ["after", "at"]
    list_select_related = ["record"]
    search_fields = ["actor_label", "reason", "record__student__code"]


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
