"""Shapes of what devices send. No biometric value is among what they are answered."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.cameras.models import CameraEvent, CameraFrame
from apps.common.fields import MomentField
from apps.common.inputs import Input

MOST = 100


class CameraEventItem(Input):
    """`id` names the event in this device: the same one is kept once."""

    id = serializers.CharField(max_length=100)
    at = MomentField(help_text="When it was seen, with the offset from UTC.")
    event_type = serializers.ChoiceField(choices=["recognized", "unknown"])
    student = serializers.CharField(
        max_length=50, required=False, help_text="The student's number, of `recognized`."
    )
    confidence = serializers.FloatField(
        required=False, allow_null=True, min_value=0, max_value=1, help_text="0 to 1."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = bool(attrs.get("student"))
        if named != (attrs["event_type"] == CameraEvent.Type.RECOGNIZED):
            message = _("Name the student of “recognized”, and nobody of “unknown”.")
            raise serializers.ValidationError({"student": message})
        return attrs


class CameraEventsInput(Input):
    events = serializers.ListField(child=CameraEventItem(), max_length=MOST)


class CameraEventOutput(serializers.Serializer[Any]):
    id = serializers.CharField()
    result = serializers.ChoiceField(choices=["kept", "known", "refused"])
    reason = serializers.ChoiceField(
        choices=["", "clock_ahead", "too_late", "student_not_searched", "not_written"]
    )


class CameraEventsOutput(serializers.Serializer[Any]):
    results = CameraEventOutput(many=True)


class CameraFrameUpload(Input):
    id = serializers.CharField(max_length=100, help_text="Names the picture in this device.")
    at = MomentField(help_text="When it was taken, with the offset from UTC.")
    photo = serializers.FileField(
        help_text="JPEG, HEIC, PNG or WebP, at most 8 MB and 25 megapixels."
    )


class CameraFrameJson(Input):
    id = serializers.CharField(max_length=100, help_text="Names the picture in this device.")
    at = MomentField(help_text="When it was taken, with the offset from UTC.")
    photo = serializers.CharField(
        trim_whitespace=False, help_text="The same in base64, with or without a data: prefix."
    )


class CameraFrameOutput(serializers.Serializer[CameraFrame]):
    id = serializers.CharField(source="key")
    status = serializers.ChoiceField(choices=CameraFrame.Status.choices)
    problem = serializers.CharField()
    faces = serializers.IntegerField(source="seen", help_text="Clear ones, once it was looked at.")


class UndoneOutput(serializers.Serializer[Any]):
    undone = serializers.IntegerField(help_text="Marks that were taken back.")
