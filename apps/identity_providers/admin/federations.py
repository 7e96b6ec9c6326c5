"""Federations in the administration, and the campus's own keys for SAML."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.common.answers import AddressRefused
from apps.identity_providers.models import MetadataSource, ProviderName, SamlKey
from apps.identity_providers.saml.sources import LARGE
from apps.identity_providers.services import saml_key_ensure, source_changed, source_read_soon
from apps.saml.documents import XmlRefused, certificates_in, fingerprint

STATES: Final = {"on": "success", "waiting": "info", "failing": "danger"}


class SourceForm(forms.ModelForm):
    class Meta:
        model = MetadataSource
        fields = ["name", "kind", "address", "certificates"]

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"])
        try:
            LARGE.target(address)
        except AddressRefused as error:
            message = gettext("This address cannot be asked: %(problem)s")
            raise forms.ValidationError(message % {"problem": error}) from error
        return address

    def clean_certificates(self) -> str:
        text = str(self.cleaned_data["certificates"])
        try:
            return "".join(certificates_in(text))
        except XmlRefused as error:
            message = gettext(
                "Paste one or more certificates in PEM, with RSA of 2048 bits or more, or ECDSA."
            )
            raise forms.ValidationError(message) from error

    def trusts_others(self) -> bool:
        """Whether it is read from elsewhere, or no longer believed with each former certificate:
        one beside them, while the federation changes its key, distrusts nobody."""
        before = set(certificates_in(str(self.initial["certificates"])))
        gone = before - set(certificates_in(str(self.cleaned_data["certificates"])))
        return bool(gone or {"kind", "address"} & set(self.changed_data))


@admin.register(MetadataSource)
class MetadataSourceAdmin(CampusModelAdmin):
    form = SourceForm
    list_display = ["name", "kind", "address", "state", "read_at", "valid_until"]
    list_filter = ["kind"]
    search_fields = ["name", "address"]
    fields = ["name", "kind", "address", "certificates", "fingerprints", "read_at", "valid_until"]
    readonly_fields = ["fingerprints", "read_at", "valid_until"]
    actions = ["read_now"]

    @display(description=_("state"), label=STATES)
    def state(self, source: MetadataSource) -> tuple[str, Any]:
        if source.problem:
            return "failing", source.get_problem_display()
        if source.read_at is None and source.kind == MetadataSource.Kind.AGGREGATE:
            return "waiting", _("not read yet")
        return "on", _("on")

    @display(description=_("SHA-256 of the certificates"))
    def fingerprints(self, source: MetadataSource) -> Any:
        """To be compared with what the federation publishes."""
        if not source.certificates:
            return "–"
        found = ((fingerprint(one),) for one in certificates_in(source.certificates))
        return format_html_join("", "<div><code>{}</code></div>", found)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        now, actor = timezone.now(), request_actor(request)
        saml_key_ensure(now=now, actor=actor)
        if change and form.trusts_others():
            source_changed(source=obj, now=now, actor=actor)
        source_read_soon(source=obj)

    @action(description=_("Read now"), permissions=["change"])
    def read_now(self, request: HttpRequest, queryset: QuerySet[MetadataSource]) -> None:
        for source in queryset:
            source_read_soon(source=source)
        messages.success(request, gettext("They are read now: look again in a minute."))


@admin.register(SamlKey)
class SamlKeyAdmin(HistoryAdmin):
    """Deleted at once where one was stolen; a new one is made on the page of the providers."""

    list_display = ["id", "created_at", "signs_from", "shown_until"]
    fields = ["created_at", "signs_from", "shown_until"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return CampusModelAdmin.has_delete_permission(self, request, obj)


@admin.register(ProviderName)
class ProviderNameAdmin(HistoryAdmin):
    list_display = ["user", "provider", "last_used_at"]
    list_filter = ["provider"]
    list_select_related = ["user", "provider"]
    search_fields = ["user__members__email"]
