"""Exports of registers in the administration: what is given, each export, what was deleted."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from apps.audit.actors import request_actor
from apps.audit.admin_base import HistoryAdmin
from apps.audit.admin_single import SingleRowAdmin
from apps.register_exports.models import DeletedRow, RegisterExport, WarehouseSetting
from apps.register_exports.services import export_start, new_key
from apps.register_exports.storage import targets
from apps.register_exports.writing import has_parquet

STATES: Final = {"running": "info", "written": "success", "failed": "danger"}


class WarehouseForm(forms.ModelForm):
    target = forms.ChoiceField(label=_("Place"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = WarehouseSetting
        fields = ["target", "people", "file_format", "school_number", "is_nightly"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "target" in self.fields:
            choices = [(name, name) for name in targets()]
            self.fields["target"].choices = choices  # type: ignore[attr-defined]
            if not choices:
                self.fields["target"].help_text = _(
                    "The operator has named none (REGISTER_EXPORT_TARGETS)."
                )

    def clean_file_format(self) -> str:
        chosen = str(self.cleaned_data["file_format"])
        if chosen == WarehouseSetting.Format.PARQUET and not has_parquet():
            message = gettext("Parquet is not installed on this server (extra parquet).")
            raise forms.ValidationError(message)
        return chosen


@admin.register(WarehouseSetting)
class WarehouseSettingAdmin(SingleRowAdmin):
    form = WarehouseForm
    list_display = ["target", "people", "file_format", "is_nightly"]
    actions = ["export_changes", "export_whole"]
    fields = ["target", "people", "file_format", "school_number", "is_nightly"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.sealed_key = new_key()
        super().save_model(request, obj, form, change)

    @action(description=_("Export what changed"), permissions=["change"])
    def export_changes(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        return self._start(request, full=False)

    @action(description=_("Export everything"), permissions=["change"])
    def export_whole(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        return self._start(request, full=True)

    def _start(self, request: HttpRequest, *, full: bool) -> HttpResponse:
        export = export_start(
            full=full, user_id=request.user.pk, now=timezone.now(), actor=request_actor(request)
        )
        messages.success(request, gettext("It is being written. The page shows how it ended."))
        page = reverse("admin:register_exports_registerexport_change", args=[export.pk])
        return redirect(page)


@admin.register(RegisterExport)
class RegisterExportAdmin(HistoryAdmin):
    list_display = ["until", "shown_status", "since", "target", "people", "problem"]
    list_filter = ["status", "until"]
    search_fields = ["problem"]
    readonly_fields = ["files"]
    fields = [
        *("until", "since", "status", "problem", "target", "people", "file_format"),
        *("school_number", "files", "finished_at"),
    ]

    @display(description=_("status"), ordering="status", label=STATES)
    def shown_status(self, export: RegisterExport) -> tuple[str, Any]:
        return export.status, export.get_status_display()

    @display(description=_("files"))
    def files(self, export: RegisterExport) -> str:
        rows = [(one["name"], one["rows"]) for one in export.manifest.get("files", [])]
        return format_html_join("", "<div>{}: {}</div>", rows) or "–"


@admin.register(DeletedRow)
class DeletedRowAdmin(HistoryAdmin):
    """So that the next export says what is gone."""

    list_display = ["source", "key", "deleted_at"]
    list_filter = ["source", "deleted_at"]
    search_fields = ["key"]
