"""Input and output of leave requests and appeals."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.common.lists import IdField
from apps.common.texts import NONCE
from apps.leave.attachments import AttachmentFile, read_attachment
from apps.leave.models import WANTED, Appeal, LeaveRequest

LONGEST_TEXT: Final = 1000
LONGEST_NOTE: Final = 500


class RequestInput(Input):
    """What requests share. The same nonce again answers with the first request."""

    nonce = serializers.RegexField(NONCE)
    attachment = serializers.FileField(
        required=False,
        allow_null=True,
        write_only=True,
        help_text=_("PDF, JPEG or PNG, at most 8 MB. Multipart only."),
    )

    def file(self) -> AttachmentFile | None:
        """The checked upload, if there is one; raises `Invalid`."""
        upload = self.validated_data.get("attachment")
        return read_attachment(upload.read()) if upload else None


class LeaveInput(RequestInput):
    course = IdField(
        required=False, allow_null=True, default=None, help_text=_("None: all courses.")
    )
    starts_at = MomentField()
    ends_at = MomentField()
    category = serializers.ChoiceField(choices=LeaveRequest.Category.choices)
    reason = serializers.CharField(max_length=LONGEST_TEXT)


class AppealInput(RequestInput):
    wanted = serializers.ChoiceField(choices=[(status.value, status.label) for status in WANTED])
    text = serializers.CharField(max_length=LONGEST_TEXT)


class DecisionNoteInput(Input):
    note = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_NOTE,
        default="",
        help_text=_("The student reads it. A refusal needs one."),
    )


class LeaveDecideInput(DecisionNoteInput):
    approve = serializers.BooleanField()
    was = serializers.ChoiceField(
        choices=LeaveRequest.Status.choices,
        default=LeaveRequest.Status.PENDING,
        help_text=_("The status that you saw: a decision that came between is not overwritten."),
    )


class AppealDecideInput(DecisionNoteInput):
    accept = serializers.BooleanField()


def _ordering(*columns: str) -> serializers.ChoiceField:
    """By one of these columns, the first one descending where nothing is asked for."""
    choices = [sign + column for column in columns for sign in ("", "-")]
    return serializers.ChoiceField(choices=choices, default=f"-{columns[0]}")


class LeaveQuery(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=LeaveRequest.Status.choices, required=False)
    category = serializers.ChoiceField(choices=LeaveRequest.Category.choices, required=False)
    course = IdField(required=False)
    student = IdField(required=False)
    since = MomentField(required=False, help_text=_("Ends after this moment."))
    until = MomentField(required=False, help_text=_("Begins before this moment."))
    ordering = _ordering("requested_at", "starts_at")


class AppealQuery(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=Appeal.State.choices, required=False)
    session = IdField(required=False)
    course = IdField(required=False, source="session__course")
    student = IdField(required=False)
    ordering = _ordering("requested_at", "deadline_at")


class StudentRef(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField(source="full_name")


class CourseRef(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField(source="subject.name")


class LeaveOutput(serializers.ModelSerializer[LeaveRequest]):
    student = StudentRef()
    course = CourseRef(allow_null=True)
    has_attachment = serializers.SerializerMethodField()

    class Meta:
        model = LeaveRequest
        fields = [
            "id",
            "student",
            "course",
            "starts_at",
            "ends_at",
            "category",
            "reason",
            "has_attachment",
            "status",
            "requested_at",
            "decided_at",
            "decided_by",
            "decision_note",
        ]

    def get_has_attachment(self, leave: LeaveRequest) -> bool:
        return leave.attachment_id is not None


class EffectOutput(serializers.Serializer[Any]):
    """What a decision did to marks that exist; sessions to come follow when they are closed."""

    changed = serializers.IntegerField(help_text=_("Marks that were changed."))
    kept = serializers.IntegerField(
        help_text=_("Marks that could not be changed any more: too old for you, or locked.")
    )


class LeaveEffectOutput(serializers.Serializer[Any]):
    leave = LeaveOutput()
    effect = EffectOutput()


class AppealOutput(serializers.ModelSerializer[Appeal]):
    student = StudentRef()
    course = CourseRef(source="session.course")
    session_starts_at = MomentField(source="session.starts_at")
    has_attachment = serializers.SerializerMethodField()

    class Meta:
        model = Appeal
        fields = [
            "id",
            "record",
            "session",
            "session_starts_at",
            "student",
            "course",
            "against",
            "wanted",
            "text",
            "has_attachment",
            "status",
            "requested_at",
            "deadline_at",
            "decided_at",
            "decided_by",
            "decision_note",
        ]

    def get_has_attachment(self, appeal: Appeal) -> bool:
        return appeal.attachment_id is not None
