"""Campuses, their addresses and master keys, for the platform's administrators."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2Widget

from apps.accounts.admin.forms import language_field
from apps.audit.admin_base import CampusInline, CampusModelAdmin, HistoryAdmin
from apps.audit.admin_widgets import DomainsField
from apps.common.cache import invalidate
from apps.tenants.models import Campus, CampusRemoval, Domain, MasterKey, time_zones
from apps.tenants.selectors import host_cache_key
from apps.tenants.signed import signed_act


def domains_field(name: str, label: Any) -> DomainsField:
    """The model's column as a list of names."""
    column: Any = Campus._meta.get_field(name)
    return DomainsField(label=label, help_text=column.help_text, required=False)


class CampusForm(forms.ModelForm):
    """Each setting by its name. Time zones are chosen from those that the server knows."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=time_zones,
        widget=UnfoldAdminSelect2Widget,
        help_text=_("Of the place where the classes are: days and times of sessions follow it."),
    )
    language = language_field(_("the platform's"))
    email_domains = domains_field("email_domains", _("E-mail domains"))
    verified_domains = domains_field("verified_domains", _("Verified e-mail domains"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """With the zone that is kept, also where it is an old name."""
        super().__init__(*args, **kwargs)
        kept = self.instance.time_zone
        field: Any = self.fields.get("time_zone")
        if field is not None and kept not in dict(field.choices):
            field.choices = [*field.choices, (kept, kept)]

    class Meta:
        model = Campus
        fields = [
            "name",
            "slug",
            "is_active",
            "time_zone",
            "email_domains",
            "verified_domains",
            "years_of_study",
            "face_enabled",
            "language",
        ]
        help_texts = {
            "slug": _("In addresses and commands: lower-case letters, digits and hyphens."),
            "language": Campus._meta.get_field("language").help_text,
            "is_active": _("An inactive campus lets nobody in; nothing of it is lost."),
        }


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
    form = CampusForm
    inlines = [DomainInline]
    fieldsets = [
        (None, {"fields": [("name", "slug"), "is_active", "time_zone", "language"]}),
        (_("E-mail addresses"), {"fields": ["email_domains", "verified_domains"]}),
        (_("Studies and faces"), {"fields": ["years_of_study", "face_enabled"]}),
    ]

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


@admin.register(CampusRemoval)
class CampusRemovalAdmin(HistoryAdmin):
    """Asked for and taken back by `manage.py remove_campus`."""

    list_display = ["campus", "asked_at", "asked_by", "due_at"]
    list_select_related = ["campus"]
