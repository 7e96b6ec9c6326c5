"""Input and output of session endpoints. Without secrets and the policy snapshot."""

from rest_framework import serializers

from apps.common.digits import CodeField
from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.sessions.models import ClassSession


class SessionOutput(serializers.ModelSerializer):
    course_code = serializers.CharField(source="course.code")
    course_codes = serializers.ListField(
        child=serializers.CharField(), help_text="Its own course's, then those that meet with it."
    )
    course_name = serializers.CharField(source="course.subject.name")
    room = serializers.SerializerMethodField()
    attendance_percentage = serializers.FloatField()

    class Meta:
        model = ClassSession
        fields = [
            "id",
            "course",
            "course_code",
            "course_codes",
            "course_name",
            "room",
            "starts_at",
            "ends_at",
            "status",
            "topic",
            "opened_at",
            "closed_at",
            "closed_itself",
            "total_enrolled",
            "total_attended",
            "attendance_percentage",
        ]

    def get_room(self, session: ClassSession) -> str:
        return str(session.classroom) if session.classroom else ""


class OpenInput(Input):
    topic = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    close_open = serializers.BooleanField(
        default=False,
        help_text="Close the course's session that was left open, as its lecturer would.",
    )


class StartInput(OpenInput):
    course = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    start_code = CodeField(required=False)


class CancelInput(Input):
    reason = serializers.CharField(max_length=500)


class CodeOutput(serializers.Serializer):
    code = serializers.CharField()
    expires_at = MomentField()
