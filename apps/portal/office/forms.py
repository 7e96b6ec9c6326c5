"""What a report's page asks."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.viewers import Viewer
from apps.common.form_fields import DayField
from apps.enrollments.models import Course, Department, Section, Term
from apps.enrollments.selectors import COURSE_WAYS
from apps.reports.asked import Filters
from apps.reports.catalogue import REPORTS, ReportDefinition

GROUP_LABELS: Final = {
    "student": _("students"),
    "course": _("courses"),
    "section": _("sections"),
    "department": _("departments"),
    "lecturer": _("lecturers"),
    "term": _("terms"),
    "week": _("weeks"),
    "year": _("years"),
}
# Narrowing that a report does not know is not offered.
ONLY_COURSE: Final = ("signing-sheet",)
ALL: Final = _("all")


class Day(forms.DateInput):
    input_type = "date"


class ReportForm(forms.Form):
    """The filters of one report; choices are only what its reader may see."""

    term = forms.ModelChoiceField(
        Term.objects.none(), required=False, label=_("Term"), empty_label=ALL
    )
    course = forms.ModelChoiceField(
        Course.objects.none(), required=False, label=_("Course"), empty_label=ALL
    )
    section = forms.ModelChoiceField(
        Section.objects.none(), required=False, label=_("Section"), empty_label=ALL
    )
    department = forms.ModelChoiceField(
        Department.objects.none(), required=False, label=_("Department"), empty_label=ALL
    )

    def __init__(self, *args: Any, report: ReportDefinition, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        courses = Course.objects.select_related("subject").order_by("code")
        fields["course"].queryset = viewer.limit(courses, **COURSE_WAYS)
        fields["term"].queryset = Term.objects.all()
        fields["section"].queryset = Section.objects.select_related("department")
        fields["department"].queryset = Department.objects.all()
        if report.name in ONLY_COURSE:
            for name in ("term", "section", "department"):
                del fields[name]
            fields["course"].required = True
            fields["course"].empty_label = None
            return
        for name, label in (("from", _("From")), ("to", _("To"))):
            fields[name] = DayField(required=False, label=label, widget=Day)
        if report.groups:
            choices = [(group, GROUP_LABELS[group]) for group in report.groups]
            fields["group_by"] = forms.ChoiceField(
                choices=choices, label=_("By"), required=False, initial=report.groups[0]
            )
        if report.name == "defaulters":
            fields["threshold"] = forms.DecimalField(
                required=False, label=_("Limit (%)"), min_value=0, max_value=100, decimal_places=2
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and first > last:
            self.add_error("to", _("The last day is before the first."))
        return cleaned

    def filters(self) -> Filters:
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        names = {"from": "first", "to": "last"}
        return Filters(
            **{names.get(name, name): getattr(value, "pk", value) for name, value in chosen.items()}
        )


def report_named(name: str | None) -> ReportDefinition:
    """The report of this name; the first where there is none."""
    return REPORTS.get(name or "", REPORTS["attendance"])
