"""Shapes of the timetable's endpoints."""

from typing import Any

from rest_framework import serializers

from apps.classrooms.models import Classroom
from apps.common.fields import DayField, MomentField
from apps.common.inputs import Input, ModelInput
from apps.enrollments.models import Course, Department
from apps.sessions.api.serializers import SessionOutput
from apps.sessions.models import ClassSession
from apps.timetable.models import Holiday, WeeklySlot

LARGEST_ID = 2**63 - 1


def room_field(**options: Any) -> serializers.PrimaryKeyRelatedField:
    return serializers.PrimaryKeyRelatedField(
        queryset=Classroom.objects.filter(is_active=True), allow_null=True, **options
    )


class ScheduleEntry(SessionOutput):
    """A session as schedules show it."""

    lecturer = serializers.CharField(source="faculty.full_name")
    section = serializers.SerializerMethodField()

    class Meta(SessionOutput.Meta):
        fields = [*SessionOutput.Meta.fields, "lecturer", "section", "is_planned", "revision"]

    def get_section(self, session: ClassSession) -> str:
        return str(session.section) if session.section else ""


class ScheduleQuery(serializers.Serializer):
    date = DayField(required=False, help_text="Default: today on the campus.")
    view = serializers.ChoiceField(choices=["day", "week"], default="day")
    email = serializers.EmailField(required=False, help_text="Your own: others' are refused.")


class ScheduleOutput(serializers.Serializer):
    view = serializers.ChoiceField(choices=["day", "week"])
    first_day = DayField()
    last_day = DayField()
    time_zone = serializers.CharField()
    sessions = ScheduleEntry(many=True)


class AssignmentOutput(serializers.Serializer):
    course = serializers.IntegerField(source="course.pk")
    course_code = serializers.CharField(source="course.code")
    course_name = serializers.CharField(source="course.subject.name")
    section = serializers.SerializerMethodField()
    room = serializers.SerializerMethodField()
    term = serializers.CharField(source="course.term")
    enrolled = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Completed sessions.")
    ahead = serializers.IntegerField(help_text="Scheduled sessions that have not begun.")
    cancelled = serializers.IntegerField()
    attendance_percentage = serializers.FloatField(
        allow_null=True, help_text="Over completed sessions, 0–100."
    )
    next_session_at = MomentField(allow_null=True)

    def get_section(self, assignment: Any) -> str:
        return str(assignment.course.section or "")

    def get_room(self, assignment: Any) -> str:
        return str(assignment.course.classroom or "")


class DashboardOutput(serializers.Serializer):
    assignments = AssignmentOutput(many=True)


class PlanQuery(serializers.Serializer):
    first_day = DayField(required=False)
    last_day = DayField(required=False)
    course = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    classroom = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    status = serializers.ChoiceField(required=False, choices=ClassSession.Status.choices)
    ordering = serializers.ChoiceField(choices=["starts_at", "-starts_at"], default="starts_at")


def further_courses() -> serializers.ListField:
    """Ids, so that lecturers can be kept to their own."""
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        max_length=20,
        required=False,
        help_text="Further courses, of the same lecturer and term, that meet with it as one class.",
    )


class PlanInput(Input):
    """A session that is planned by hand, in the course's usual room unless another is named."""

    course = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    starts_at = MomentField()
    ends_at = MomentField()
    classroom = room_field(required=False)
    topic = serializers.CharField(max_length=200, required=False, allow_blank=True)
    also = further_courses()


class ChangeInput(Input):
    """What is left out stays; a new start alone keeps the session's length."""

    starts_at = MomentField(required=False)
    ends_at = MomentField(required=False)
    classroom = room_field(required=False)
    topic = serializers.CharField(max_length=200, required=False, allow_blank=True)
    also = further_courses()


class RescheduleInput(Input):
    starts_at = MomentField()
    ends_at = MomentField(required=False, help_text="Default: the same length.")
    classroom = room_field(required=False, help_text="Default: the same room.")


class SwapInput(Input):
    other = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)


class ReasonInput(Input):
    note = serializers.CharField(max_length=500)


class PlannedOutput(ScheduleEntry):
    warnings = serializers.SerializerMethodField(help_text="For instance: the room is too small.")

    class Meta(ScheduleEntry.Meta):
        fields = [*ScheduleEntry.Meta.fields, "warnings"]

    def get_warnings(self, session: ClassSession) -> list[str]:
        warnings: list[str] = self.context.get("warnings", [])
        return warnings


def also_field(**options: Any) -> serializers.PrimaryKeyRelatedField:
    """Further courses that meet as one class with the one that is named."""
    return serializers.PrimaryKeyRelatedField(
        queryset=Course.objects.filter(is_active=True).select_related("subject"),
        many=True,
        required=False,
        help_text="Further courses, of the same lecturer and term, that meet with it as one class.",
        **options,
    )


class SlotFields(ModelInput):
    course = serializers.PrimaryKeyRelatedField(
        queryset=Course.objects.filter(is_active=True).select_related(
            "term", "subject", "section__department", "classroom__building", "faculty"
        )
    )
    classroom = room_field(required=False)
    also = also_field()

    class Meta:
        model = WeeklySlot
        fields = [
            "id",
            "course",
            "also",
            "weekday",
            "starts_at",
            "ends_at",
            "parity",
            "classroom",
            "valid_from",
            "valid_until",
            "is_active",
        ]
        validators: list[Any] = []


class SlotOutput(SlotFields):
    course = serializers.PrimaryKeyRelatedField(read_only=True)
    also = serializers.SerializerMethodField()  # type: ignore[assignment]
    course_code = serializers.CharField(source="course.code")
    room = serializers.SerializerMethodField()

    class Meta(SlotFields.Meta):
        fields = [*SlotFields.Meta.fields, "course_code", "room"]

    def get_also(self, slot: WeeklySlot) -> list[int]:
        return [course.pk for course in slot.joined]

    def get_room(self, slot: WeeklySlot) -> str:
        return str(slot.room or "")


class SlotResultOutput(serializers.Serializer):
    """The slot and what became of the sessions made of it."""

    slot = SlotOutput()
    moved = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="Changed by hand, so left alone.")
    clashes = serializers.ListField(
        child=serializers.CharField(), help_text="Left where they were, and why."
    )
    warnings = serializers.ListField(child=serializers.CharField())


class HolidayFields(ModelInput):
    department = serializers.PrimaryKeyRelatedField(
        queryset=Department.objects.all(), allow_null=True, required=False
    )
    course = serializers.PrimaryKeyRelatedField(
        queryset=Course.objects.all(), allow_null=True, required=False
    )

    class Meta:
        model = Holiday
        fields = ["id", "name", "first_day", "last_day", "department", "course"]
        validators: list[Any] = []


class HolidayResultOutput(serializers.Serializer):
    holiday = HolidayFields()
    cancelled = serializers.IntegerField()
    restored = serializers.IntegerField()
    clashes = serializers.ListField(child=serializers.CharField())


class GenerateInput(Input):
    first_day = DayField()
    last_day = DayField()


class ClashOutput(serializers.Serializer):
    slot_id = serializers.IntegerField()
    course = serializers.CharField()
    on = DayField()
    code = serializers.CharField()
    message = serializers.CharField()
    session_id = serializers.IntegerField()


class GenerationOutput(serializers.Serializer):
    created = serializers.IntegerField()
    existing = serializers.IntegerField()
    skipped_holiday = serializers.IntegerField()
    clashes = ClashOutput(many=True)
    warnings = serializers.ListField(child=serializers.CharField())


class CalendarLinkOutput(serializers.Serializer):
    url = serializers.CharField(help_text="Shown this once; a new link ends the one before.")
