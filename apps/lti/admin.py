"""Learning platforms in the administration: registered, their courses, people and scores."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.audit.admin_secrets import ShownSecret, show_secrets
from apps.common.moments import moment_text
from apps.lti.models import LtiKey, LtiLink, LtiPerson, LtiPlatform, LtiRegistration, LtiScore
from apps.lti.services.asking import address_problem
from apps.lti.services.keys import key_replace
from apps.lti.services.linking import CHOICE
from apps.lti.services.links import links_send_again, platform_add
from apps.lti.services.registration import registration_make, registrations_revoke
from apps.tenants.addresses import campus_url

ADDRESSES = ("auth_login_url", "token_url", "jwks_url")
STATES = {"open": "success", "used": "info", "revoked": "danger", "over": "warning"}
OURS = (
    (_("Login (initiation) address"), "lti_login"),
    (_("Redirect address"), "lti_launch"),
    (_("Tool (launch, target link) address"), "lti_launch"),
    (_("Public keyset address"), "lti_jwks"),
)
CHOICE_LABEL = _("Deep linking (content selection) address")


class PlatformForm(forms.ModelForm):
    class Meta:
        model = LtiPlatform
        fields = [
            "name",
            "issuer",
            "client_id",
            "deployment_ids",
            "auth_login_url",
            "token_url",
            "jwks_url",
            "token_audience",
            "is_active",
        ]

    def clean(self) -> dict[str, Any]:
        """Addresses are refused here if nothing would be sent there."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ADDRESSES:
            url = cleaned.get(name)
            if url and (problem := address_problem(str(url))):
                self.add_error(
                    name,
                    gettext("Nothing can be sent to this address: %(problem)s")
                    % {"problem": problem},
                )
        return cleaned


@admin.register(LtiPlatform)
class LtiPlatformAdmin(CampusModelAdmin):
    form = PlatformForm
    list_display = ["name", "issuer", "client_id", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "issuer", "client_id"]
    fields = ["our_addresses", *PlatformForm.Meta.fields]
    readonly_fields = ["our_addresses"]
    actions = ["replace_key"]

    @display(description=_("what the platform asks for"))
    def our_addresses(self, platform: LtiPlatform) -> SafeString:
        """To be pasted there."""
        rows = [(label, campus_url(reverse(name))) for label, name in OURS]
        rows.append((CHOICE_LABEL, f"{campus_url(reverse('lti_launch'))}?{CHOICE}=1"))
        return format_html_join("", "<div>{}: <code>{}</code></div>", rows)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            platform_add(obj, now=timezone.now(), actor=request_actor(request))

    @action(description=_("Replace our key"), permissions=["change"])
    def replace_key(self, request: HttpRequest, queryset: QuerySet[LtiPlatform]) -> None:
        """One for the campus, whatever platforms are ticked."""
        key_replace(now=timezone.now(), actor=request_actor(request))
        text = gettext(
            "Platforms read the new key from now on. It signs in an hour; the one before stays good"
            " for a day."
        )
        messages.success(request, text)


@admin.register(LtiRegistration)
class LtiRegistrationAdmin(CampusModelAdmin):
    """Links by which platforms register themselves: each is shown once and good for an hour."""

    list_display = ["name", "state", "created_at", "expires_at", "used_at"]
    list_filter = ["created_at"]
    search_fields = ["name"]
    fields = ["name"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        times = ["created_at", "expires_at", "used_at", "revoked_at"]
        return self.fields if obj is None else [*self.fields, *times]

    @display(description=_("state"), label=STATES)
    def state(self, link: LtiRegistration) -> tuple[str, Any]:
        if link.used_at:
            return "used", _("used")
        if link.revoked_at:
            return "revoked", _("revoked")
        is_open = link.expires_at > timezone.now()
        return ("open", _("open")) if is_open else ("over", _("over"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.secret = registration_make(obj, now=timezone.now(), actor=request_actor(request))

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: Any = None
    ) -> HttpResponse:
        """The link, once, on a page of its own that no browser keeps."""
        link = campus_url(reverse("lti_register", args=[obj.secret]))
        return show_secrets(
            self,
            request,
            title=gettext("Registration link"),
            said=gettext(
                "Paste it into the learning platform. It is shown this once and good once, for an "
                "hour: whoever has it can register a platform, which you then see and switch on."
            ),
            secrets=[ShownSecret(name=obj.name, lines=[("", link)])],
            back=gettext("Back to the registration links"),
        )

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    @action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[LtiRegistration]) -> None:
        number = registrations_revoke(
            registrations=queryset, now=timezone.now(), actor=request_actor(request)
        )
        text = ngettext("%(count)d link was revoked.", "%(count)d links were revoked.", number)
        messages.success(request, text % {"count": number})


@admin.register(LtiKey)
class LtiKeyAdmin(HistoryAdmin):
    """Deleted at once where one was stolen; a new one is made on the page of the platforms."""

    list_display = ["id", "created_at", "signs_from", "shown_until"]
    fields = ["created_at", "signs_from", "shown_until"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return CampusModelAdmin.has_delete_permission(self, request, obj)


@admin.register(LtiLink)
class LtiLinkAdmin(HistoryAdmin):
    """Made by a launch; what is sent is chosen by the lecturer. Deleted to connect anew."""

    list_display = ["course", "platform", "context_title", "scores", "state", "shown_error"]
    list_filter = ["platform", "scores"]
    list_select_related = ["course__subject", "platform"]
    search_fields = ["context_title", "context_id", "course__code"]
    fields = ["platform", "context_id", "context_title", "course", "scores", "shown_error"]
    readonly_fields = ["shown_error"]
    actions = ["send_again"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return CampusModelAdmin.has_delete_permission(self, request, obj)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("lti.change_ltiplatform"))

    @display(description=_("state"), label={"on": "success", "failing": "danger", "off": "info"})
    def state(self, link: LtiLink) -> tuple[str, Any]:
        if link.scores == LtiLink.Scores.NONE:
            return "off", _("nothing is sent")
        return ("failing", _("failing")) if link.failures else ("on", _("on"))

    @display(description=_("error"))
    def shown_error(self, link: LtiLink) -> str:
        if not link.failing_since:
            return link.error
        since = moment_text(link.failing_since, timezone.get_current_timezone())
        return gettext("since %(moment)s: %(error)s") % {"moment": since, "error": link.error}

    @action(description=_("Send again"), permissions=["retry"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[LtiLink]) -> None:
        number = links_send_again(links=queryset, now=timezone.now(), actor=request_actor(request))
        text = ngettext(
            "The scores of %(count)d course are sent again within a minute.",
            "The scores of %(count)d courses are sent again within a minute.",
            number,
        )
        messages.success(request, text % {"count": number})


@admin.register(LtiPerson)
class LtiPersonAdmin(HistoryAdmin):
    """Deleted to disconnect somebody; connected by a launch or from the roster's comparison."""

    list_display = ["student", "platform", "subject", "connected_at"]
    list_filter = ["platform"]
    list_select_related = ["student", "platform"]
    search_fields = ["student__code", "subject"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return CampusModelAdmin.has_delete_permission(self, request, obj)


@admin.register(LtiScore)
class LtiScoreAdmin(HistoryAdmin):
    """What platforms were told of whose attendance, and what they refused."""

    list_display = ["student", "link", "score", "maximum", "sent_at", "error"]
    list_filter = ["link"]
    list_select_related = ["student", "link"]
    search_fields = ["student__code", "error"]
