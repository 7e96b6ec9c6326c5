"""Policies in the administration: new versions are added, none is changed."""

from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from apps.attendance.admin.forms import FACTORS, PREVIEWED, WEIGHT_ROWS, PolicyForm, factor_names
from apps.attendance.models import Policy
from apps.attendance.registry import policy_preview
from apps.audit.admin_base import CampusModelAdmin

RULES: Final = [
    (
        _("Faces and passkeys"),
        {
            "fields": [
                ("face", "liveness"),
                ("passkey", "person"),
                "synced_passkey_weight",
                ("class_photos", "cameras"),
            ]
        },
    ),
    (
        _("Codes told by word, cards, and check-ins without network"),
        {
            "fields": [
                ("class_code_weight", "card_weight"),
                ("offline_factor", "offline_limit"),
                "waiting_hours",
            ]
        },
    ),
    (
        _("Times"),
        {
            "fields": [
                ("late_after_minutes", "grace_minutes"),
                ("open_before_minutes", "open_after_minutes"),
                ("check_in_from_minutes", "check_in_until_minutes"),
                "close_after_minutes",
            ]
        },
    ),
    (_("Corrections"), {"fields": [("edit_days", "appeal_days"), "locked_before"]}),
    (
        _("Reports"),
        {"fields": [("defaulter_percent", "warn_percent"), "consecutive_absences"]},
    ),
    (_("Projector"), {"fields": ["arrivals"]}),
]
NEW_FIELDSETS: Final = [
    (None, {"fields": ["course"]}),
    (
        _("What a check-in is worth"),
        {
            "fields": [*WEIGHT_ROWS, "present_threshold"],
            "description": _(
                "Each factor weighs a number from 0 to 1; they count in proportion to each other. "
                "What cannot be asked in a room or of a student is left out."
            ),
        },
    ),
    (_("What must be proven"), {"fields": [("required", "decisive")]}),
    *RULES,
]
KEPT_FIELDSETS: Final = [
    (None, {"fields": [("course", "version", "created_at")]}),
    (_("What a check-in is worth"), {"fields": ["shown_weights", "present_threshold"]}),
    (_("What must be proven"), {"fields": [("shown_required", "shown_decisive")]}),
    *RULES,
]


def preview_of(policy: Policy) -> dict[str, Any]:
    """What the template of the preview shows."""
    rows = policy_preview(policy=policy, now=timezone.now())
    return {"rows": rows, "needed": policy.present_threshold}


@admin.register(Policy)
class PolicyAdmin(CampusModelAdmin):
    """A version is never changed: adding one takes the next number of its course or campus."""

    list_display = ["__str__", "version", "present_threshold", "late_after_minutes", "created_at"]
    list_select_related = ["course__subject"]
    autocomplete_fields = ["course"]
    search_fields = ["course__code"]
    change_form_template = "admin/attendance/policy.html"
    compressed_fields = False  # labels above: two fields fit beside each other
    readonly_fields = ["shown_weights", "shown_required", "shown_decisive"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = PolicyForm
        return super().get_form(request, obj, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new version is typed factor by factor; one that exists is shown in words."""
        return NEW_FIELDSETS if obj is None else KEPT_FIELDSETS

    @admin.display(description=_("Weights"))
    def shown_weights(self, policy: Policy) -> str:
        return ", ".join(f"{label} {policy.weights.get(name, 0):g}" for name, label in FACTORS)

    @admin.display(description=_("Required factors"))
    def shown_required(self, policy: Policy) -> str:
        return factor_names(policy.required)

    @admin.display(description=_("Decisive factors"))
    def shown_decisive(self, policy: Policy) -> str:
        return factor_names(policy.decisive)

    # --- What typical check-ins would score ----------------------------------------------------

    def get_urls(self) -> list[Any]:
        preview = self.admin_site.admin_view(require_POST(self.preview))
        return [path("preview/", preview, name="attendance_policy_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """For the form as it is filled in now; saves nothing."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = PolicyForm(request.POST)
        form.full_clean()
        wrong = {name: form.errors[name] for name in form.errors if name in PREVIEWED}
        context: dict[str, Any]
        if wrong:
            context = {"wrong": [(form.fields[name].label, said) for name, said in wrong.items()]}
        else:
            context = preview_of(form.unsaved())
        return render(request, "admin/attendance/_preview.html", context)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """A version that exists is shown with what it makes of typical check-ins."""
        policy = context.get("original")
        if policy is not None:
            context.update(preview_of(policy))
        return super().render_change_form(request, context, *args, **kwargs)

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
