from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.audit.admin_base import CampusModelAdmin
from apps.sessions.models import ClassSession

PLANNED = ["course", "faculty", "classroom", "starts_at", "ends_at", "topic"]
LIVED = [
    "status",
    "opened_at",
    "closed_at",
    "total_enrolled",
    "total_attended",
    "attendance_percentage",
]


@admin.register(ClassSession)
class ClassSessionAdmin(CampusModelAdmin):
    """Sessions are edited while they are scheduled; from the opening on they are history."""

    list_display = ["starts_at", "course", "faculty", "classroom", "status", "total_attended"]
    list_filter = ["status", "starts_at"]
    list_select_related = ["course__subject", "faculty", "classroom__building"]
    search_fields = ["course__code", "course__subject__name", "faculty__full_name", "topic"]
    autocomplete_fields = ["course", "faculty", "classroom"]
    fields = [*PLANNED, *LIVED]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        scheduled = obj is None or obj.status == ClassSession.Status.SCHEDULED
        return LIVED if scheduled else [*PLANNED, *LIVED]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (
            obj is None or obj.status == ClassSession.Status.SCHEDULED
        )
