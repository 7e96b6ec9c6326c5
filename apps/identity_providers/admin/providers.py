"""Identity providers in the administration: added, tried with a token, and who came in by them."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
)

from apps.accounts.models import Role
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.common.answers import AddressRefused
from apps.identity_providers.claims import rules_of
from apps.identity_providers.metadata import CLIENT
from apps.identity_providers.models import EmergencyAccount, IdentityProvider, ProviderLink
from apps.identity_providers.preview import claims_in, preview, shown
from apps.identity_providers.sealing import sealed_secret
from apps.tenants.addresses import campus_url
from apps.tenants.middleware import request_campus

STATES: Final = {"on": "success", "off": "info"}


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

    def clean_issuer(self) -> str:
        """Refused here if nothing can be asked of it; with people behind it, it stays."""
        issuer = str(self.cleaned_data["issuer"])
        try:
            CLIENT.target(issuer)
        except AddressRefused as error:
            message = gettext("This provider cannot be asked: %(problem)s")
            raise forms.ValidationError(message % {"problem": error}) from error
        changed = not self.instance._state.adding and issuer != self.initial.get("issuer")
        if changed and self.instance.links.exists():
            raise forms.ValidationError(
                gettext("People come in by this issuer already. Add another provider instead.")
            )
        return issuer

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
        return found


class TryForm(forms.Form):
    text = forms.CharField(
        label=_("ID token, or its claims"),
        max_length=64_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
    )

    def clean_text(self) -> dict[str, Any]:
        try:
            return claims_in(str(self.cleaned_data["text"]))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


@admin.register(IdentityProvider)
class IdentityProviderAdmin(CampusModelAdmin):
    form = ProviderForm
    list_display = ["name", "issuer", "shown_roles", "state"]
    list_filter = ["is_active"]
    search_fields = ["name", "issuer"]
    readonly_fields = ["addresses"]
    fieldsets = [
        (None, {"fields": ["name", "is_active"]}),
        (
            _("The provider"),
            {"fields": ["issuer", "client_id", "secret", "scopes", "addresses"]},
        ),
        (
            _("Who people are"),
            {
                "fields": [
                    ("number_claim", "email_claim"),
                    ("email_domains", "trusts_email"),
                    "roles",
                    "rules",
                    "makes_students",
                ]
            },
        ),
        (
            _("Security"),
            {"fields": ["accepts_multi_factor", "multi_factor_acr", "only_roles"]},
        ),
    ]

    @display(description=_("signs in"))
    def shown_roles(self, provider: IdentityProvider) -> str:
        return ", ".join(str(Role(role).label) for role in provider.roles)

    @display(description=_("state"), label=STATES)
    def state(self, provider: IdentityProvider) -> tuple[str, Any]:
        return ("on", _("on")) if provider.is_active else ("off", _("off"))

    @display(description=_("to enter there"))
    def addresses(self, provider: IdentityProvider) -> str:
        """What the provider wants to know of us, and the page on which a token is tried."""
        if provider._state.adding:
            return gettext(
                "Save first: the address to which the provider leads back stands here then."
            )
        back = campus_url(reverse("provider_callback", args=[provider.pk]))
        out = campus_url(reverse("account_login"))
        trying = reverse("admin:identity_providers_identityprovider_try", args=[provider.pk])
        return format_html(
            "{}<br><code>{}</code><br>{}<br><code>{}</code><br>"
            '<a class="font-medium text-primary-600 dark:text-primary-400" href="{}">{}</a>',
            gettext("Redirect address after signing in:"),
            back,
            gettext("After signing out:"),
            out,
            trying,
            gettext("Try with a token"),
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        secret = form.cleaned_data.get("secret")
        if secret:
            obj.sealed_secret = sealed_secret(obj, secret)
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[Any]:
        trying = path(
            "<uuid:provider_id>/try/",
            self.admin_site.admin_view(self.try_view),
            name="identity_providers_identityprovider_try",
        )
        return [trying, *super().get_urls()]

    def try_view(self, request: HttpRequest, provider_id: Any) -> HttpResponse:
        """Paste a token, or its claims, and see who would come in."""
        provider = self.get_object(request, str(provider_id))
        if provider is None:
            raise Http404
        if not self.has_change_permission(request, provider):
            raise PermissionDenied
        form = TryForm(request.POST or None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Try with a token"),
            "provider": provider,
            "form": form,
        }
        if request.method == "POST" and form.is_valid():
            claims = form.cleaned_data["text"]
            domains = request_campus(request).email_domains
            context["found"] = preview(provider=provider, claims=claims, domains=domains)
            context["claims"] = shown(claims)
        return render(request, "admin/identity_providers/try.html", context)


@admin.register(ProviderLink)
class ProviderLinkAdmin(HistoryAdmin):
    """Deleted, a person may come in by another account or another provider again."""

    list_display = ["user", "provider", "subject", "created_at", "last_used_at"]
    list_filter = ["provider"]
    list_select_related = ["user", "provider"]
    search_fields = ["subject", "user__members__email"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return CampusModelAdmin.has_delete_permission(self, request, obj)


@admin.register(EmergencyAccount)
class EmergencyAccountAdmin(CampusModelAdmin):
    list_display = ["user", "note", "created_at"]
    list_select_related = ["user"]
    autocomplete_fields = ["user"]
    fields = ["user", "note"]
