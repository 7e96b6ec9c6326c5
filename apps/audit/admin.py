from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.audit.admin_base import HistoryAdmin
from apps.audit.models import (
    BadEntry,
    Entry,
    PlatformBadEntry,
    PlatformEntry,
    PlatformSeal,
    Root,
    RootCopy,
    Seal,
)


class LogAdmin(HistoryAdmin):
    list_display = ["at", "actor_label", "action", "target_type", "target_id", "address"]
    list_filter = ["at", "target_type"]
    lookups = ("target_id",)
    search_fields = ["actor_label", "action", "target_id"]
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
    ]


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
