from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from apps.audit.admin_base import CampusModelAdmin
from apps.classrooms.models import Beacon, Building, Classroom


class BeaconInline(TabularInline):
    model = Beacon
    extra = 0
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


@admin.register(Beacon)
class BeaconAdmin(CampusModelAdmin):
    list_display = ["identifier", "classroom", "min_rssi", "is_active"]
    list_filter = ["is_active"]
    list_select_related = ["classroom__building"]
    search_fields = ["identifier", "classroom__room_number"]
    autocomplete_fields = ["classroom"]
    fields = ["classroom", "identifier", "min_rssi", "is_active"]
