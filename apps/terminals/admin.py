"""Cards, terminals and the queue of punches in the administration."""

from ipaddress import ip_network
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.audit.admin_secrets import ShownSecret, show_secrets
from apps.qr_otp.drawing import code_svg
from apps.tenants.middleware import campus_origin
from apps.terminals.models import Card, CardKey, CardTerminal, Punch
from apps.terminals.reading import LONGEST
from apps.terminals.services.cards import card_add, cards_revoke
from apps.terminals.services.deciding import UNDECIDED, punch_assign, punches_put_aside
from apps.terminals.services.punches import punches_retry
from apps.terminals.services.terminals import terminal_add, terminal_token_replace

LABELS = {
    "waiting": "info",
    "counted": "success",
    "noted": "info",
    "queued": "warning",
    "aside": "info",
}


class CardForm(forms.ModelForm):
    number = forms.CharField(
        label=_("Number of the card"),
        max_length=LONGEST,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("As the reader shows it. It is hashed and not kept."),
    )

    class Meta:
        model = Card
        fields = ["student", "kind"]


@admin.register(Card)
class CardAdmin(CampusModelAdmin):
    """Added and revoked; nobody can look a number up."""

    form = CardForm
    list_display = ["student", "kind", "added_at", "revoked_at"]
    list_filter = ["kind", "added_at"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__first_name", "student__last_name"]
    autocomplete_fields = ["student"]
    actions = ["revoke"]
    fields = ["student", "kind", "number"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else ["student", "kind", "added_at", "revoked_at"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        card, _made = card_add(
            student=obj.student,
            number=form.cleaned_data["number"],
            kind=obj.kind,
            now=timezone.now(),
            actor=request_actor(request),
        )
        obj.pk = card.pk

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    @action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        number = cards_revoke(cards=queryset, now=timezone.now(), actor=request_actor(request))
        text = ngettext("%(count)d card was revoked.", "%(count)d cards were revoked.", number)
        messages.success(request, text % {"count": number})


@admin.register(CardKey)
class CardKeyAdmin(HistoryAdmin):
    """That there is one; it is sealed and shown to nobody."""

    list_display = ["__str__", "created_at"]
    fields = ["created_at"]


class TerminalForm(forms.ModelForm):
    class Meta:
        model = CardTerminal
        fields = ["name", "kind", "classroom", "serial_number", "network", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            kinds = [one for one in CardTerminal.Kind.choices if one[0] != CardTerminal.Kind.KIOSK]
            self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        if "classroom" in self.fields:
            self.fields["classroom"].required = True

    def clean_network(self) -> str:
        network = str(self.cleaned_data["network"]).strip()
        if network:
            try:
                ip_network(network, strict=False)
            except ValueError as error:
                message = _("Write an address or a network such as 192.0.2.0/24.")
                raise forms.ValidationError(message) from error
        return network

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("kind") == CardTerminal.Kind.ADMS and not data.get("serial_number"):
            self.add_error("serial_number", _("These readers are known by their serial number."))
        return data


@admin.register(CardTerminal)
class CardTerminalAdmin(CampusModelAdmin):
    """Readers and kiosks of rooms; a session's kiosk is opened on its page and only listed here."""

    form = TerminalForm
    list_display = ["name", "kind", "classroom", "is_active", "heard_at", "drift_seconds"]
    list_filter = ["kind", "is_active"]
    list_select_related = ["classroom__building"]
    search_fields = ["name", "serial_number"]
    autocomplete_fields = ["classroom"]
    actions = ["replace_token"]
    fields = ["name", "kind", "classroom", "serial_number", "network", "is_active"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_kiosk = obj is not None and obj.kind == CardTerminal.Kind.KIOSK
        return not is_kiosk and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A reader of another maker is another terminal."""
        return ["heard_at", "drift_seconds"] if obj is None else ["kind"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.new_token = terminal_add(obj, now=timezone.now(), actor=request_actor(request))

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: Any = None
    ) -> HttpResponse:
        """Its token, or what opens it, once, on a page of its own that no browser keeps."""
        return self._tokens(request, [(obj, obj.new_token)])

    @action(description=_("Replace the token"), permissions=["change"])
    def replace_token(self, request: HttpRequest, queryset: QuerySet[CardTerminal]) -> HttpResponse:
        readers = queryset.exclude(kind=CardTerminal.Kind.KIOSK)
        actor, now = request_actor(request), timezone.now()
        return self._tokens(
            request,
            [(one, terminal_token_replace(terminal=one, now=now, actor=actor)) for one in readers],
        )

    def _tokens(self, request: HttpRequest, rows: list[tuple[CardTerminal, str]]) -> HttpResponse:
        origin = campus_origin(request)
        said = gettext(
            "Each is shown this once. Whoever has it can send punches as this terminal: give it "
            "to the terminal alone, and replace it if it was seen."
        )
        if any(one.kind == CardTerminal.Kind.ROOM_KIOSK for one, _secret in rows):
            said += " " + gettext(
                "A kiosk is opened once, within 15 minutes, on the tablet at the door: scan the "
                "picture there, open the link, or type the code. Whoever is signed in there is "
                "signed out."
            )
        return show_secrets(
            self,
            request,
            title=gettext("Tokens of terminals"),
            said=said,
            secrets=[_shown(one, secret, origin) for one, secret in rows],
            back=gettext("Back to the terminals"),
        )


def _shown(terminal: CardTerminal, secret: str, origin: str) -> ShownSecret:
    if terminal.kind != CardTerminal.Kind.ROOM_KIOSK:
        lines = [("", secret), _address(terminal, secret, origin)]
        return ShownSecret(name=terminal.name, lines=lines)
    # Behind a #: browsers send it to no server, and no log keeps it.
    page = f"{origin}{reverse('kiosk-room')}"
    link = f"{page}#{secret}"
    lines = [
        (gettext("Link:"), link),
        (gettext("Or this page:"), page),
        (gettext("and there this code:"), secret),
    ]
    return ShownSecret(name=terminal.name, lines=lines, picture=code_svg(link))


def _address(terminal: CardTerminal, token: str, origin: str) -> tuple[str, str]:
    """Where it sends its punches, as its own settings ask for it."""
    if terminal.kind == CardTerminal.Kind.ADMS:
        words = gettext("Address of the server, where the reader takes a path:")
        return words, f"{origin}/iclock/{token}"
    if terminal.kind == CardTerminal.Kind.HIKVISION:
        return gettext("Address of the event listener:"), f"{origin}/hikvision/{token}"
    return "", f"POST {origin}/api/v1/terminals/punches"


@admin.register(Punch)
class PunchAdmin(CampusModelAdmin):
    """What was read. Those that nobody could place are decided on here."""

    list_display = ["at", "terminal", "student", "session", "shown_status", "reason", "decided_by"]
    list_filter = ["status", "reason", "terminal", "at"]
    list_select_related = [
        "terminal",
        "student",
        "session__course__subject",
        "session__classroom__building",
    ]
    search_fields = ["student__code", "terminal__name"]
    autocomplete_fields = ["session"]
    actions = ["try_again", "put_aside"]
    fields = [
        "terminal",
        "student",
        "session",
        "at",
        "read_at",
        "drift_seconds",
        "received_at",
        "status",
        "reason",
        "decided_by",
        "decided_at",
    ]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        undecided = obj is not None and obj.status in UNDECIDED
        return [name for name in self.fields if name != "session" or not undecided]

    @display(description=_("status"), ordering="status", label=LABELS)
    def shown_status(self, punch: Punch) -> tuple[str, Any]:
        return punch.status, punch.get_status_display()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Choosing a session and saving counts the punch there."""
        if obj.session is not None:
            punch_assign(
                punch=obj, session=obj.session, now=timezone.now(), actor=request_actor(request)
            )

    @action(description=_("Try to place again"), permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Punch]) -> None:
        by_terminal: dict[CardTerminal, list[Punch]] = {}
        for punch in queryset.select_related("terminal"):
            by_terminal.setdefault(punch.terminal, []).append(punch)
        now, actor = timezone.now(), request_actor(request)
        changed = sum(
            punches_retry(terminal=terminal, punches=punches, now=now, actor=actor)
            for terminal, punches in by_terminal.items()
        )
        messages.success(
            request,
            ngettext("%(count)d punch changed.", "%(count)d punches changed.", changed)
            % {"count": changed},
        )

    @action(description=_("Put aside"), permissions=["change"])
    def put_aside(self, request: HttpRequest, queryset: QuerySet[Punch]) -> None:
        number = punches_put_aside(
            punches=queryset, now=timezone.now(), actor=request_actor(request)
        )
        messages.success(request, gettext("Put aside: %(count)d.") % {"count": number})
