"""Student endpoints of the check-in: redeem a code, send the evidence, ask how it went."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsStudent
from apps.accounts.requests import request_user
from apps.audit.actors import request_actor
from apps.biometrics.images import ImageRefused, Photo, bytes_from_base64, hopeless, read_photo
from apps.checkin.api.serializers import (
    ATTEMPT,
    CHECK_IN,
    CHECK_IN_JSON,
    REDEEM,
    AttemptOutput,
    CheckInInput,
    CheckInJson,
    RedeemInput,
    TicketOutput,
    beacons_of,
    fix_of,
)
from apps.checkin.models import CheckInAttempt, Method, Reason
from apps.checkin.services.check_in import Submission, check_in
from apps.checkin.services.redeem import Redemption, redeem_stamp, redeem_token, redeem_typed
from apps.common.api import throttle
from apps.common.errors import Invalid, NotFound
from apps.common.http import client_address
from apps.common.schema import conflict
from apps.signin.requests import request_visitor, sign_in_of
from apps.tenants.addresses import asked_host

EXPIRED = OpenApiResponse(description="`code` is expired: the code is no longer shown.")


@extend_schema(
    operation_id="check_in_redeem",
    request=RedeemInput,
    responses={201: TicketOutput, **conflict(Reason.NOT_OPEN), 410: EXPIRED},
)
@api_view(["POST"])
@permission_classes([IsAuthenticated])  # whether it is a student is asked with all the rest
@throttle_classes([throttle("redeem")])
def redeem(request: Request) -> Response:
    """Turn a scanned or typed code, or the stamp of its page, into a ticket, at once. Every try is
    in the scan log."""
    outcome = _redeem(request, REDEEM.run_validation(request.data))
    if outcome.reason:
        raise Reason(outcome.reason).error()
    body = {
        "ticket": outcome.ticket,
        "expires_at": outcome.expires_at,
        "session": outcome.session_id,
    }
    return Response(body, status=status.HTTP_201_CREATED)


def _redeem(request: Request, data: dict[str, Any]) -> Redemption:
    user, now, address = request_user(request), timezone.now(), client_address(request)
    sign_in = sign_in_of(request)
    if "token" in data:
        return redeem_token(
            user=user, token=data["token"], now=now, address=address, sign_in=sign_in
        )
    if "stamp" in data:
        visitor = request_visitor(request)
        return redeem_stamp(user=user, stamp=data["stamp"], visitor=visitor, now=now)
    method = Method.TEXT if "text_code" in data else Method.OTP
    return redeem_typed(
        user=user,
        session_id=data["session"],
        code=data.get("text_code") or data["one_time_code"],
        method=method,
        now=now,
        address=address,
        sign_in=sign_in,
    )


@extend_schema(
    operation_id="check_in",
    request={"multipart/form-data": CheckInInput, "application/json": CheckInJson},
    responses={
        200: AttemptOutput,
        201: AttemptOutput,
    },
)
@api_view(["POST"])
@permission_classes([IsAuthenticated])
@throttle_classes([throttle("check_in")])
def check_in_view(request: Request) -> Response:
    """Send the evidence for a ticket. 201 with the judged attempt; a retried nonce gets 200 and
    the first answer. Outcome "pending" means that a worker is comparing the face, "waiting" that
    the lecturer decides; `photo_tries_left` asks for another photo with the same ticket."""
    json_body = request.content_type == "application/json"
    serializer = CHECK_IN_JSON if json_body else CHECK_IN
    submission = submission_of(serializer.run_validation(request.data))
    attempt, made = check_in(
        user=request_user(request),
        submission=replace(submission, sign_in=sign_in_of(request), rp_id=asked_host(request)),
        now=timezone.now(),
        actor=request_actor(request),
    )
    code = status.HTTP_201_CREATED if made else status.HTTP_200_OK
    return Response(ATTEMPT.to_representation(attempt), status=code)


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
