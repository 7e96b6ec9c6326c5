"""Forms of the people's admin pages: what is typed there becomes one call of a service."""

from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from apps.accounts.models import Contact, Faculty, Role, Student, User
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

PERSON = ["code", "first_name", "last_name", "email", "phone", "user"]


def language_field(nobody_chose: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=[("", nobody_chose), *settings.LANGUAGES],
        widget=UnfoldAdminSelectWidget,
    )


class UserForm(forms.ModelForm):
    language = language_field(gettext_lazy("as the browser says"))

    class Meta:
        model = User
        fields = ["name", "language", "is_active"]


class NewUserForm(UserForm):
    """An e-mail address that is known from another campus is a person, not a mistake."""

    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles"),
        choices=Role.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy(
            "A new account gets a mail with a link to choose its password. Students and faculty "
            "are better added in their own lists, together with their numbers."
        ),
    )

    class Meta:
        model = User
        fields = ["email", "name", "language"]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def _get_validation_exclusions(self) -> set[str]:
        """Whether the address is known is left to `account_provide`, which finds its account."""
        return {*super()._get_validation_exclusions(), "email"}  # type: ignore[misc]  # not in the stubs


class StudentForm(forms.ModelForm):
    class Meta:
        model = Student
        fields = [
            *PERSON,
            "year_of_study",
            "program",
            "age",
            "is_representative",
            "representative_mobile",
        ]

    def clean_year_of_study(self) -> int | None:
        year: int | None = self.cleaned_data["year_of_study"]
        years = Campus.objects.get(pk=current_campus_id()).years_of_study
        if year is not None and not 1 <= year <= years:
            message = _("The year of study lies between 1 and %(years)d.") % {"years": years}
            raise forms.ValidationError(message)
        return year

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class FacultyForm(forms.ModelForm):
    class Meta:
        model = Faculty
        fields = [*PERSON, "department"]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class ContactForm(forms.ModelForm):
    language = language_field(gettext_lazy("the platform's"))

    class Meta:
        model = Contact
        fields = [
            "student",
            "name",
            "relation",
            "email",
            "phone",
            "language",
            "consented_on",
            "consent_note",
            "is_active",
        ]

    def clean_consented_on(self) -> date:
        day: date = self.cleaned_data["consented_on"]
        if day > localdate():
            raise forms.ValidationError(_("This day lies in the future."))
        return day


def typed(form: Any) -> dict[str, Any]:
    """What was filled in, without the empty fields, as arguments of a service."""
    return {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
