from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin, IndexedSearch
from apps.enrollments.models import (
    Course,
    Department,
    Enrollment,
    EnrollmentPeriod,
    Grade,
    Placement,
    Section,
    SourcedId,
    Subject,
    Term,
)
from apps.enrollments.selectors import course_found_by
from apps.enrollments.services import section_enrollments_sync
from apps.tenants.selectors import campus_day


def _sync(request: HttpRequest, **named: list[int]) -> None:
    """Sections decide again about these students' or courses' enrolments."""
    now = timezone.now()
    section_enrollments_sync(
        today=campus_day(now=now), now=now, actor=request_actor(request), **named
    )


@admin.register(Term)
class TermAdmin(CampusModelAdmin):
    list_display = ["name", "academic_year", "starts_on", "ends_on", "odd_week_on", "archived_at"]
    search_fields = ["name", "academic_year"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An archived term is to be read."""
        is_archived = isinstance(obj, Term) and obj.archived_at is not None
        return super().has_change_permission(request, obj) and not is_archived


@admin.register(Department)
class DepartmentAdmin(CampusModelAdmin):
    list_display = ["code", "name"]
    search_fields = ["code", "name"]


@admin.register(Section)
class SectionAdmin(CampusModelAdmin):
    list_display = ["__str__", "department", "year", "name"]
    list_filter = ["year"]
    list_select_related = ["department"]
    search_fields = ["name", "department__code"]
    autocomplete_fields = ["department"]


@admin.register(Placement)
class PlacementAdmin(CampusModelAdmin):
    list_display = ["student", "section", "is_current"]
    list_filter = ["is_current", ("section", AutocompleteSelectFilter)]
    list_select_related = ["student", "section__department"]
    search_fields = ["student__code", "student__full_name"]
    autocomplete_fields = ["student", "section"]

    def save_model(self, request: HttpRequest, obj: Placement, form: Any, change: bool) -> None:
        """The student's courses follow, save what was decided by hand."""
        super().save_model(request, obj, form, change)
        _sync(request, students=[obj.student_id])


@admin.register(Subject)
class SubjectAdmin(IndexedSearch, CampusModelAdmin):
    list_display = ["code", "name", "mnemonic", "kind", "credits", "is_active"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "name", "mnemonic"]


@admin.register(Course)
class CourseAdmin(IndexedSearch, CampusModelAdmin):
    list_display = ["code", "subject", "faculty", "section", "term", "is_active"]
    list_filter = ["is_active", ("term", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["subject", "faculty", "section__department", "term"]
    search_fields = ["code", "subject__name", "faculty__full_name"]
    autocomplete_fields = ["term", "subject", "faculty", "section", "classroom"]

    def matching(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """By subject and lecturer, too."""
        return rows.filter(course_found_by(text))

    def save_model(self, request: HttpRequest, obj: Course, form: Any, change: bool) -> None:
        """Students of the section are in the course, save what was decided by hand."""
        super().save_model(request, obj, form, change)
        if not change or "section" in form.changed_data:
            _sync(request, courses=[obj.pk])


class EnrollmentForm(forms.ModelForm):
    """Days that are not named are today."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        today, first = campus_day(now=timezone.now()), data.get("enrolled_on")
        if first is None or "status" not in data:
            return data
        if data["status"] != Enrollment.Status.ENROLLED:
            data["ended_on"] = data.get("ended_on") or max(today, first)
        elif "ended_on" not in self.changed_data:
            left, data["ended_on"] = data.get("ended_on"), None
            if left is not None and "enrolled_on" not in self.changed_data:
                data["enrolled_on"] = first = max(today, left)
        earlier = EnrollmentPeriod.objects.filter(
            enrollment=self.instance.pk,
            enrolled_on__lt=self.initial.get("enrolled_on") or first,
            ended_on__gt=first,
        )
        if self.instance.pk and earlier.exists():
            self.add_error(
                "enrolled_on", gettext("The student was in the course on this day already.")
            )
        return data


@admin.register(Enrollment)
class EnrollmentAdmin(CampusModelAdmin):
    """`stays` shows every period: who left and came back has several."""

    form = EnrollmentForm
    list_display = ["student", "course", "status", "enrolled_on", "ended_on", "final_grade"]
    list_filter = ["status", "by_hand", ("course", AutocompleteSelectFilter)]
    fields = [
        "student",
        "course",
        "status",
        "enrolled_on",
        "ended_on",
        "final_grade",
        "by_hand",
        "stays",
    ]
    readonly_fields = ["by_hand", "stays"]
    list_select_related = ["student", "course__subject"]
    search_fields = ["student__code", "student__full_name", "course__code"]
    autocomplete_fields = ["student", "course"]

    @admin.display(description=_("in the course"))
    def stays(self, enrollment: Enrollment) -> str:
        return ", ".join(map(str, enrollment.periods.all())) if enrollment.pk else ""


@admin.register(EnrollmentPeriod)
class EnrollmentPeriodAdmin(HistoryAdmin):
    list_display = ["student", "course", "enrolled_on", "ended_on"]
    list_select_related = ["enrollment__student", "enrollment__course__subject"]
    search_fields = ["enrollment__student__code", "enrollment__course__code"]

    @admin.display(description=_("student"), ordering="enrollment__student__code")
    def student(self, period: EnrollmentPeriod) -> str:
        return str(period.enrollment.student)

    @admin.display(description=_("course"), ordering="enrollment__course__code")
    def course(self, period: EnrollmentPeriod) -> str:
        return str(period.enrollment.course)


@admin.register(SourcedId)
class SourcedIdAdmin(HistoryAdmin):
    list_display = ["sourced_id", "student", "faculty", "subject", "course", "term"]
    list_select_related = ["student", "faculty", "subject", "course__subject", "term"]
    search_fields = ["sourced_id"]


@admin.register(Grade)
class GradeAdmin(CampusModelAdmin):
    list_display = ["student", "subject", "points", "grade", "given_on"]
    list_select_related = ["student", "subject"]
    search_fields = ["student__code", "student__full_name", "subject__code"]
    autocomplete_fields = ["student", "subject"]
