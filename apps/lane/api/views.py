"""The ordinary way of the lane's two addresses: redeem a code, send the evidence.

Whatever `LeanLane` does not answer itself comes here; what is refused is refused here.
"""

from dataclasses import replace
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.requests import request_user
from apps.audit.actors import request_actor
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
)
from apps.checkin.api.views import EXPIRED, submission_of
from apps.checkin.models import Method, Reason
from apps.checkin.services.check_in import check_in
from apps.checkin.services.redeem import Redemption, redeem_stamp, redeem_token, redeem_typed
from apps.common.api import throttle
from apps.common.http import client_address
from apps.common.schema import conflict
from apps.liveness.turns import turns_of
from apps.signin.requests import request_visitor, sign_in_of
from apps.tenants.addresses import asked_host


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
        "turns": turns_of(outcome.ticket),
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
    json_body = request.content_type.partition(";")[0].strip().lower() == "application/json"
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
