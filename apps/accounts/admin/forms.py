"""Forms of the people's admin pages: what is typed there becomes one call of a service."""

from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.accounts.models import AllowedAddress, Contact, Faculty, Member, Role, Student, User
from apps.accounts.selectors import address_problem
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


def entered_address(form: Any) -> str:
    """An address as it is kept; one that is new here must be of the campus's e-mail domains."""
    email = str(form.cleaned_data["email"]).strip().lower()
    known = str(form.initial.get("email") or "").lower()
    problem = address_problem(email=email) if email != known else ""
    if problem:
        raise forms.ValidationError(problem)
    return email


class UserForm(forms.ModelForm):
    """The account itself: for the platform, outside every campus."""

    language = language_field(gettext_lazy("as the browser says"))

    class Meta:
        model = User
        fields = ["name", "language", "is_active"]


class MemberForm(forms.ModelForm):
    """What the campus knows of an account: nothing in it is read from the account itself."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "As shown on this campus. Students and faculty are shown by their own entry."
        ),
    )
    language = language_field(gettext_lazy("the person's own"))

    class Meta:
        model = User
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        member = Member.objects.filter(user=self.instance).first()
        known = {"name": member.name, "language": member.language} if member else {}
        self.initial = {name: known.get(name, "") for name in ("name", "language")}

    def member(self) -> dict[str, Any]:
        """The arguments of `member_update`."""
        return {name: self.cleaned_data[name] for name in ("name", "language")}


class NewUserForm(UserForm):
    """An e-mail address that is known from another campus is a person, not a mistake."""

    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles"),
        choices=Role.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy(
            "A new account gets a mail with a link to choose its password; the owner of one that "
            "exists elsewhere is invited. Students and faculty are better added in their own "
            "lists, together with their numbers."
        ),
    )

    class Meta:
        model = User
        fields = ["email", "name", "language"]

    def clean_email(self) -> str:
        return entered_address(self)

    def member(self) -> dict[str, Any]:
        """The arguments of `member_add`."""
        return {name: self.cleaned_data[name] for name in ("email", "name", "language", "roles")}

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
        return entered_address(self)


class FacultyForm(forms.ModelForm):
    class Meta:
        model = Faculty
        fields = [*PERSON, "department"]

    def clean_email(self) -> str:
        return entered_address(self)


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


class AddressForm(forms.ModelForm):
    class Meta:
        model = AllowedAddress
        fields = ["email", "note"]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


def typed(form: Any) -> dict[str, Any]:
    """What was filled in, without the empty fields, as arguments of a service."""
    return {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
