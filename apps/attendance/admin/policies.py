"""Policies in the administration: new versions are added, none is changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.attendance.admin.forms import WEIGHT_ROWS, PolicyForm
from apps.attendance.models import Policy
from apps.audit.admin_base import CampusModelAdmin


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
            (_("Corrections"), {"fields": [("edit_days", "appeal_days", "locked_before")]}),
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
