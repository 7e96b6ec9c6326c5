"""The bases of every admin page: scoped to the campus, bounded, and written to the audit log."""

from typing import Any

from django.db import models
from django.forms import Form
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from apps.audit.actors import request_actor
from apps.audit.services import record
from apps.tenants.scope import entered_campus_id

PAGE = 50


def plain(value: Any) -> Any:
    """A field's value as JSON for the log; bytes are never written down."""
    if isinstance(value, bytes | memoryview):
        return "…"
    return value if isinstance(value, str | int | float | bool | None) else str(value)


class CampusModelAdmin(ModelAdmin):
    """Rows of the entered campus only (the manager sees to that); every change is audited."""

    list_per_page = PAGE
    list_max_show_all = 200
    show_full_result_count = False
    list_filter_submit = True
    warn_unsaved_form = True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        before = form.initial if change else {}
        super().save_model(request, obj, form, change)
        changes = {
            name: [plain(before.get(name)), plain(form.cleaned_data.get(name))]
            for name in form.changed_data
        }
        self.log(request, obj, "changed" if change else "added", changes)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.log(request, obj, "deleted", {"label": str(obj)})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.log(request, obj, "deleted", {"label": str(obj)})
        super().delete_queryset(request, queryset)

    def save_formset(self, request: HttpRequest, form: Form, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        for obj in formset.new_objects:
            self.log(request, obj, "added", {})
        for obj, names in formset.changed_objects:
            self.log(request, obj, "changed", {"fields": names})
        for obj in formset.deleted_objects:
            self.log(request, obj, "deleted", {"label": str(obj)})

    @staticmethod
    def log(request: HttpRequest, obj: models.Model, what: str, data: dict[str, Any]) -> None:
        """One audit entry. Rows of the platform are noted in the campus that is chosen, if any."""
        if entered_campus_id() is None:
            return
        record(
            actor=request_actor(request),
            action=f"admin.{obj._meta.model_name}.{what}",
            now=timezone.now(),
            target=obj,
            data=data,
        )


class HistoryAdmin(CampusModelAdmin):
    """Rows that are looked at and never edited."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HistoryInline(TabularInline):
    """Related history on its owner's page."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    per_page = 20

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
