"""Imports in the administration: upload, watch, look at what is wrong, commit."""

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

from apps.accounts.writes import Writer
from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin
from apps.common.errors import Refused
from apps.common.fields import row_number
from apps.import_types.base import ImportType
from apps.import_types.registry import IMPORT_TYPES, import_type_named, import_types_for
from apps.imports.admin_forms import MappingForm, QuestionsForm, UploadForm
from apps.imports.models import ImportAnswer, ImportRun
from apps.imports.selectors import (
    asked_questions,
    import_run,
    is_busy,
    open_questions,
    progress_of,
    state_of,
)
from apps.imports.services import (
    import_answer,
    import_cancel,
    import_check,
    import_commit,
    import_remap,
    import_upload,
)
from apps.imports.services.files import file_read
from apps.imports.workbooks import template_workbook
from apps.tabular_files.headings import OF_COLUMNS
from apps.tenants.middleware import refuse

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_PROBLEMS = 100
COLOURS = {
    "done": "success",
    "checked": "info",
    "failed": "danger",
    "cancelled": "warning",
}


@admin.register(ImportRun)
class ImportRunAdmin(CampusModelAdmin):
    """A page per upload, which follows its job."""

    form = UploadForm
    list_display = ["filename", "shown_kind", "shown_state", "counts", "created_by", "created_at"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["job", "created_by"]
    search_fields = ["filename"]
    search_help_text = gettext_lazy("File name")
    change_form_template = "admin/imports/run.html"
    add_form_template = "admin/imports/upload.html"

    @display(description=gettext_lazy("kind"), ordering="kind")
    def shown_kind(self, run: ImportRun) -> Any:
        return IMPORT_TYPES[run.kind].label if run.kind in IMPORT_TYPES else run.kind

    @display(description=gettext_lazy("status"), label=COLOURS)
    def shown_state(self, run: ImportRun) -> Any:
        state = state_of(run)
        return state, _(state)

    @display(description=gettext_lazy("new / changed / wrong"))
    def counts(self, run: ImportRun) -> str:
        if not run.result:
            return "–"
        return " / ".join(str(run.result.get(name, 0)) for name in ("new", "changed", "wrong"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Kinds that this person may write by hand as well."""
        form = super().get_form(request, obj, **kwargs)
        form.writer = Writer(request.user)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """An upload asks; a run is shown by the page's own template."""
        if obj is not None:
            return []
        return [
            (None, {"fields": ["kind", "file"]}),
            (
                _("What the whole file has in common"),
                {"fields": ["department", "year", "section", "term", "replace"]},
            ),
        ]

    # --- Upload ------------------------------------------------------------------------------

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> ImportRun:
        """The upload goes through the service, which also queues its check."""
        upload = form.cleaned_data["file"]
        return import_upload(
            kind=form.cleaned_data["kind"],
            filename=upload.name,
            data=upload.read(),
            options=form.options(),
            user_id=request.user.pk,
            now=timezone.now(),
            actor=request_actor(request),
        )

    def save_model(self, request: HttpRequest, obj: ImportRun, form: Any, change: bool) -> None:
        """Saved by the service already. So for the two below."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing related to save."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Logged by the service."""

    def response_add(self, request: HttpRequest, obj: ImportRun, *_args: Any) -> HttpResponse:
        return redirect(self._page("change", obj.pk))

    # --- A run -------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        pages = [
            ("<int:run_id>/progress/", self.progress_view, "progress"),
            ("<int:run_id>/commit/", self.commit_view, "commit"),
            ("<int:run_id>/cancel/", self.cancel_view, "cancel"),
            ("<int:run_id>/mapping/", self.mapping_view, "mapping"),
            ("<int:run_id>/answers/", self.answers_view, "answers"),
            ("<int:run_id>/errors.xlsx", self.errors_view, "errors"),
            ("template/<str:kind>.xlsx", self.template_view, "template"),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"imports_importrun_{name}")
            for route, view, name in pages
        ]
        return [*own, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        kinds = {k.name: k for k in import_types_for(Writer(request.user)) if not k.bundle}
        return super().add_view(request, form_url, {**(extra_context or {}), "kinds": kinds})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context = self._context(request, run) if run is not None else {}
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def _context(self, request: HttpRequest, run: ImportRun) -> dict[str, Any]:
        import_type = import_type_named(run.kind)
        return {
            "run": run,
            "kind": import_type,
            "state": state_of(run),
            "busy": is_busy(run),
            "progress": progress_of(run),
            "something": any(run.result.get(n) for n in ("new", "changed", "removed")),
            "problems": run.problems[:SHOWN_PROBLEMS],
            "reasons": run.result.get("reasons", []),
            "may_import": self.has_add_permission(request),
            "questions": asked_questions(run),
            "unanswered": open_questions(run),
            "mapping_form": _mapping_form(run, import_type),
        }

    def progress_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """The bar alone, for the page to ask for; when the job has ended, the page anew."""
        run = self._run(request, run_id, change=False)
        if not is_busy(run):
            return HttpResponse(headers={"HX-Refresh": "true"})
        context = {"run": run, "progress": progress_of(run)}
        return render(request, "admin/imports/_progress.html", context)

    def commit_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        run = self._run(request, run_id)
        return self._act(
            request,
            run,
            lambda: import_commit(
                run=run,
                removed=row_number(request.POST.get("removed", "")) or 0,
                check=_check(request.POST.get("check", "")),
                user_id=request.user.pk,
                now=timezone.now(),
                actor=request_actor(request),
            ),
        )

    def cancel_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        run = self._run(request, run_id)
        return self._act(
            request,
            run,
            lambda: import_cancel(
                run=run,
                user_id=request.user.pk,
                now=timezone.now(),
                actor=request_actor(request),
            ),
        )

    def mapping_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Check again with other columns (or, without headings, just again)."""
        run = self._run(request, run_id)
        form = MappingForm(request.POST, run=run, import_type=import_type_named(run.kind))
        if not form.is_valid():
            messages.error(request, _("Choose one of the columns that are offered."))
            return redirect(self._page("change", run.pk))
        return self._act(
            request,
            run,
            lambda: import_remap(
                run=run,
                mapping=form.mapping(),
                options={},
                user_id=request.user.pk,
                now=timezone.now(),
            ),
        )

    def answers_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Check again with the answers of the page; an empty one is forgotten."""
        run = self._run(request, run_id)
        form = QuestionsForm(request.POST, questions=run.questions)
        if not form.is_valid():
            messages.error(request, _("Choose one of the answers that are offered."))
            return redirect(self._page("change", run.pk))
        now, user_id, changed = timezone.now(), request.user.pk, form.changed_answers()
        if not changed:
            return self._act(request, run, lambda: import_check(run=run, user_id=user_id, now=now))
        return self._act(
            request,
            run,
            lambda: import_answer(
                run=run,
                answers=changed,
                user_id=user_id,
                now=now,
                actor=request_actor(request),
            ),
        )

    def errors_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        run = self._run(request, run_id, change=False)
        if not run.marked_as:
            messages.error(request, _("This import has no wrong rows, or they were deleted."))
            return redirect(self._page("change", run.pk))
        try:
            data = file_read(run.marked_as)
        except Refused as refusal:
            return refuse(request, refusal)
        return self._workbook(data, f"import-{run.pk}-errors.xlsx")

    def template_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        if (
            not self.has_view_permission(request)
            or kind not in IMPORT_TYPES
            or IMPORT_TYPES[kind].bundle
        ):
            raise PermissionDenied
        return self._workbook(template_workbook(IMPORT_TYPES[kind]), f"{kind}.xlsx")

    # --- Helpers -----------------------------------------------------------------------------

    def _run(self, request: HttpRequest, run_id: int, *, change: bool = True) -> ImportRun:
        """The run, for people who may see it or, by POST, act on it."""
        allowed = self.has_add_permission(request) if change else self.has_view_permission(request)
        if not allowed or (change and request.method != "POST"):
            raise PermissionDenied
        return import_run(run_id=run_id)

    def _act(self, request: HttpRequest, run: ImportRun, act: Any) -> HttpResponse:
        """Do it, or say why not; then back to the page."""
        try:
            act()
        except Refused as refusal:
            messages.error(request, refusal.message)
        return HttpResponseRedirect(self._page("change", run.pk))

    @staticmethod
    def _workbook(data: bytes, name: str) -> HttpResponse:
        disposition = f'attachment; filename="{name}"'
        return HttpResponse(data, content_type=XLSX, headers={"Content-Disposition": disposition})


@admin.register(ImportAnswer)
class ImportAnswerAdmin(CampusModelAdmin):
    """What is remembered: it is given on the pages of uploads, and can be forgotten here."""

    list_display = ["text", "label", "shown_kind", "answered_by", "answered_at"]
    list_filter = ["kind"]
    list_select_related = ["answered_by"]
    search_fields = ["text", "label"]
    search_help_text = gettext_lazy("Question or answer")

    @display(description=gettext_lazy("kind"), ordering="kind")
    def shown_kind(self, answer: ImportAnswer) -> Any:
        return IMPORT_TYPES[answer.kind].label if answer.kind in IMPORT_TYPES else answer.kind

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _mapping_form(run: ImportRun, import_type: ImportType) -> MappingForm | None:
    """None while a question about a column is open: the form would answer it with the likeliest."""
    asks = any(not q["answer"] and q["key"].startswith(OF_COLUMNS) for q in run.questions)
    return MappingForm(run=run, import_type=import_type) if run.headings and not asks else None


def _check(text: str) -> UUID | None:
    """Of a hidden field; for what is none an id that no check has."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return UUID(int=0)
