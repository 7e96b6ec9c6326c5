"""What a check-in sends, read; and how one of the student's own went.

The addresses that take codes and evidence are the lane's (apps/lane)."""

import base64
import hashlib
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsStudent
from apps.accounts.requests import request_user
from apps.biometrics.images import ImageRefused, Photo, bytes_from_base64, hopeless, read_photo
from apps.checkin.api.serializers import ATTEMPT, AttemptOutput, beacons_of, fix_of
from apps.checkin.models import CheckInAttempt
from apps.checkin.services.check_in import Submission
from apps.common.errors import Invalid, NotFound
from apps.liveness.api.frames import frames_of

EXPIRED = OpenApiResponse(description="`code` is expired: the code is no longer shown.")


def submission_of(data: dict[str, Any]) -> Submission:
    """What the phone sent, signature and selfie read; an offline one has no ticket."""
    evidence = data["evidence"]
    photo = _selfie(data.get("selfie"), expected=evidence.get("selfie_sha256"))
    return Submission(
        ticket=evidence.get("ticket", ""),
        nonce=evidence["nonce"],
        message=evidence["message"],
        signature=_signature(data.get("signature", "")),
        assertion=data.get("assertion"),
        fix=fix_of(evidence),
        beacons=beacons_of(evidence),
        selfie=photo.jpeg() if photo else None,
        selfie_sha256=photo.sha256 if photo else "",
        selfie_problem=hopeless(photo) if photo else "",
        frames=frames_of(data.get("frames"), evidence.get("frames")),
        device_info=evidence.get("device_info") or {},
    )


def _signature(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Invalid("malformed_signature", _("The signature is not base64.")) from error


def _selfie(upload: Any, *, expected: str | None) -> Photo | None:
    """The selfie, normalised; it must be the one whose hash the device signed."""
    if not upload:
        return None
    try:
        raw = bytes_from_base64(upload) if isinstance(upload, str) else upload.read()
        photo = read_photo(raw)
    except ImageRefused as refused:
        message = _("This photo cannot be used (%(why)s).") % {"why": refused.reason.value}
        raise Invalid(f"selfie_{refused.reason.value}", message) from refused
    if hashlib.sha256(raw).hexdigest() != expected:
        raise Invalid("selfie_not_signed", _("The signed evidence names another photo."))
    return photo


@extend_schema(operation_id="check_in_attempt", responses=AttemptOutput)
@api_view(["GET"])
@permission_classes([IsStudent])
def attempt_view(request: Request, attempt_id: str) -> Response:
    """How one of the own check-ins went, with its score explained."""
    own = CheckInAttempt.objects.filter(student__user=request_user(request))
    attempt = own.filter(pk=attempt_id).first()
    if attempt is None:
        raise NotFound("attempt_not_found", _("There is no such check-in of yours."))
    return Response(ATTEMPT.to_representation(attempt))
