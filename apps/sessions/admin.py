from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusInline, CampusModelAdmin, FollowingAdmin
from apps.common.errors import Refused
from apps.common.texts import validate_line
from apps.sessions.clashes import clash_refusal, clashes_refused
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.notices import session_cancelled, session_moved
from apps.sessions.services import session_cancel, session_courses_set

PLANNED = ["course", "faculty", "classroom", "starts_at", "ends_at", "topic"]
NEEDED = ("course", "faculty", "starts_at", "ends_at")
LIVED = [
    "status",
    "opened_at",
    "closed_at",
    "closed_itself",
    "total_enrolled",
    "total_attended",
    "attendance_percentage",
]


class ClassSessionForm(forms.ModelForm):
    def clean_topic(self) -> str:
        topic: str = self.cleaned_data["topic"]
        validate_line(topic)
        return topic

    def clean(self) -> dict[str, Any]:
        """Say which session stands in the way while the form is still open."""
        data: dict[str, Any] = super().clean() or {}
        planned = {name: data[name] for name in PLANNED if name in data}
        if self.instance.is_planned and all(planned.get(name) for name in NEEDED):
            section_id = planned["course"].section_id
            session = ClassSession(pk=self.instance.pk, section_id=section_id, **planned)
            refusal = clash_refusal(session)
            if refusal is not None:
                raise forms.ValidationError(refusal.message, code=refusal.code)
        return data


class SessionCourseInline(CampusInline):
    """Further courses that meet in the session as one class, while it is scheduled."""

    model = SessionCourse
    fields = ["course"]
    autocomplete_fields = ["course"]
    verbose_name_plural = _("together with")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionCourse]:
        return super().get_queryset(request).filter(is_lead=False).select_related("course")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and _is_scheduled(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_scheduled(obj)


def _is_scheduled(session: ClassSession | None) -> bool:
    return session is None or session.status == ClassSession.Status.SCHEDULED


@admin.register(SessionCourse)
class SessionCourseAdmin(FollowingAdmin):
    """Changed on the session's page."""

    list_display = ["starts_at", "course", "is_lead", "status"]
    list_filter = ["status", "is_lead"]
    list_select_related = ["course__subject"]
    search_fields = ["course__code"]


@admin.register(ClassSession)
class ClassSessionAdmin(CampusModelAdmin):
    """Sessions are edited while they are scheduled; from the opening on they are history."""

    form = ClassSessionForm
    list_display = ["starts_at", "course", "faculty", "classroom", "state", "attended"]
    list_filter = ["status", "starts_at", ("course", AutocompleteSelectFilter)]
    list_select_related = ["course__subject", "faculty", "classroom__building"]
    search_fields = ["course__code", "course__subject__name", "faculty__full_name", "topic"]
    autocomplete_fields = ["course", "faculty", "classroom"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("course", "faculty"),
                    ("classroom", "topic"),
                    "starts_at",
                    "ends_at",
                ]
            },
        ),
        (
            _("What became of it"),
            {
                "fields": [
                    ("status", "opened_at", "closed_at", "closed_itself"),
                    ("total_enrolled", "total_attended", "attendance_percentage"),
                ]
            },
        ),
    ]
    actions = ["cancel"]
    inlines = [SessionCourseInline]

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Further courses once it is saved."""
        return super().get_inlines(request, obj) if obj is not None else []

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Further courses go through the service, which checks them."""
        formset.save(commit=False)
        if not formset.has_changed():
            return
        gone = {row.pk for row in formset.deleted_objects}
        further = SessionCourse.objects.filter(session=form.instance.pk, is_lead=False)
        kept = further.exclude(pk__in=gone).select_related("course")
        rows = [row for row in (*kept, *formset.new_objects) if row.course_id is not None]
        session_courses_set(
            session=form.instance,
            also=[row.course for row in rows],
            now=timezone.now(),
            actor=request_actor(request),
        )

    @display(
        description=_("status"),
        ordering="status",
        label={"scheduled": "info", "open": "success", "cancelled": "danger"},
    )
    def state(self, session: ClassSession) -> tuple[str, str]:
        return session.status, session.get_status_display()

    @admin.display(description=_("attended"), ordering="total_attended")
    def attended(self, session: ClassSession) -> str:
        if session.status == ClassSession.Status.SCHEDULED:
            return ""
        return f"{session.total_attended} / {session.total_enrolled}"

    @admin.action(
        description=_("Cancel: only sessions that were not opened"), permissions=["change"]
    )
    def cancel(self, request: HttpRequest, queryset: QuerySet[ClassSession]) -> None:
        for session in queryset.select_related("course__subject"):
            try:
                session_cancel(
                    session=session,
                    reason=_t("Cancelled in the administration"),
                    now=timezone.now(),
                    actor=request_actor(request),
                )
            except Refused as refusal:
                messages.warning(request, f"{session}: {refusal.message}")
            else:
                messages.success(request, _t("%(what)s is cancelled.") % {"what": session})

    def save_model(self, request: HttpRequest, obj: ClassSession, form: Any, change: bool) -> None:
        """Somebody may have taken the place since the form was checked. A move is told."""
        obj.section_id = obj.course.section_id
        before = ClassSession.objects.get(pk=obj.pk) if change else obj
        with clashes_refused(obj):
            super().save_model(request, obj, form, change)
        obj.refresh_from_db(fields=["revision"])
        session_moved(session=obj, before=before, now=timezone.now())

    def delete_model(self, request: HttpRequest, obj: ClassSession) -> None:
        session_cancelled(session=obj, note="", now=timezone.now())
        super().delete_model(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        scheduled = obj is None or obj.status == ClassSession.Status.SCHEDULED
        return LIVED if scheduled else [*PLANNED, *LIVED]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (
            obj is None or obj.status == ClassSession.Status.SCHEDULED
        )
