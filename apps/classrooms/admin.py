from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from apps.audit.admin_base import CampusInline, CampusModelAdmin
from apps.classrooms.beacons import MIN_SECRET_BYTES, sealed_beacon_secret
from apps.classrooms.models import Beacon, Building, Classroom
from apps.classrooms.selectors import classrooms_near


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
            raise forms.ValidationError(gettext("Hexadecimal digits only.")) from None
        if 0 < len(secret) < MIN_SECRET_BYTES:
            raise forms.ValidationError(gettext("At least 32 hexadecimal digits."))
        return secret

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A sealed secret is bound to its identifier: another name would make it unreadable."""
        super().__init__(*args, **kwargs)
        if self.instance.sealed_secret and "identifier" in self.fields:
            self.fields["identifier"].disabled = True

    def save(self, commit: bool = True) -> Any:
        secret, beacon = self.cleaned_data["secret"], self.instance
        if secret:
            beacon.sealed_secret = sealed_beacon_secret(identifier=beacon.identifier, secret=secret)
        return super().save(commit)


class BeaconInline(CampusInline):
    """Beacons of the room."""

    model = Beacon
    form = BeaconForm
    fields = ["identifier", "min_rssi", "secret", "is_active"]
    show_change_link = True


@admin.register(Building)
class BuildingAdmin(CampusModelAdmin):
    list_display = ["name"]
    search_fields = ["name"]


def place_of(room: Classroom) -> dict[str, Any]:
    """Degrees and metres, as numbers for the plan; None without coordinates."""
    return {
        "name": str(room),
        "latitude": None if room.latitude is None else float(room.latitude),
        "longitude": None if room.longitude is None else float(room.longitude),
        "radius": float(room.geofence_radius),
    }


@admin.register(Classroom)
class ClassroomAdmin(CampusModelAdmin):
    list_display = ["room_number", "building", "floor", "capacity", "geofence_radius", "is_active"]
    list_filter = ["is_active", ("building", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["building"]
    search_fields = ["room_number", "building__name"]
    autocomplete_fields = ["building"]
    inlines = [BeaconInline]
    change_form_template = "admin/classrooms/classroom.html"
    fieldsets = [
        (
            None,
            {"fields": [("building", "room_number"), ("floor", "capacity"), "is_active"]},
        ),
        (_("Place"), {"fields": [("latitude", "longitude", "geofence_radius")]}),
    ]
    compressed_fields = False

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The plan shows the room among its neighbours."""
        room = context.get("original")
        context["plan"] = {
            "room": None if room is None else place_of(room),
            "neighbours": [place_of(other) for other in classrooms_near(classroom=room)],
        }
        return super().render_change_form(request, context, *args, **kwargs)


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
