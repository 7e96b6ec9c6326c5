from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apps.audit.admin_base import CampusModelAdmin, IndexedSearch
from apps.enrollments.models import (
    Course,
    Department,
    Enrollment,
    Mark,
    Placement,
    Section,
    Subject,
    Term,
)
from apps.enrollments.selectors import course_found_by


@admin.register(Term)
class TermAdmin(CampusModelAdmin):
    list_display = ["name", "academic_year", "starts_on", "ends_on"]
    search_fields = ["name", "academic_year"]


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


@admin.register(Enrollment)
class EnrollmentAdmin(CampusModelAdmin):
    list_display = ["student", "course", "status", "enrolled_on", "final_grade"]
    list_filter = ["status", ("course", AutocompleteSelectFilter)]
    list_select_related = ["student", "course__subject"]
    search_fields = ["student__code", "student__full_name", "course__code"]
    autocomplete_fields = ["student", "course"]


@admin.register(Mark)
class MarkAdmin(CampusModelAdmin):
    list_display = ["student", "subject", "marks", "grade", "given_on"]
    list_select_related = ["student", "subject"]
    search_fields = ["student__code", "student__full_name", "subject__code"]
    autocomplete_fields = ["student", "subject"]
