"""Student endpoint of check-ins that were scanned offline."""

from dataclasses import replace
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsStudent
from apps.accounts.requests import request_user
from apps.audit.actors import request_actor
from apps.checkin.api.serializers import (
    ATTEMPT,
    MAX_EVIDENCE,
    AssertionField,
    AttemptOutput,
    ProofsInput,
    read_evidence,
)
from apps.checkin.api.views import submission_of
from apps.checkin.services.offline import OfflineScan, check_in_offline
from apps.common.api import throttle
from apps.common.errors import Refused
from apps.common.fields import LARGEST_ID, MomentField
from apps.common.inputs import Input, first_words
from apps.qr_otp.tokens import MAX_LINK
from apps.tenants.addresses import asked_host

MOST: Final = 50  # check-ins in one request
MAX_SELFIE: Final = 12 * 1024 * 1024  # characters of base64


class OfflineEvidenceInput(ProofsInput):
    """The JSON text that the device signs. `token` is the scanned text; `counter` grows with every
    offline check-in of the device; `at` is the phone's own time."""

    session = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    token = serializers.CharField(max_length=MAX_LINK)
    counter = serializers.IntegerField(min_value=0, max_value=LARGEST_ID)
    at = MomentField()


OFFLINE_EVIDENCE: Final = OfflineEvidenceInput()


class OfflineInput(Input):
    """`evidence` is sent as text, because the device signs exactly these bytes (UTF-8)."""

    evidence = serializers.CharField(max_length=MAX_EVIDENCE, trim_whitespace=False)
    signature = serializers.CharField(max_length=200, help_text="Base64, ECDSA P-256 SHA-256.")
    assertion = AssertionField(required=False, allow_null=True)
    selfie = serializers.CharField(required=False, allow_null=True, max_length=MAX_SELFIE)

    def validate_evidence(self, value: str) -> dict[str, Any]:
        return read_evidence(value, OFFLINE_EVIDENCE)


class OfflineListInput(Input):
    # Each one is read by itself: a broken one must not keep the others from being counted.
    check_ins = serializers.ListField(
        child=serializers.JSONField(allow_null=True), min_length=1, max_length=MOST
    )


class OfflineListSchema(Input):
    check_ins = serializers.ListField(child=OfflineInput(), min_length=1, max_length=MOST)


class ItemErrorOutput(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()


class OfflineOutput(serializers.Serializer):
    """Either `attempt` (accepted, refused or pending) or `error` (nothing was saved)."""

    made = serializers.BooleanField(help_text="False for a repeated nonce and for errors.")
    attempt = AttemptOutput(allow_null=True)
    error = ItemErrorOutput(allow_null=True)


class OfflineListOutput(serializers.Serializer):
    results = OfflineOutput(many=True)


@extend_schema(
    operation_id="check_in_offline",
    request=OfflineListSchema,
    responses={200: OfflineListOutput, 413: OpenApiResponse(description="Send fewer at once.")},
)
@api_view(["POST"])
@permission_classes([IsStudent])
@throttle_classes([throttle("check_in_offline")])
def offline_check_in(request: Request) -> Response:
    """Send check-ins that were scanned without network, within 24 hours of their codes.

    Up to 50, answered one by one in the order sent; judged in the order of their counters.
    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise Refused("too_large", _("Send fewer check-ins at once."), status=413)
    data = OfflineListInput(data=request.data)
    data.is_valid(raise_exception=True)
    items = data.validated_data["check_ins"]
    read = [_read(item) for item in items]
    results: list[dict[str, Any]] = [{} for _item in items]
    for place in sorted(range(len(items)), key=lambda place: _counter(read[place])):
        results[place] = _answer(request, read[place])
    return Response({"results": results})


def _read(item: Any) -> dict[str, Any] | ValidationError:
    try:
        return dict(OfflineInput().run_validation(item))
    except ValidationError as error:
        return error


def _counter(read: dict[str, Any] | ValidationError) -> int:
    return -1 if isinstance(read, ValidationError) else read["evidence"]["counter"]


def _answer(request: Request, read: dict[str, Any] | ValidationError) -> dict[str, Any]:
    if isinstance(read, ValidationError):
        return _error("invalid", first_words(read.detail))
    evidence = read["evidence"]
    scan = OfflineScan(
        session_id=evidence["session"],
        token=evidence["token"],
        counter=evidence["counter"],
        claimed_at=evidence["at"],
    )
    try:
        attempt, made = check_in_offline(
            user=request_user(request),
            scan=scan,
            submission=replace(submission_of(read), rp_id=asked_host(request)),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        return _error(refusal.code, refusal.message)
    return {"made": made, "attempt": ATTEMPT.to_representation(attempt), "error": None}


def _error(code: str, detail: str) -> dict[str, Any]:
    return {"made": False, "attempt": None, "error": {"code": code, "detail": str(detail)}}
