from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from apps.audit.admin_base import CampusModelAdmin, HistoryInline
from apps.classrooms.beacons import MIN_SECRET_BYTES, sealed_beacon_secret
from apps.classrooms.models import Beacon, Building, Classroom


class BeaconInline(HistoryInline):
    """Beacons of the room; each is edited on its own page."""

    model = Beacon
    fields = ["identifier", "min_rssi", "is_active"]


@admin.register(Building)
class BuildingAdmin(CampusModelAdmin):
    list_display = ["name"]
    search_fields = ["name"]


@admin.register(Classroom)
class ClassroomAdmin(CampusModelAdmin):
    list_display = ["room_number", "building", "floor", "capacity", "geofence_radius", "is_active"]
    list_filter = ["is_active", ("building", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["building"]
    search_fields = ["room_number", "building__name"]
    autocomplete_fields = ["building"]
    inlines = [BeaconInline]
    fieldsets = [
        (None, {"fields": ["building", "room_number", "floor", "capacity", "is_active"]}),
        (_("Place"), {"fields": ["latitude", "longitude", "geofence_radius"]}),
    ]


class BeaconForm(forms.ModelForm):
    """The secret goes in and never comes out."""

    secret = forms.CharField(
        label=_("Secret"),
        required=False,
        widget=UnfoldAdminPasswordWidget,
        help_text=_(
            "For beacons whose identifier rotates: at least 32 hexadecimal digits. Empty leaves it."
        ),
    )

    class Meta:
        model = Beacon
        fields = ["classroom", "identifier", "min_rssi", "is_active"]

    def clean_secret(self) -> bytes:
        try:
            secret = bytes.fromhex(self.cleaned_data["secret"])
        except ValueError:
            raise forms.ValidationError(_t("Hexadecimal digits only.")) from None
        if 0 < len(secret) < MIN_SECRET_BYTES:
            raise forms.ValidationError(_t("At least 32 hexadecimal digits."))
        return secret


@admin.register(Beacon)
class BeaconAdmin(CampusModelAdmin):
    form = BeaconForm
    list_display = ["identifier", "classroom", "min_rssi", "rotates", "is_active"]
    list_filter = ["is_active"]
    list_select_related = ["classroom__building"]
    search_fields = ["identifier", "classroom__room_number"]
    autocomplete_fields = ["classroom"]
    fields = ["classroom", "identifier", "min_rssi", "is_active", "secret"]

    @admin.display(boolean=True, description=_("rotates"))
    def rotates(self, beacon: Beacon) -> bool:
        return bool(beacon.sealed_secret)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A sealed secret is bound to its identifier: another name would make it unreadable."""
        return ["identifier"] if obj is not None and obj.sealed_secret else []

    def save_model(self, request: HttpRequest, obj: Beacon, form: Any, change: bool) -> None:
        secret = form.cleaned_data["secret"]
        if secret:
            obj.sealed_secret = sealed_beacon_secret(identifier=obj.identifier, secret=secret)
        super().save_model(request, obj, form, change)
