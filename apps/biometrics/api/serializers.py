"""Shapes of the face API. No biometric value is among them."""

from typing import Any

from rest_framework import serializers

from apps.biometrics.models import FaceSample
from apps.biometrics.reasons import SampleReason
from apps.common.fields import MomentField
from apps.common.inputs import Input


class PhotoUpload(Input):
    photo = serializers.FileField(
        help_text="JPEG, HEIC, PNG or WebP, at most 8 MB and 25 megapixels."
    )


class PhotoJson(Input):
    photo = serializers.CharField(
        trim_whitespace=False, help_text="The same in base64, with or without a data: prefix."
    )


class SampleOutput(serializers.Serializer[FaceSample]):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=FaceSample.Status.choices)
    reason = serializers.ChoiceField(
        choices=SampleReason.choices, allow_blank=True, help_text="Why it was refused, or empty."
    )
    message = serializers.SerializerMethodField(help_text="The reason in the reader's language.")
    created_at = MomentField()
    judged_at = MomentField(allow_null=True)

    def get_message(self, sample: FaceSample) -> str:
        return str(SampleReason(sample.reason).label) if sample.reason else ""


class MetricsInput(serializers.Serializer[Any]):
    days = serializers.IntegerField(default=30, min_value=1, max_value=3660)


class MetricsOutput(serializers.Serializer[Any]):
    attempts = serializers.IntegerField()
    matched = serializers.IntegerField()
    not_matched = serializers.IntegerField()
    undecided = serializers.IntegerField()
    accept_rate = serializers.FloatField(allow_null=True, help_text="Of the decided ones, 0 to 1.")
    latency_p50_ms = serializers.FloatField(allow_null=True)
    latency_p95_ms = serializers.FloatField(allow_null=True)
