"""Shapes of the lists of students and faculty."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from apps.accounts.models import Faculty, Student
from apps.common.lists import FlagField, IdField, TextFilter, ordering_field

SEARCH_HELP = "Every word is part of the name, number or e-mail; accents and case do not matter."


class StudentRow(serializers.ModelSerializer[Student]):
    section = serializers.SerializerMethodField(help_text="The current one, like CSE-2A.")

    class Meta:
        model = Student
        fields: tuple[str, ...] = (
            "id",
            "uuid",
            "code",
            "full_name",
            "email",
            "year_of_study",
            "program",
            "section",
            "is_representative",
            "is_active",
        )

    def get_section(self, student: Any) -> str:
        # By name: placements are of an app above this one.
        return ", ".join(str(row.section) for row in student.placements.all() if row.is_current)


class WithSignIn(serializers.Serializer[Any]):
    sign_in = serializers.SerializerMethodField(
        help_text="account; invited: the owner of the account has not accepted yet; none."
    )

    def get_sign_in(self, person: Any) -> str:
        if person.user_id is not None:
            return "account"
        waiting = person.invitations.filter(status="waiting", expires_at__gt=timezone.now())
        return "invited" if waiting.exists() else "none"


class StudentDetail(WithSignIn, StudentRow):
    has_device = serializers.BooleanField(help_text="Whether a device is bound. Never which.")

    class Meta(StudentRow.Meta):
        fields = (
            *StudentRow.Meta.fields,
            "first_name",
            "last_name",
            "phone",
            "has_device",
            "sign_in",
        )


class FacultyRow(serializers.ModelSerializer[Faculty]):
    class Meta:
        model = Faculty
        fields: tuple[str, ...] = (
            "id",
            "uuid",
            "code",
            "full_name",
            "email",
            "department",
            "is_active",
        )


class FacultyDetail(WithSignIn, FacultyRow):
    class Meta(FacultyRow.Meta):
        fields = (*FacultyRow.Meta.fields, "first_name", "last_name", "phone", "sign_in")


class PeopleQuery(serializers.Serializer[Any]):
    search = TextFilter(help_text=SEARCH_HELP)
    is_active = FlagField()
    ordering = ordering_field("code", "full_name", "created_at")


class StudentQuery(PeopleQuery):
    section = IdField(required=False)
    course = IdField(required=False, help_text="Enrolled in this course.")
    year_of_study = serializers.IntegerField(required=False, min_value=1, max_value=10)
    is_representative = FlagField()


class FacultyQuery(PeopleQuery):
    department = TextFilter()


class StudentInput(serializers.ModelSerializer[Student]):
    class Meta:
        model = Student
        fields = (
            "code",
            "first_name",
            "last_name",
            "email",
            "phone",
            "year_of_study",
            "program",
            "age",
            "is_representative",
            "representative_mobile",
        )
        validators: list[Any] = []  # who exists already is the service's to say


class FacultyInput(serializers.ModelSerializer[Faculty]):
    class Meta:
        model = Faculty
        fields = ("code", "first_name", "last_name", "email", "phone", "department")
        validators: list[Any] = []
