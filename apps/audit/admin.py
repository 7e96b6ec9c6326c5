from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.audit.actors import request_actor
from apps.audit.admin_base import HistoryAdmin
from apps.audit.models import (
    BadEntry,
    Entry,
    PlatformBadEntry,
    PlatformEntry,
    PlatformRedaction,
    PlatformSeal,
    Redaction,
    Root,
    RootCopy,
    Seal,
)
from apps.audit.sealed_data import has_sealed
from apps.audit.services import log_event, log_platform_event, sealed_read
from apps.tenants.scope import entered_campus_id


class LogAdmin(HistoryAdmin):
    list_display = ["at", "actor_label", "action", "target_type", "target_id", "address"]
    list_filter = ["at", "target_type"]
    lookups = ("target_id",)
    search_fields = ["actor_label", "action", "target_id"]
    readonly_fields = ["private"]
    fields = [
        "at",
        "actor_label",
        "actor_id",
        "address",
        "user_agent",
        "action",
        "target_type",
        "target_id",
        "data",
        "private",
    ]

    @display(description=_("sealed part"))
    def private(self, entry: Any) -> str:
        if not has_sealed(entry):
            return "–"
        page = reverse(f"admin:audit_{self.opts.model_name}_sealed", args=[entry.pk])
        return format_html('<a href="{}">{}</a>', page, gettext("Read it"))

    def get_urls(self) -> list[Any]:
        name = f"audit_{self.opts.model_name}_sealed"
        view = self.admin_site.admin_view(self.sealed_view)
        return [path("<uuid:pk>/sealed/", view, name=name), *super().get_urls()]

    def sealed_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """For administrators: what an entry says of a person's life. Looking is written down."""
        entry = self.get_object(request, str(pk))
        if entry is None:
            raise Http404
        may = request.user.has_perm(f"audit.change_{self.opts.model_name}")
        found = sealed_read(entry=entry, may=may, actor=request_actor(request), now=timezone.now())
        return JsonResponse(found, status=200 if may else 403)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Reading the log is written into it, with what was searched for."""
        self._note(request, may=self.has_view_permission(request), asked=request.GET.dict())
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        may = self.has_view_permission(request)
        self._note(request, may=may, asked={"entry": object_id[:64]})
        return super().change_view(request, object_id, form_url, extra_context)

    def _note(self, request: HttpRequest, *, may: bool, asked: dict[str, Any]) -> None:
        write = log_platform_event if entered_campus_id() is None else log_event
        write(
            actor=request_actor(request),
            action="audit.log.read" if may else "audit.log.refused",
            now=timezone.now(),
            data={"log": self.opts.label_lower, "asked": asked},
        )


@admin.register(Entry)
class EntryAdmin(LogAdmin):
    """What was done on this campus."""


@admin.register(PlatformEntry)
class PlatformEntryAdmin(LogAdmin):
    """For super administrators who have chosen no campus: inside one it cannot be read."""


class ChainAdmin(HistoryAdmin):
    list_display = ["position", "entry"]
    list_select_related = ["entry"]
    fields = ["position", "entry"]
    ordering = ["-position"]


@admin.register(Seal)
class SealAdmin(ChainAdmin):
    """The chain of this campus."""


@admin.register(PlatformSeal)
class PlatformSealAdmin(ChainAdmin):
    """The chain of the platform."""


class PutAsideAdmin(HistoryAdmin):
    list_display = ["found_at", "entry", "written_at", "actor"]
    list_select_related = ["entry"]
    fields = ["found_at", "entry"]

    @display(description=_("at"))
    def written_at(self, bad: Any) -> Any:
        return bad.entry.at

    @display(description=_("actor"))
    def actor(self, bad: Any) -> str:
        return str(bad.entry.actor_label)


@admin.register(BadEntry)
class BadEntryAdmin(PutAsideAdmin):
    """Entries of this campus that did not fit their MAC."""


@admin.register(PlatformBadEntry)
class PlatformBadEntryAdmin(PutAsideAdmin):
    """Those of the platform."""


class RedactedAdmin(HistoryAdmin):
    list_display = ["at", "entry"]
    list_select_related = ["entry"]
    fields = ["at", "entry"]


@admin.register(Redaction)
class RedactionAdmin(RedactedAdmin):
    """Entries of this campus that an erasure shortened."""


@admin.register(PlatformRedaction)
class PlatformRedactionAdmin(RedactedAdmin):
    """Those of the platform."""


@admin.register(Root)
class RootAdmin(HistoryAdmin):
    """The signed state of each chain, day by day, and where copies are."""

    list_display = ["day", "chain", "position", "set_aside", "places"]
    list_filter = ["day"]
    search_fields = ["chain"]
    fields = ["day", "chain", "campus", "position", "set_aside", "made_at", "head_text", "places"]
    readonly_fields = ["head_text", "places"]

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("copies")

    @display(description=_("head"))
    def head_text(self, root: Root) -> str:
        return bytes(root.head).hex()

    @display(description=_("copies"))
    def places(self, root: Root) -> str:
        return ", ".join(copy.place for copy in root.copies.all())


@admin.register(RootCopy)
class RootCopyAdmin(HistoryAdmin):
    list_display = ["written_at", "root", "place"]
    list_filter = ["place"]
    list_select_related = ["root"]
