"""A connection as administrators enter it."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from apps.oneroster.models import OneRosterConnection
from apps.oneroster.services.asking import PATH, address_problem


class OneRosterForm(forms.ModelForm):
    secret = forms.CharField(
        label=_("Client secret"),
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=_("Sealed, and never shown again. Empty: it stays as it is."),
    )

    class Meta:
        model = OneRosterConnection
        fields = [
            "name",
            "url",
            "token_url",
            "client_id",
            "scopes",
            "school",
            "is_nightly",
            "share",
        ]

    def clean_url(self) -> str:
        """Without a slash at its end; a host alone is completed."""
        url = self._checked("url").rstrip("/")
        return url if urlsplit(url).path else url + PATH

    def clean_token_url(self) -> str:
        return self._checked("token_url")

    def clean(self) -> dict[str, Any]:
        """The secret goes to no address that it was not entered for."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        is_new = self.instance._state.adding or not self.instance.sealed_secret
        moved = {"url", "token_url"} & set(self.changed_data)
        if not found.get("secret") and (is_new or moved):
            self.add_error("secret", gettext("Enter the secret: the address is a new one."))
        return found

    def _checked(self, name: str) -> str:
        url = str(self.cleaned_data[name]).strip()
        if problem := address_problem(url):
            raise forms.ValidationError(
                gettext("Nothing can be sent to this address: %(problem)s") % {"problem": problem}
            )
        return url
