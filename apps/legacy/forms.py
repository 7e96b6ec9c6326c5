"""The form of an upload."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from apps.enrollments.models import Term
from apps.legacy.models import LegacyMove
from apps.legacy.services.files import MAX_BYTES
from apps.legacy.systems import SYSTEMS

NAMES: Final = {
    "sis": _("SIS: student information system"),
    "int": _("INT: IntelliAttend"),
    "ams": _("AMS: AMS Server"),
    "pgf": _("PGF: attendance by facial recognition"),
    "occ": _("OCC: OCCUR-CALL"),
}
ENDINGS: Final = ".zip,.sql,.dump,.backup,.db,.sqlite,.sqlite3,.json"


class LegacyUploadForm(forms.ModelForm):
    """Which system, and what it left behind."""

    system = forms.ChoiceField(
        label=_("Older system"),
        choices=[(name, NAMES[name]) for name in SYSTEMS],
        widget=UnfoldAdminSelectWidget,
    )
    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ENDINGS}),
        help_text=_(
            "A database file, a dump or a JSON backup, or a ZIP of it with its folders of images. "
            "Up to %(mb)d MB; what is larger is moved in by the command."
        )
        % {"mb": MAX_BYTES >> 20},
    )
    term = forms.ModelChoiceField(
        label=_("Term"),
        required=False,
        queryset=Term.objects.none(),
        widget=UnfoldAdminSelectWidget,
        empty_label=_("One for each school year"),
        help_text=_("Only where all registers of the file are in one term."),
    )

    class Meta:
        model = LegacyMove
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "term" in self.fields:  # absent where the page is only looked at
            self.fields["term"].queryset = Term.objects.all()  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > MAX_BYTES:
            message = _("Files of up to %(mb)d MB can be uploaded. Move in by the command.")
            raise forms.ValidationError(message % {"mb": MAX_BYTES >> 20})
        return upload
