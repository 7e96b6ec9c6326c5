"""Marks by hand, one by one and in bulk, their history, and the campus's own statuses."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.attendance.models import AttendanceRecord, CustomStatus, RecordChange, Status
from apps.attendance.services.bulk_marking import MarkInput
from apps.common.fields import LARGEST_ID
from apps.common.inputs import Input, ModelInput
from apps.common.texts import NONCE

MAX_MARKS = 1000


class MarkRequest(Input):
    student = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    status = serializers.ChoiceField(choices=Status.choices)
    label = serializers.CharField(  # type: ignore[assignment]
        required=False,
        allow_blank=True,
        max_length=20,
        default="",
        help_text=_("Code of a status of the campus's own with this meaning."),
    )
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class BulkMarkRow(MarkRequest):
    was = serializers.CharField(
        allow_blank=True,
        max_length=20,
        help_text=_("What the register showed: label, else status, empty for unmarked."),
    )


class BulkMarkInput(Input):
    nonce = serializers.RegexField(NONCE, help_text=_("The same again gets the first answer."))
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")
    marks = serializers.ListField(child=BulkMarkRow(), min_length=1, max_length=MAX_MARKS)


class TakeInput(Input):
    nonce = serializers.RegexField(NONCE)
    topic = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")
    marks = serializers.ListField(
        child=MarkRequest(),
        max_length=MAX_MARKS,
        help_text=_("Students who are left out become absent."),
    )


class UndoInput(Input):
    bulk = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
        help_text=_("Empty: the session's last bulk change."),
    )


def marks_of(rows: list[dict[str, Any]]) -> list[MarkInput]:
    """What the service takes, from validated rows; in a register taken afterwards all were ""."""
    return [
        MarkInput(
            student_id=row["student"],
            status=row["status"],
            was=row.get("was", ""),
            label=row["label"],
            reason=row["reason"],
        )
        for row in rows
    ]


class MarkResultOutput(serializers.Serializer):
    student = serializers.IntegerField()
    result = serializers.ChoiceField(choices=["saved", "unchanged", "conflict", "refused"])
    code = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)
    status = serializers.CharField(
        allow_blank=True, help_text=_("What the register shows now, empty for unmarked.")
    )
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]


class BulkOutput(serializers.Serializer):
    bulk = serializers.IntegerField(help_text=_("For undoing it."))
    results = MarkResultOutput(many=True)


class RecordOutput(serializers.ModelSerializer):
    score = serializers.FloatField(source="verification_score")
    label = serializers.SerializerMethodField()  # type: ignore[assignment]
    policy_version = serializers.SerializerMethodField()

    class Meta:
        model = AttendanceRecord
        fields = [
            "id",
            "session",
            "student",
            "status",
            "label",
            "source",
            "recorded_at",
            "minutes_late",
            "score",
            "policy_version",
            "biometric_verified",
            "location_verified",
            "bluetooth_verified",
            "person_verified",
        ]

    def get_label(self, row: AttendanceRecord) -> str:
        """Code of the campus's own status, "" for none."""
        return row.label.code if row.label else ""

    def get_policy_version(self, row: AttendanceRecord) -> int:
        """0 stands for the built-in defaults."""
        return row.policy.version if row.policy else 0


class ChangeOutput(serializers.ModelSerializer):
    code = serializers.CharField(source="student.code")
    name = serializers.CharField(source="student.full_name")

    class Meta:
        model = RecordChange
        fields = [
            "id",
            "at",
            "student",
            "code",
            "name",
            "before",
            "before_label",
            "after",
            "after_label",
            "reason",
            "actor_label",
            "batch",
        ]


class StatusInput(ModelInput):
    class Meta:
        model = CustomStatus
        fields = [
            "code",
            "name",
            "meaning",
            "points",
            "counts_as",
            "colour",
            "position",
            "is_active",
        ]


class StatusOutput(serializers.Serializer):
    id = serializers.IntegerField(allow_null=True, help_text=_("Null for the fixed meanings."))
    code = serializers.CharField()
    name = serializers.CharField()
    meaning = serializers.CharField()
    points = serializers.DecimalField(max_digits=3, decimal_places=2)
    counts_as = serializers.CharField()
    colour = serializers.CharField(allow_blank=True)
    position = serializers.IntegerField()
    is_active = serializers.BooleanField()
