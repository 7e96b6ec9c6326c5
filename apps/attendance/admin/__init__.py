from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.checkin import admin
from apps.integrity import admin
from apps.leave import admin
from apps.attendance.admin.forms import WEIGHT_ROWS, PolicyForm
from apps.checkin.explanation import explain
from apps.attendance.models import AttendanceRecord, AttendanceSummary, BulkChange, CustomStatus, Policy, RecordChange
from apps.checkin.models import CheckInAttempt
from apps.attendance.services.statuses import refuse_if_used
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
                        ("face", "class_code_weight"),
                        ("present_threshold", "offline_factor"),
                        ("offline_limit", "waiting_hours"),
                        ("late_after_minutes", "grace_minutes"),
                        ("open_before_minutes", "open_after_minutes", "close_after_minutes"),
                        ("check_in_from_minutes", "check_in_until_minutes"),
                    ]
                },
            ),
            (_("Corrections"), {"fields": [("edit_days", "appeal_days", "frozen_before")]}),
            (
                _("Reports"),
                {"fields": [("defaulter_percent", "warn_percent", "consecutive_absences")]},
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
        "offline",
        "received_at",
        ("student", AutocompleteSelectFilter),
    ]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    fieldsets = [
        (None, {"fields": [("student", "session"), ("received_at", "redeemed_at", "settled_at")]}),
        (
            _("How it was judged"),
            {
                "fields": [
                    ("outcome", "reason", "score"),
                    ("waits_until", "decided_by"),
                    ("method", "face_state"),
                    "explained",
                    "proofs",
                ]
            },
        ),
        (
            _("What the phone said"),
            {
                "fields": [
                    ("device", "address"),
                    ("bluetooth_rssi", "accuracy_m", "redeem_delay_ms"),
                    ("device_info", "nonce"),
                    ("offline", "device_counter", "claimed_at"),
                    "signed_by",
                ]
            },
        ),
    ]
    readonly_fields = ["explained", "proofs"]

    @display(
        description=_("outcome"),
        ordering="outcome",
        label={
            "pending": "info",
            "waiting": "warning",
            "accepted": "success",
            "refused": "danger",
        },
    )
    def result(self, attempt: CheckInAttempt) -> tuple[str, str]:
        return attempt.outcome, attempt.get_outcome_display()

    @admin.display(description=_("explanation"))
    def explained(self, attempt: CheckInAttempt) -> str:
        """The line that the student reads."""
        return explain(attempt)

    @admin.display(description=_("factors"))
    def proofs(self, attempt: CheckInAttempt) -> str:
        """Each factor with what it found, as a table."""
        return render_to_string("admin/attendance/_factors.html", {"factors": attempt.factors})


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
