"""The forms of the import pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.accounts.writes import Writer
from apps.enrollments.models import Term
from apps.import_types.base import ImportType
from apps.import_types.registry import IMPORT_TYPES, import_types_for
from apps.imports.models import ImportRun
from apps.tabular_files.limits import MAX_BYTES

OPTIONS = ("department", "year", "section", "term", "replace")


class UploadForm(forms.ModelForm):
    """What to upload and what the file itself does not say."""

    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[(found.name, found.label) for found in IMPORT_TYPES.values()],
        widget=UnfoldAdminSelectWidget,
    )
    writer = Writer()  # whose types are offered: the page makes a form class of its own
    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xlsx,.csv,.zip"}),
        help_text=_("An .xlsx or .csv file of up to %(mb)d MB.") % {"mb": MAX_BYTES // 2**20},
    )
    department = forms.CharField(
        label=_("Department"),
        required=False,
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Only where the file has no such column. Likewise the next two."),
    )
    year = forms.IntegerField(
        label=_("Year"),
        required=False,
        min_value=1,
        max_value=10,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    section = forms.CharField(
        label=_("Section"), required=False, max_length=10, widget=UnfoldAdminTextInputWidget
    )
    term = forms.ModelChoiceField(
        label=_("Term"),
        required=False,
        queryset=Term.objects.none(),
        widget=UnfoldAdminSelectWidget,
        empty_label=_("The running one, else the next"),
    )
    replace = forms.BooleanField(
        label=_("Deactivate who is missing"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_(
            "Students and faculty who are not in the file. You see whom before it happens."
        ),
    )

    class Meta:
        model = ImportRun
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            offered = [(found.name, found.label) for found in import_types_for(self.writer)]
            self.fields["kind"].choices = offered  # type: ignore[attr-defined]
        if "term" in self.fields:  # absent where the page is only looked at
            self.fields["term"].queryset = Term.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        import_type = IMPORT_TYPES.get(self.cleaned_data.get("kind", ""))
        if import_type is not None:
            allowed = {*import_type.options, *(["replace"] if import_type.can_replace else [])}
            for name in OPTIONS:
                if self.cleaned_data.get(name) and name not in allowed:
                    self.add_error(name, _("Means nothing for this kind of import."))
        return cleaned

    def options(self) -> dict[str, Any]:
        """The options that were given, as JSON values."""
        given = {name: self.cleaned_data.get(name) for name in OPTIONS}
        if given["term"] is not None:
            given["term"] = given["term"].pk
        return {name: value for name, value in given.items() if value}


class MappingForm(forms.Form):
    """One choice per heading of the file."""

    def __init__(self, *args: Any, run: ImportRun, import_type: ImportType, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("– leave out –")), *((f.name, f.label) for f in import_type.fields)]
        self._headings = [entry["heading"] for entry in run.headings]
        for number, entry in enumerate(run.headings):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=entry["heading"],
                choices=choices,
                required=False,
                initial=run.mapping.get(entry["heading"], entry["field"]),
                widget=UnfoldAdminSelectWidget,
            )

    def mapping(self) -> dict[str, str]:
        return {
            heading: self.cleaned_data[f"column_{number}"]
            for number, heading in enumerate(self._headings)
        }


class QuestionsForm(forms.Form):
    """One choice per question of the last check."""

    def __init__(self, *args: Any, questions: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._questions = questions
        for number, asked in enumerate(questions):
            self.fields[f"answer_{number}"] = forms.ChoiceField(
                choices=[(choice["value"], choice["label"]) for choice in asked["choices"]],
                required=False,
            )

    def changed_answers(self) -> dict[str, str | None]:
        """By the key of the question; None where an answer was taken back."""
        said = {
            asked["key"]: self.cleaned_data[f"answer_{number}"]
            for number, asked in enumerate(self._questions)
        }
        before = {asked["key"]: asked["answer"] for asked in self._questions}
        return {key: value or None for key, value in said.items() if value != before[key]}
