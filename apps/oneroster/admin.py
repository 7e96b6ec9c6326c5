"""OneRoster services in the administration: entered, tried, read, and what waits for a person."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.audit.admin_secrets import ShownSecret, show_secrets
from apps.audit.admin_single import SingleRowAdmin
from apps.oneroster.forms import OneRosterForm
from apps.oneroster.models import (
    OneRosterClient,
    OneRosterConnection,
    OneRosterRow,
    OneRosterRun,
)
from apps.oneroster.services import (
    client_revoke,
    client_secret_renew,
    connection_test,
    run_confirm,
    run_refuse,
    run_start,
    secret_give,
)
from apps.tenants.addresses import campus_url

STATES: Final = {
    "running": "info",
    "checked": "info",
    "waiting": "warning",
    "confirmed": "info",
    "refused": "info",
    "replaced": "info",
    "saved": "success",
    "failed": "danger",
}
SHOWN: Final = 50  # names and wrong rows on the page of a reading


@admin.register(OneRosterConnection)
class OneRosterConnectionAdmin(SingleRowAdmin):
    form = OneRosterForm
    list_display = ["name", "url", "school", "is_nightly", "read_whole_at"]
    list_filter = ["is_nightly"]
    search_fields = ["name", "url"]
    actions = ["test", "compare", "save_changes", "save_whole"]
    fieldsets = [
        (None, {"fields": ["name", "school"]}),
        (_("The service"), {"fields": ["url", "token_url", "client_id", "secret", "scopes"]}),
        (_("When"), {"fields": ["is_nightly", "share"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if secret := form.cleaned_data.get("secret"):
            secret_give(obj, secret)
        if change and {"url", "school"} & set(form.changed_data):
            obj.since, obj.read_whole_at = {}, None  # another roster: read whole
        super().save_model(request, obj, form, change)

    @action(description=_("Test the connection"), permissions=["change"])
    def test(self, request: HttpRequest, queryset: QuerySet[OneRosterConnection]) -> None:
        for connection in queryset:
            said = connection_test(
                connection=connection, now=timezone.now(), actor=request_actor(request)
            )
            messages.success(request, said)

    @action(description=_("Read and compare (a dry run)"), permissions=["change"])
    def compare(self, request: HttpRequest, queryset: QuerySet[OneRosterConnection]) -> Any:
        return self._start(request, queryset, commit=False, full=True)

    @action(description=_("Read what changed, and save it"), permissions=["change"])
    def save_changes(self, request: HttpRequest, queryset: QuerySet[OneRosterConnection]) -> Any:
        return self._start(request, queryset, commit=True, full=False)

    @action(description=_("Read everything, and save it"), permissions=["change"])
    def save_whole(self, request: HttpRequest, queryset: QuerySet[OneRosterConnection]) -> Any:
        return self._start(request, queryset, commit=True, full=True)

    def _start(
        self,
        request: HttpRequest,
        queryset: QuerySet[OneRosterConnection],
        *,
        commit: bool,
        full: bool,
    ) -> HttpResponse | None:
        for connection in queryset[:1]:
            run = run_start(
                connection=connection,
                commit=commit,
                full=full,
                user_id=request.user.pk,
                by_person=True,
                now=timezone.now(),
                actor=request_actor(request),
            )
            messages.success(request, gettext("It is being read. The page shows how it ended."))
            return redirect(reverse("admin:oneroster_onerosterrun_change", args=[run.pk]))
        return None


@admin.register(OneRosterRun)
class OneRosterRunAdmin(HistoryAdmin):
    """What each reading found, and the one that waits."""

    list_display = ["created_at", "shown_status", "counts", "leaving", "created_by", "problem"]
    list_filter = ["status", "created_at"]
    list_select_related = ["created_by"]
    search_fields = ["problem"]
    actions = ["confirm", "refuse"]
    readonly_fields = ["counts", "said", "who", "wrong"]
    fields = [
        *("connection", "status", "problem", "is_full", "commit", "counts", "leaving", "confirmed"),
        *("who", "said", "wrong", "created_by", "created_at", "finished_at"),
    ]

    @display(description=_("status"), ordering="status", label=STATES)
    def shown_status(self, run: OneRosterRun) -> tuple[str, Any]:
        return run.status, run.get_status_display()

    @display(description=_("new / changed / wrong"))
    def counts(self, run: OneRosterRun) -> str:
        if not run.result:
            return "–"
        return " / ".join(str(run.result.get(name, 0)) for name in ("new", "changed", "wrong"))

    @display(description=_("people who leave"))
    def who(self, run: OneRosterRun) -> str:
        return _lines([(name,) for name in run.result.get("removed_names", [])])

    @display(description=_("notes"))
    def said(self, run: OneRosterRun) -> str:
        return _lines([(note,) for note in run.result.get("notes", [])])

    @display(description=_("wrong rows"))
    def wrong(self, run: OneRosterRun) -> str:
        rows = [
            (f"{row['sheet']} {row['column']} “{row['value']}”: {row['reason']}",)
            for row in run.problems
        ]
        return _lines(rows)

    def has_confirm_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("oneroster.change_onerosterconnection"))

    @action(description=_("Confirm that they leave, and save"), permissions=["confirm"])
    def confirm(self, request: HttpRequest, queryset: QuerySet[OneRosterRun]) -> Any:
        waiting = self._chosen(request, queryset)
        if waiting is None:
            return None
        run = run_confirm(
            run=waiting,
            leaving=waiting.leaving,
            user_id=request.user.pk,
            now=timezone.now(),
            actor=request_actor(request),
        )
        messages.success(request, gettext("It is read again and saved."))
        return redirect(reverse("admin:oneroster_onerosterrun_change", args=[run.pk]))

    @action(description=_("Refuse it"), permissions=["confirm"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[OneRosterRun]) -> None:
        waiting = self._chosen(request, queryset)
        if waiting is not None:
            run_refuse(run=waiting, now=timezone.now(), actor=request_actor(request))
            messages.success(request, gettext("Nothing of it is saved."))

    @staticmethod
    def _chosen(request: HttpRequest, queryset: QuerySet[OneRosterRun]) -> OneRosterRun | None:
        chosen = list(queryset.select_related("connection")[:2])
        if len(chosen) == 1:
            return chosen[0]
        messages.error(request, gettext("Tick the one that waits."))
        return None


def _lines(rows: list[tuple[str]]) -> str:
    more = [("…",)] if len(rows) > SHOWN else []
    return format_html_join("", "<div>{}</div>", rows[:SHOWN] + more) or "–"


@admin.register(OneRosterRow)
class OneRosterRowAdmin(HistoryAdmin):
    """What the service is known to have said: nothing that it repeats is saved again."""

    list_display = ["collection", "sourced_id", "student", "faculty"]
    list_filter = ["collection"]
    list_select_related = ["student", "faculty"]
    search_fields = ["sourced_id"]


@admin.register(OneRosterClient)
class OneRosterClientAdmin(CampusModelAdmin):
    """Who reads our roster; the secret is shown once."""

    list_display = [
        *("name", "roster", "gives_email", "gives_attendance", "state"),
        *("created_at", "last_used_at"),
    ]
    list_filter = ["roster", "gives_attendance"]
    search_fields = ["name", "purpose"]
    fields = ["name", "purpose", "roster", "gives_email", "gives_attendance"]
    actions = ["make_secret", "revoke"]

    @display(description=_("state"), label={"on": "success", "revoked": "danger"})
    def state(self, client: OneRosterClient) -> tuple[str, Any]:
        return ("revoked", _("revoked")) if client.revoked_at else ("on", _("on"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_at, obj.digest = timezone.now(), b""
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return self._secret_page(request, obj)

    def _secret_page(self, request: HttpRequest, client: OneRosterClient) -> HttpResponse:
        """A new secret on a page of its own, which no browser keeps."""
        secret = client_secret_renew(
            client=client, now=timezone.now(), actor=request_actor(request)
        )
        lines = [
            (gettext("Rostering"), campus_url("/ims/oneroster/rostering/v1p2")),
            (gettext("Gradebook"), campus_url("/ims/oneroster/gradebook/v1p2")),
            (gettext("Access token"), campus_url("/ims/oneroster/token")),
        ]
        named = [(gettext("Client id"), str(client.pk)), (gettext("Client secret"), secret)]
        return show_secrets(
            self,
            request,
            title=gettext("Secret of the reader"),
            said=gettext(
                "Enter these in the other system. The secret is shown this once: whoever has it "
                "reads what this reader may read. Make a new one if it was seen."
            ),
            secrets=[
                ShownSecret(name=gettext("Addresses (OneRoster 1.2)"), lines=lines),
                ShownSecret(name=client.name, lines=named),
            ],
            back=gettext("Back to the readers"),
        )

    @action(description=_("Make a new secret"), permissions=["change"])
    def make_secret(self, request: HttpRequest, queryset: QuerySet[OneRosterClient]) -> Any:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, gettext("Tick one: the old secret ends at once."))
            return None
        return self._secret_page(request, chosen[0])

    @action(description=_("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[OneRosterClient]) -> None:
        for client in queryset:
            client_revoke(client=client, now=timezone.now(), actor=request_actor(request))
        messages.success(request, gettext("Revoked: it is answered no more."))
