"""Campuses, their addresses and master keys, for the platform's administrators."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.audit.admin_base import CampusInline, CampusModelAdmin, HistoryAdmin
from apps.common.cache import invalidate
from apps.tenants.models import Campus, Domain, MasterKey
from apps.tenants.selectors import host_cache_key
from apps.tenants.signed import signed_act


class PlatformAdmin(CampusModelAdmin):
    """Campuses and their addresses; what names a campus is switched off, not deleted.

    Open to super administrators only, whose acts are signed for: the database refuses others.
    """

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with signed_act(obj._meta.db_table):
            super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        with signed_act(formset.model._meta.db_table):
            super().save_formset(request, form, formset, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with signed_act(obj._meta.db_table):
            super().delete_model(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """What an address leads to is cached for a minute: a change counts at once instead."""
        super().save_related(request, form, formsets, change)
        campus_id = getattr(form.instance, "campus_id", form.instance.pk)
        for host in Domain.objects.filter(campus_id=campus_id).values_list("host", flat=True):
            invalidate(host_cache_key(host))


class DomainInline(CampusInline):
    model = Domain
    extra = 1


@admin.register(Campus)
class CampusAdmin(PlatformAdmin):
    list_display = ["name", "slug", "time_zone", "face_enabled", "is_active"]
    list_filter = ["is_active", "face_enabled"]
    search_fields = ["name", "slug"]
    inlines = [DomainInline]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Domain)
class DomainAdmin(PlatformAdmin):
    list_display = ["host", "campus"]
    list_select_related = ["campus"]
    search_fields = ["host"]
    autocomplete_fields = ["campus"]


@admin.register(MasterKey)
class MasterKeyAdmin(HistoryAdmin):
    """Fingerprints, to compare with the one that was noted beside the key."""

    list_display = ["__str__", "created_at", "retired_at"]
