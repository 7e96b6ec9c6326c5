"""Student endpoint of a rapid-code challenge."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.requests import request_user
from apps.checkin.api.views import EXPIRED
from apps.checkin.models import Reason
from apps.checkin.services.rapid_codes import challenge_redeem
from apps.common.api import throttle
from apps.common.http import client_address
from apps.common.inputs import Input
from apps.common.schema import conflict
from apps.qr_otp.tokens import MAX_LINK
from apps.signin.requests import sign_in_of


class RapidCodeInput(Input):
    token = serializers.CharField(max_length=MAX_LINK)


class RapidCodeOutput(serializers.Serializer):
    session = serializers.IntegerField()
    delay_ms = serializers.IntegerField(help_text="From the start of the code's second.")


@extend_schema(
    operation_id="check_in_rapid_code",
    request=RapidCodeInput,
    responses={201: RapidCodeOutput, **conflict(Reason.NOT_OPEN), 410: EXPIRED},
)
@api_view(["POST"])
@permission_classes([IsAuthenticated])  # whether it is a student is asked with all the rest
@throttle_classes([throttle("rapid_code")])
def rapid_code(request: Request) -> Response:
    """Redeem one code of a challenge: its text begins with “B.” and it counts for 1.5 seconds, from
    the sign-in that checked in (403 other_sign_in)."""
    data = RapidCodeInput(data=request.data)
    data.is_valid(raise_exception=True)
    scan = challenge_redeem(
        user=request_user(request),
        token=data.validated_data["token"],
        now=timezone.now(),
        address=client_address(request),
        sign_in=sign_in_of(request),
    )
    if scan.reason:
        raise Reason(scan.reason).error()
    body = {"session": scan.session_id, "delay_ms": scan.delay_ms}
    return Response(body, status=status.HTTP_201_CREATED)
