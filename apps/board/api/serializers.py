"""What the live board shows."""

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.common.fields import MomentField


class BoardFindingOutput(serializers.Serializer):
    kind = serializers.CharField()
    name = serializers.CharField()


class BoardRowOutput(serializers.Serializer):
    student_id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment]
        help_text=_("Code of the campus's own status, if it has one.")
    )
    label_name = serializers.CharField()
    score = serializers.FloatField(allow_null=True)
    explanation = serializers.CharField()
    at = MomentField(allow_null=True)
    factors = serializers.DictField(child=serializers.BooleanField(allow_null=True))
    mark = serializers.CharField(help_text=_("What the register says; empty while unmarked."))
    waits_for = serializers.CharField(help_text=_("What a waiting check-in lacks, in words."))
    method = serializers.CharField()
    offline = serializers.BooleanField(help_text=_("Scanned without network and sent later."))
    refused = serializers.CharField(help_text=_("Why the latest attempt was refused; else empty."))
    refused_text = serializers.CharField(help_text=_("The same, as the student was told."))
    findings = BoardFindingOutput(many=True)
    flagged = serializers.BooleanField(help_text=_("The findings add up: somebody should look."))


class BoardOutput(serializers.Serializer):
    """`rows` is null when nothing changed since the version that the caller named."""

    version = serializers.CharField()
    session = serializers.DictField()
    code = serializers.DictField(allow_null=True)
    counts = serializers.DictField(child=serializers.IntegerField(), allow_null=True)
    rows = BoardRowOutput(many=True, allow_null=True)


class WindowOutput(serializers.Serializer):
    window = serializers.IntegerField()
    generated_at = MomentField()
    expires_at = MomentField()
    accepted = serializers.IntegerField()
    refused = serializers.IntegerField()
    scan_count = serializers.IntegerField()
