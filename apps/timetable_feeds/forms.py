"""A feed as administrators enter it."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminPasswordWidget

from apps.timetable_feeds.models import FeedCode, TimetableFeed
from apps.timetable_feeds.selectors import LARGEST
from apps.timetable_feeds.services import code_problem
from apps.timetable_feeds.services.asking import address_problem, is_header


class FeedForm(forms.ModelForm):
    value = forms.CharField(
        label=_("Value of the header"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=_("Sealed, and never shown again. Empty: it stays as it is."),
    )
    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_(
            "Read and compared at once. Nothing is saved before you have looked at what it would "
            "change."
        ),
    )

    class Meta:
        model = TimetableFeed
        fields = [
            *("name", "format", "url", "header", "is_active", "is_nightly", "term", "department"),
            *("covers_from", "covers_until", "is_window", "first_weekday", "their_term", "share"),
        ]

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if url and (problem := address_problem(url)):
            raise forms.ValidationError(
                gettext("Nothing can be asked for at this address: %(problem)s")
                % {"problem": problem}
            )
        return url

    def clean_header(self) -> str:
        name = str(self.cleaned_data["header"]).strip()
        if name and not is_header(name):
            raise forms.ValidationError(gettext("This is no header that can be sent."))
        return name

    def clean_value(self) -> str:
        value = str(self.cleaned_data["value"]).strip()
        if value and not (value.isascii() and value.isprintable()):
            raise forms.ValidationError(gettext("A header has printable ASCII characters alone."))
        return value

    def clean_file(self) -> Any:
        file = self.cleaned_data.get("file")
        if file and file.size > LARGEST:
            message = gettext("Files of up to %(mb)d MB can be read.")
            raise forms.ValidationError(message % {"mb": LARGEST >> 20})
        return file

    def clean(self) -> dict[str, Any]:
        """The value goes to no address that it was not entered for."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        is_new = self.instance._state.adding or not self.instance.sealed_header
        moved = {"url", "header"} & set(self.changed_data)
        if found.get("header") and not found.get("value") and (is_new or moved):
            self.add_error("value", gettext("Enter the value: the address is a new one."))
        return found


class CodeForm(forms.ModelForm):
    class Meta:
        model = FeedCode
        fields = ["kind", "theirs", "ours"]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        problem = code_problem(found.get("kind", ""), found.get("ours", ""))
        if problem == "day":
            self.add_error("ours", gettext("Not a day of the week, like Monday or MON."))
        elif problem:
            self.add_error("ours", gettext("Not from when until when, like 08:00–08:45."))
        return found
