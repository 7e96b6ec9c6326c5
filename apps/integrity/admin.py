"""Findings in the administration: looked at, never edited."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.audit.admin_base import HistoryAdmin
from apps.integrity.models import Finding
from apps.integrity.wording import names_in, wording

WEIGHT_COLOURS = {"alone": "danger", "half": "warning", "none": "success", "dismissed": "info"}


@admin.register(Finding)
class FindingAdmin(HistoryAdmin):
    """Facts for people to weigh. The lecturer dismisses them in the session."""

    list_display = ["at", "student", "session", "noticed", "score", "dismissed_by"]
    list_filter = ["kind", "at", "dismissed_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    fieldsets = [
        (None, {"fields": [("student", "session"), "words", ("kind", "score", "at")]}),
        (_("Dismissed"), {"fields": [("dismissed_at", "dismissed_by"), "note"]}),
    ]
    readonly_fields = ["words"]

    @display(description=_("kind"), ordering="kind", label=WEIGHT_COLOURS)
    def noticed(self, finding: Finding) -> tuple[str, str]:
        if finding.dismissed_at is not None:
            return "dismissed", finding.get_kind_display()
        weight = "alone" if finding.score == 1 else "half" if finding.score else "none"
        return weight, finding.get_kind_display()

    @admin.display(description=_("what was noticed"))
    def words(self, finding: Finding) -> str:
        return wording(finding, names_in([finding]))
