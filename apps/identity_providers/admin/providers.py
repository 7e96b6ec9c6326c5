"""Identity providers in the administration: added, tried with a token, and who came in by them."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.accounts.models import Role
from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.identity_providers.admin.provider_forms import ProviderForm, TryForm
from apps.identity_providers.models import EmergencyAccount, IdentityProvider, ProviderLink
from apps.identity_providers.preview import preview, shown
from apps.identity_providers.sealing import sealed_secret
from apps.identity_providers.services import saml_key_replace, saml_provider_prepare
from apps.saml.entities import Entity
from apps.tenants.addresses import campus_url
from apps.tenants.middleware import request_campus

STATES: Final = {"on": "success", "off": "info", "not_ready": "danger"}
READ_FROM: Final = frozenset({"protocol", "issuer", "source", "metadata_url", "metadata_text"})


def _own_metadata(provider: IdentityProvider) -> str:
    """Of the campus, or under the name by which this provider knows it."""
    usual = reverse("saml_metadata")
    if provider.client_id == campus_url(usual):
        return usual
    return reverse("saml_provider_metadata", args=[provider.pk])


@admin.register(IdentityProvider)
class IdentityProviderAdmin(CampusModelAdmin):
    form = ProviderForm
    list_display = ["name", "protocol", "issuer", "shown_roles", "state"]
    list_filter = ["protocol", "is_active"]
    list_select_related = ["source"]
    search_fields = ["name", "issuer"]
    readonly_fields = ["addresses", "shown_entity"]
    actions = ["replace_key"]
    fieldsets = [
        (None, {"fields": ["name", "protocol", "is_active"]}),
        (_("The provider"), {"fields": ["issuer", "client_id", "addresses"]}),
        (_("OpenID Connect"), {"fields": ["secret", "scopes"]}),
        (
            _("SAML 2.0"),
            {
                "fields": [
                    "source",
                    "metadata_url",
                    "metadata_text",
                    "shown_entity",
                    "subject_claim",
                    "allows_unsolicited",
                ]
            },
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
        if not provider.is_active:
            return "off", _("off")
        entity = Entity.kept(provider.entity)
        if provider.is_saml and (entity is None or not entity.holds(timezone.now())):
            return "not_ready", _("not ready")
        return "on", _("on")

    @display(description=_("its metadata as it was read"))
    def shown_entity(self, provider: IdentityProvider) -> Any:
        """And why it could not be read since."""
        entity = Entity.kept(provider.entity)
        rows = []
        if provider.problem:
            text = gettext("It could not be read last time: the metadata %(problem)s.")
            rows.append(text % {"problem": provider.get_problem_display()})
        if entity is None:
            return format_html_join("", "<div>{}</div>", [(row,) for row in rows]) or "–"
        for label, value in (
            (gettext("Signs in at"), entity.sign_in),
            (gettext("Speaks for"), ", ".join(entity.scopes) or "–"),
            (gettext("Keys"), str(len(entity.certificates))),
            (gettext("Valid until"), entity.until or "–"),
        ):
            rows.append(f"{label}: {value}")
        return format_html_join("", "<div>{}</div>", [(row,) for row in rows])

    @display(description=_("to enter there"))
    def addresses(self, provider: IdentityProvider) -> str:
        """What the provider wants to know of us, and the page on which a token is tried."""
        if provider._state.adding:
            return gettext(
                "Save first: the address to which the provider leads back stands here then."
            )
        if provider.is_saml:
            rows = [
                (gettext("Metadata of this campus:"), _own_metadata(provider)),
                (gettext("Address that answers are posted to:"), reverse("saml_answer")),
            ]
        else:
            back = reverse("provider_callback", args=[provider.pk])
            rows = [
                (gettext("Redirect address after signing in:"), back),
                (gettext("After signing out:"), reverse("account_login")),
            ]
        trying = reverse("admin:identity_providers_identityprovider_try", args=[provider.pk])
        return format_html(
            '{}<a class="font-medium text-primary-600 dark:text-primary-400" href="{}">{}</a>',
            format_html_join(
                "", "{}<br><code>{}</code><br>", ((row, campus_url(path)) for row, path in rows)
            ),
            trying,
            gettext("Try with an answer") if provider.is_saml else gettext("Try with a token"),
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        secret = form.cleaned_data.get("secret")
        if secret:
            obj.sealed_secret = sealed_secret(obj, secret)
        if obj.is_saml:  # which has none; another issuer of OpenID must not get it later
            obj.sealed_secret = None
        if READ_FROM & set(form.changed_data):
            obj.entity, obj.problem = None, ""
        super().save_model(request, obj, form, change)
        if obj.is_saml:
            self._read(request, obj)

    def _read(self, request: HttpRequest, provider: IdentityProvider) -> None:
        is_known = saml_provider_prepare(
            provider=provider, now=timezone.now(), actor=request_actor(request)
        )
        if provider.problem:
            text = gettext("The metadata %(problem)s. Only what was read before holds.")
            messages.warning(request, text % {"problem": provider.get_problem_display()})
        elif not is_known:
            messages.info(request, gettext("Its metadata is read now: look again in a minute."))

    @action(description=_("Replace our key for SAML"), permissions=["change"])
    def replace_key(self, request: HttpRequest, queryset: QuerySet[IdentityProvider]) -> None:
        """One for the campus, whatever providers are ticked."""
        saml_key_replace(now=timezone.now(), actor=request_actor(request))
        text = gettext(
            "The new key is in the metadata of this campus from now on. It signs in three days; "
            "the one before stays good for two weeks."
        )
        messages.success(request, text)

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
        form = TryForm(request.POST or None, provider=provider)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Try with an answer") if provider.is_saml else _("Try with a token"),
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
