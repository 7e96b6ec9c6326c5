"""The forms of identity providers: what may be entered, and what is pasted to try."""

from typing import Any, Final

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
)

from apps.accounts.models import Role
from apps.common.answers import AddressRefused
from apps.identity_providers.claims import rules_of
from apps.identity_providers.metadata import CLIENT
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.preview import LONGEST, claims_in
from apps.identity_providers.selectors import saml_providers
from apps.tenants.addresses import campus_url

OPENID: Final = IdentityProvider.Protocol.OPENID


def _check_address(address: str, message: str) -> None:
    try:
        CLIENT.target(address)
    except AddressRefused as error:
        raise forms.ValidationError(message % {"problem": error}) from error


class ProviderForm(forms.ModelForm):
    secret = forms.CharField(
        label=_("Client secret"),
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=_("Sealed, and never shown again. Empty: it stays as it is."),
    )
    roles = forms.MultipleChoiceField(
        label=_("Signs in"),
        choices=Role.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("People with one of these roles on this campus."),
    )
    only_roles = forms.MultipleChoiceField(
        label=_("Only by a provider"),
        choices=Role.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_(
            "People with one of these roles no longer come in by password, passkey or Google. "
            "Emergency accounts do, and administrators as long as none of them has one. The apps "
            "for phones need a password so far."
        ),
    )

    class Meta:
        model = IdentityProvider
        exclude = ["campus", "sealed_secret"]  # noqa: DJ006  (all but what nobody types)

    field_order = ["name", "protocol"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client_id"].required = False  # ours is known where it speaks SAML

    def clean_issuer(self) -> str:
        """Refused here if nothing can be asked of it; with people behind it, it stays."""
        issuer = str(self.cleaned_data["issuer"])
        if self.cleaned_data.get("protocol") == OPENID:
            _check_address(issuer, gettext("This provider cannot be asked: %(problem)s"))
        asked = (issuer, self.cleaned_data.get("protocol"))
        known = (self.initial.get("issuer"), self.initial.get("protocol"))
        if not self.instance._state.adding and asked != known and self.instance.links.exists():
            raise forms.ValidationError(
                gettext("People come in by this issuer already. Add another provider instead.")
            )
        return issuer

    def clean_metadata_url(self) -> str:
        address = str(self.cleaned_data["metadata_url"])
        if address:
            _check_address(address, gettext("This address cannot be asked: %(problem)s"))
        return address

    def clean_rules(self) -> str:
        rules = str(self.cleaned_data["rules"])
        try:
            rules_of(rules)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return rules

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if not found.get("number_claim") and not found.get("email_claim"):
            raise forms.ValidationError(gettext("Name the claim with the number or the address."))
        if found.get("makes_students") and not found.get("number_claim"):
            self.add_error(
                "makes_students", gettext("A new student needs a claim with the number.")
            )
        if found.get("protocol") == IdentityProvider.Protocol.SAML:
            self._clean_saml(found)
        else:
            self._clean_openid(found)
        return found

    def _clean_openid(self, found: dict[str, Any]) -> None:
        """The secret goes to no address that it was not entered for."""
        if not found.get("client_id"):
            self.add_error("client_id", gettext("The provider gave you one."))
        moved = self.instance.sealed_secret and "issuer" in self.changed_data
        if moved and not found.get("secret"):
            self.add_error("secret", gettext("Enter the secret: the address is a new one."))

    def _clean_saml(self, found: dict[str, Any]) -> None:
        found["client_id"] = found.get("client_id") or campus_url(reverse("saml_metadata"))
        places = [bool(found.get(name)) for name in ("source", "metadata_url", "metadata_text")]
        if sum(places) != 1:
            self.add_error("source", gettext("Choose one: federation, address, or pasted."))
        others = saml_providers().filter(issuer=found.get("issuer")).exclude(pk=self.instance.pk)
        if found.get("is_active") and others.exists():
            self.add_error("issuer", gettext("Another provider of this campus has this entityID."))


class TryForm(forms.Form):
    text = forms.CharField(
        label=_("ID token, or its claims"),
        max_length=LONGEST,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, provider: IdentityProvider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.provider = provider
        if provider.is_saml:
            self.fields["text"].label = _("Answer, assertion, or its claims")

    def clean_text(self) -> dict[str, Any]:
        try:
            return claims_in(str(self.cleaned_data["text"]), provider=self.provider)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
