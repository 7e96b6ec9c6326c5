from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.attendance.admin_forms import WEIGHT_ROWS, PolicyForm
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
    search_fields = ["course__code"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = PolicyForm
        return super().get_form(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new version is typed factor by factor; one that exists is shown as it is kept."""
        weights = [*WEIGHT_ROWS] if obj is None else ["weights"]
        scope = ["course"] if obj is None else [("course", "version", "created_at")]
        return [
            (None, {"fields": scope}),
            (_("Weights"), {"fields": weights}),
            (
                _("Rules"),
                {
                    "fields": [
                        ("required", "decisive"),
                        ("present_threshold", "late_after_minutes"),
                        ("open_before_minutes", "open_after_minutes"),
                    ]
                },
            ),
        ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        newest = Policy.objects.filter(course=obj.course).order_by("-version").first()
        obj.version = newest.version + 1 if newest else 1
        obj.created_at = timezone.now()
        obj.weights = form.weights()
        super().save_model(request, obj, form, change)


STATUS_COLOURS = {
    "present": "success",
    "late": "warning",
    "absent": "danger",
    "invalid": "danger",
    "excused": "info",
}


@admin.register(CheckInAttempt)
class CheckInAttemptAdmin(HistoryAdmin):
    """Raw coordinates are not shown: the factors tell the distance band."""

    list_display = ["received_at", "student", "session", "result", "reason", "score", "method"]
    list_filter = [
        "outcome",
        "reason",
        "method",
        "face_state",
        "received_at",
        ("student", AutocompleteSelectFilter),
    ]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    fieldsets = [
        (None, {"fields": [("student", "session"), ("received_at", "redeemed_at", "settled_at")]}),
        (
            _("How it was judged"),
            {"fields": [("outcome", "reason", "score"), ("method", "face_state"), "proofs"]},
        ),
        (
            _("What the phone said"),
            {
                "fields": [
                    ("device", "address"),
                    ("bluetooth_rssi", "accuracy_m", "redeem_delay_ms"),
                    ("device_info", "nonce"),
                ]
            },
        ),
    ]
    readonly_fields = ["proofs"]

    @display(
        description=_("outcome"),
        ordering="outcome",
        label={"pending": "info", "accepted": "success", "refused": "danger"},
    )
    def result(self, attempt: CheckInAttempt) -> tuple[str, str]:
        return attempt.outcome, attempt.get_outcome_display()

    @admin.display(description=_("factors"))
    def proofs(self, attempt: CheckInAttempt) -> str:
        """Each factor with what it found, as a table."""
        return render_to_string("admin/attendance/_factors.html", {"factors": attempt.factors})


class RecordChangeInline(HistoryInline):
    model = RecordChange
    fields = ["at", "before", "after", "reason", "actor_label"]


@admin.register(AttendanceRecord)
class AttendanceRecordAdmin(HistoryAdmin):
    """Marks are corrected on the session's page, with a reason; here they are looked at."""

    list_display = ["student", "session", "state", "source", "recorded_at", "verification_score"]
    list_filter = ["status", "source", "recorded_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    inlines = [RecordChangeInline]

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def state(self, record: AttendanceRecord) -> tuple[str, str]:
        return record.status, record.get_status_display()


@admin.register(RecordChange)
class RecordChangeAdmin(HistoryAdmin):
    list_display = ["at", "student", "session", "before", "after", "actor_label", "reason"]
    list_filter = ["after", "at"]
    list_select_related = ["record__student", "record__session__course__subject"]
    search_fields = ["actor_label", "reason", "record__student__code"]

    @admin.display(description=_("student"), ordering="record__student__code")
    def student(self, change: RecordChange) -> str:
        return str(change.record.student)

    @admin.display(description=_("session"), ordering="record__session__starts_at")
    def session(self, change: RecordChange) -> str:
        return str(change.record.session)


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
