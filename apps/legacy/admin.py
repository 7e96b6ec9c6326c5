"""Older systems in the administration: upload, watch, read the report, save."""

import json
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin
from apps.common.errors import Refused
from apps.legacy.forms import NAMES, LegacyUploadForm
from apps.legacy.middleware import upload_ticket
from apps.legacy.models import LegacyMove
from apps.legacy.selectors import is_busy, legacy_move, progress_of, state_of
from apps.legacy.services import move_cancel, move_check, move_commit, move_upload
from apps.legacy.services.files import PIECE, report_read
from apps.legacy.services.rights import may_move
from apps.reconciliation.rendering import SHOWN, report_as
from apps.reconciliation.report import Report
from apps.tenants.middleware import refuse

STATES = {
    "checking": gettext_lazy("being checked"),
    "checked": gettext_lazy("checked"),
    "committing": gettext_lazy("being saved"),
    "done": gettext_lazy("saved"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("stopped"),
}
COLOURS = {"done": "success", "checked": "info", "failed": "danger", "cancelled": "warning"}
TYPES = {"html": "text/html; charset=utf-8", "json": "application/json"}


@admin.register(LegacyMove)
class LegacyMoveAdmin(CampusModelAdmin):
    """A page per upload, which follows its job. The office of the campus may look and read the
    report; only administrators of the platform upload, save and stop."""

    form = LegacyUploadForm
    list_display = ["filename", "shown_system", "shown_state", "counts", "created_by", "created_at"]
    list_filter = ["system", "created_at"]
    list_select_related = ["job", "created_by"]
    search_fields = ["filename"]
    search_help_text = gettext_lazy("File name")
    change_form_template = "admin/legacy/move.html"
    add_form_template = "admin/legacy/upload.html"

    @display(description=gettext_lazy("older system"), ordering="system")
    def shown_system(self, move: LegacyMove) -> Any:
        return NAMES.get(move.system, move.system)

    @display(description=gettext_lazy("status"), label=COLOURS)
    def shown_state(self, move: LegacyMove) -> Any:
        state = state_of(move)
        return state, STATES.get(state, state)

    @display(description=gettext_lazy("new / changed / left out"))
    def counts(self, move: LegacyMove) -> str:
        if not move.result:
            return "–"
        return " / ".join(str(move.result.get(n, 0)) for n in ("new", "changed", "left_out"))

    # --- Who may -----------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_move(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- Upload ------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """An upload asks; a move is shown by the page's own template."""
        return [] if obj is not None else [(None, {"fields": ["system", "file", "term"]})]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Its form is sent to an address that admits a large body."""
        return super().add_view(request, upload_ticket(request.path), extra_context)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> LegacyMove:
        """The upload goes through the service, which also queues its check."""
        upload = form.cleaned_data["file"]
        return move_upload(
            system=form.cleaned_data["system"],
            filename=upload.name,
            parts=upload.chunks(PIECE),
            term=form.cleaned_data["term"],
            user_id=request.user.pk,
            now=timezone.now(),
            actor=request_actor(request),
        )

    def save_model(self, request: HttpRequest, obj: LegacyMove, form: Any, change: bool) -> None:
        """Saved by the service already. So for the two below."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing related to save."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Logged by the service."""

    def response_add(self, request: HttpRequest, obj: LegacyMove, *_args: Any) -> HttpResponse:
        return redirect(self._page("change", obj.pk))

    # --- A move ------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        pages = [
            ("<int:move_id>/progress/", self.progress_view, "progress"),
            ("<int:move_id>/commit/", self.commit_view, "commit"),
            ("<int:move_id>/check/", self.check_view, "check"),
            ("<int:move_id>/cancel/", self.cancel_view, "cancel"),
            ("<int:move_id>/report.<str:ending>", self.report_view, "report"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"legacy_legacymove_{name}")
            for route, view, name in pages
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        move = self.get_object(request, object_id)
        context = self._context(request, move) if move is not None else {}
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def _context(self, request: HttpRequest, move: LegacyMove) -> dict[str, Any]:
        state, busy = state_of(move), is_busy(move)
        return {
            "move": move,
            "may_move": may_move(request.user),
            "system": NAMES.get(move.system, move.system),
            "state": state,
            "busy": busy,
            "progress": progress_of(move),
            "report": None if busy else _report_of(move),
            "shown": SHOWN,
            "can_check": bool(move.stored_as) and state in ("checked", "failed", "cancelled"),
            "can_save": bool(move.stored_as) and state == "checked",
        }

    def progress_view(self, request: HttpRequest, move_id: int) -> HttpResponse:
        """The bar alone, for the page to ask for; when the job has ended, the page anew."""
        move = self._move(request, move_id, change=False)
        if not is_busy(move):
            return HttpResponse(headers={"HX-Refresh": "true"})
        context = {"move": move, "progress": progress_of(move)}
        return render(request, "admin/legacy/_progress.html", context)

    def commit_view(self, request: HttpRequest, move_id: int) -> HttpResponse:
        move = self._move(request, move_id)
        check = _uuid(request.POST.get("check", ""))
        return self._act(request, move, move_commit, check=check)

    def check_view(self, request: HttpRequest, move_id: int) -> HttpResponse:
        return self._act(request, self._move(request, move_id), move_check)

    def cancel_view(self, request: HttpRequest, move_id: int) -> HttpResponse:
        return self._act(request, self._move(request, move_id), move_cancel)

    def report_view(self, request: HttpRequest, move_id: int, ending: str) -> HttpResponse:
        """The whole report, as a file."""
        move = self._move(request, move_id, change=False)
        try:
            report = _report_of(move)
        except Refused as refusal:
            return refuse(request, refusal)
        if report is None or ending not in TYPES:
            messages.error(request, _("There is no report, or it was deleted."))
            return redirect(self._page("change", move.pk))
        name = f"{move.system}-{move.pk}.{ending}"
        disposition = f'attachment; filename="{name}"'
        return HttpResponse(
            report_as(report, PurePath(name)),
            content_type=TYPES[ending],
            headers={"Content-Disposition": disposition},
        )

    # --- Helpers -----------------------------------------------------------------------------

    def _move(self, request: HttpRequest, move_id: int, *, change: bool = True) -> LegacyMove:
        """The move, for people who may see it or, by POST, act on it."""
        allowed = may_move(request.user) if change else self.has_view_permission(request)
        if not allowed or (change and request.method != "POST"):
            raise PermissionDenied
        return legacy_move(move_id=move_id)

    def _act(self, request: HttpRequest, move: LegacyMove, act: Any, **more: Any) -> HttpResponse:
        """Do it, or say why not; then back to the page."""
        actor, now = request_actor(request), timezone.now()
        try:
            act(move=move, user_id=request.user.pk, now=now, actor=actor, **more)
        except Refused as refusal:
            messages.error(request, refusal.message)
        return HttpResponseRedirect(self._page("change", move.pk))


def _report_of(move: LegacyMove) -> Report | None:
    data = report_read(move)
    return Report.from_json(json.loads(data)) if data is not None else None


def _uuid(text: str) -> UUID:
    """Of a hidden field; for what is none an id that no check has."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
