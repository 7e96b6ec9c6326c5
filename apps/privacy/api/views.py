"""Students give and withdraw their own consents."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsStudent
from apps.accounts.requests import request_student
from apps.audit.actors import request_actor
from apps.common.schema import conflict
from apps.privacy.api.serializers import ConsentInput, ConsentOutput, WithdrawalOutput
from apps.privacy.models import Consent
from apps.privacy.selectors import active_consents, is_up_to_date, kept_for, wording_of
from apps.privacy.services import consent_give, consent_withdraw
from apps.privacy.wording import WORDINGS


def _row(kind: str, held: Consent | None) -> dict[str, Any]:
    wording = wording_of(kind=kind)
    return {
        "kind": kind,
        "name": Consent.Kind(kind).label,
        "version": wording.version,
        "text": wording.text,
        "kept_for": kept_for()[0].how_long,
        "given_at": held.given_at if held else None,
        "given_version": held.version if held else None,
        "up_to_date": is_up_to_date(held, wording),
    }


class ConsentsView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(responses=ConsentOutput(many=True), tags=["privacy"], summary="What I agreed to")
    def get(self, request: Request) -> Response:
        held = active_consents(student=request_student(request))
        rows = [_row(kind, held.get(kind)) for kind in WORDINGS]
        return Response(ConsentOutput(rows, many=True).data)

    @extend_schema(
        request=ConsentInput,
        responses={201: ConsentOutput, **conflict("outdated_wording")},
        tags=["privacy"],
        summary="Agree",
        description="`version` is that of the wording which was shown and is in force.",
    )
    def post(self, request: Request) -> Response:
        data = ConsentInput(data=request.data)
        data.is_valid(raise_exception=True)
        consent = consent_give(
            student=request_student(request),
            now=timezone.now(),
            actor=request_actor(request),
            **data.validated_data,
        )
        output = ConsentOutput(_row(consent.kind, consent))
        return Response(output.data, status=status.HTTP_201_CREATED)


class WithdrawView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(
        request=None, responses=WithdrawalOutput, tags=["privacy"], summary="Withdraw and erase"
    )
    def post(self, request: Request, kind: str) -> Response:
        erased = consent_withdraw(
            student=request_student(request),
            kind=kind,
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(WithdrawalOutput({"erased": erased}).data)
