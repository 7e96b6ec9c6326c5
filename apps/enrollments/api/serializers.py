"""Shapes of the lists of what is studied, and of the search."""

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from apps.common.fields import DayField, NumberTextField
from apps.common.lists import FlagField, IdField, TextFilter, ordering_field
from apps.enrollments.models import Course, Department, Enrollment, Section, Subject, Term
from apps.enrollments.selectors import SEARCH_KINDS


class TermRow(serializers.ModelSerializer[Term]):
    class Meta:
        model = Term
        fields = ("id", "name", "academic_year", "starts_on", "ends_on")


class TermQuery(serializers.Serializer[Any]):
    academic_year = NumberTextField(
        required=False, validators=[RegexValidator(r"^[0-9]{4}-[0-9]{4}\Z")]
    )
    on = DayField(required=False, help_text="Terms that this day lies in.")
    ordering = ordering_field("starts_on", "name")


class DepartmentRow(serializers.ModelSerializer[Department]):
    class Meta:
        model = Department
        fields = ("id", "code", "name")


class DepartmentQuery(serializers.Serializer[Any]):
    ordering = ordering_field("code", "name")


class SectionRow(serializers.ModelSerializer[Section]):
    title = serializers.CharField(source="__str__", read_only=True)
    department_code = serializers.CharField(source="department.code", read_only=True)
    students = serializers.IntegerField(read_only=True, help_text="In the section now.")

    class Meta:
        model = Section
        fields = ("id", "title", "department", "department_code", "year", "name", "students")


class SectionQuery(serializers.Serializer[Any]):
    department = IdField(required=False)
    year = serializers.IntegerField(required=False, min_value=1, max_value=10)
    ordering = ordering_field("year", "name")


class SubjectRow(serializers.ModelSerializer[Subject]):
    class Meta:
        model = Subject
        fields = ("id", "code", "mnemonic", "name", "kind", "credits", "is_active")


class SubjectQuery(serializers.Serializer[Any]):
    search = TextFilter(help_text="Every word is part of the code, mnemonic or name.")
    kind = serializers.ChoiceField(choices=Subject.Kind.choices, required=False)
    is_active = FlagField()
    ordering = ordering_field("code", "name")


class CourseRow(serializers.ModelSerializer[Course]):
    subject_code = serializers.CharField(source="subject.code", read_only=True)
    subject_name = serializers.CharField(source="subject.name", read_only=True)
    lecturer = serializers.CharField(source="faculty.full_name", read_only=True)
    term_label = serializers.CharField(source="term.__str__", read_only=True)
    section_label = serializers.SerializerMethodField()
    room = serializers.SerializerMethodField(help_text="The usual one; empty for online courses.")
    enrolled = serializers.IntegerField(read_only=True)

    class Meta:
        model = Course
        fields = (
            "id",
            "code",
            "subject",
            "subject_code",
            "subject_name",
            "faculty",
            "lecturer",
            "term",
            "term_label",
            "section",
            "section_label",
            "classroom",
            "room",
            "max_students",
            "enrolled",
            "is_active",
        )

    def get_section_label(self, course: Course) -> str:
        return str(course.section or "")

    def get_room(self, course: Course) -> str:
        return str(course.classroom or "")


class CourseQuery(serializers.Serializer[Any]):
    search = TextFilter(help_text="By code, subject or lecturer.")
    term = IdField(required=False)
    faculty = IdField(required=False)
    subject = IdField(required=False)
    section = IdField(required=False)
    department = IdField(required=False, help_text="Of the section.")
    is_active = FlagField()
    ordering = ordering_field("code", "created_at")


class EnrollmentRow(serializers.ModelSerializer[Enrollment]):
    student_code = serializers.CharField(source="student.code", read_only=True)
    student_name = serializers.CharField(source="student.full_name", read_only=True)
    course_code = serializers.CharField(source="course.code", read_only=True)
    course_name = serializers.CharField(source="course.subject.name", read_only=True)

    class Meta:
        model = Enrollment
        fields = (
            "id",
            "student",
            "student_code",
            "student_name",
            "course",
            "course_code",
            "course_name",
            "enrolled_on",
            "ended_on",
            "status",
            "by_hand",
            "final_grade",
        )


class EnrollmentQuery(serializers.Serializer[Any]):
    student = IdField(required=False)
    course = IdField(required=False)
    status = serializers.ChoiceField(choices=Enrollment.Status.choices, required=False)
    ordering = ordering_field("enrolled_on", "created_at")


class SearchQuery(serializers.Serializer[Any]):
    q = serializers.CharField(max_length=100, help_text="Words, or parts of them.")
    kind = serializers.ChoiceField(choices=SEARCH_KINDS, required=False, help_text="Default: all.")
    limit = serializers.IntegerField(
        min_value=1, max_value=50, default=10, help_text="Of each kind."
    )


class HitOutput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=SEARCH_KINDS)
    id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()
    detail = serializers.CharField(
        help_text="Programme, department, lecturer or mnemonic, by kind.", allow_blank=True
    )


class SearchOutput(serializers.Serializer[Any]):
    results = HitOutput(many=True)
