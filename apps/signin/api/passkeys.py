"""Passkeys of students: their own, what replaces a lost device, and what the office removes."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from fido2.utils import websafe_encode
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsStudent, has_role
from apps.accounts.api.serializers import BindingOutput, ResetInput, device_facts
from apps.accounts.models import Role
from apps.accounts.requests import request_student
from apps.accounts.selectors import student_by_id
from apps.accounts.services import challenge_issue, device_bind
from apps.accounts.services.devices import CHALLENGE_LIFETIME
from apps.accounts.writes import Writer, refuse_account
from apps.audit.actors import request_actor
from apps.common.errors import NotFound
from apps.common.schema import conflict
from apps.common.signatures import binding_message
from apps.signin.api.assertions import (
    OwnPasskeyOutput,
    PasskeyChallengeInput,
    PasskeyChallengeOutput,
    PasskeyOutput,
    ReplacementInput,
    assertion_of,
)
from apps.signin.passkeys import replacement_challenge, student_passkeys
from apps.signin.services.passkeys import passkey_remove
from apps.signin.services.replacement import passkey_replaces, usable_passkeys
from apps.tenants.addresses import asked_host


class OwnPasskeysView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(
        operation_id="me_passkeys",
        responses=OwnPasskeyOutput(many=True),
        tags=["people"],
        summary="My passkeys for this host name",
        description="They are added, renamed and removed in the account pages and the sign-in API.",
    )
    def get(self, request: Request) -> Response:
        found = usable_passkeys(student=request_student(request), rp_id=asked_host(request))
        return Response(OwnPasskeyOutput(found, many=True).data)


class PasskeyChallengeView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(
        operation_id="me_device_passkey_challenge",
        request=PasskeyChallengeInput,
        responses=PasskeyChallengeOutput,
        tags=["people"],
        summary="What a passkey signs to bind this device in the place of a lost one",
        description="The new key signs `message`, the passkey `request_options`; both go to `POST "
        "me/device/passkey`. 404 no_passkey: none for this host name.",
    )
    def post(self, request: Request) -> Response:
        data = PasskeyChallengeInput(data=request.data)
        data.is_valid(raise_exception=True)
        student, rp_id = request_student(request), asked_host(request)
        passkeys = usable_passkeys(student=student, rp_id=rp_id)
        if not passkeys:
            raise NotFound("no_passkey", _("You have no passkey for this address."))
        nonce = challenge_issue(student=student, now=timezone.now())
        message = binding_message(
            nonce=nonce, student_id=student.pk, device_uuid=data.validated_data["device_uuid"]
        )
        challenge = replacement_challenge(
            message=message, public_key=data.validated_data["public_key"]
        )
        return Response(
            PasskeyChallengeOutput(
                {
                    "nonce": nonce,
                    "student": student.pk,
                    "message": message.decode(),
                    "expires_in": int(CHALLENGE_LIFETIME.total_seconds()),
                    "request_options": _options(challenge, rp_id, passkeys),
                }
            ).data
        )


class ReplacementView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(
        operation_id="me_device_passkey",
        request=ReplacementInput,
        responses={
            200: BindingOutput,
            201: BindingOutput,
            **conflict("device_bound_elsewhere", "device_is_anothers", "replaced_recently"),
        },
        tags=["people"],
        summary="Bind this device in the place of a lost one, by a passkey",
        description="As `POST me/device`, with the `assertion` of a passkey that is 48 hours old. "
        "403 bad_passkey, passkey_not_verified, passkey_too_new.",
    )
    def post(self, request: Request) -> Response:
        data = ReplacementInput(data=request.data)
        data.is_valid(raise_exception=True)
        values, student, now = dict(data.validated_data), request_student(request), timezone.now()
        public_key, assertion = values.pop("public_key"), assertion_of(values.pop("assertion"))

        def replaces(message: bytes) -> dict[str, Any]:
            return passkey_replaces(
                student=student,
                assertion=assertion,
                public_key=public_key,
                rp_id=asked_host(request),
                now=now,
                message=message,
            )

        device, created = device_bind(
            student=student,
            device_uuid=values.pop("device_uuid"),
            public_key=public_key,
            nonce=values.pop("nonce"),
            signature=values.pop("signature"),
            facts=device_facts(request, values),
            now=now,
            actor=request_actor(request),
            replaces=replaces,
        )
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(BindingOutput({"bound": True, "device": device}).data, status=code)


def _options(challenge: bytes, rp_id: str, passkeys: list[Any]) -> dict[str, Any]:
    return {
        "challenge": websafe_encode(challenge),
        "rpId": rp_id,
        "userVerification": "required",
        "timeout": int(CHALLENGE_LIFETIME.total_seconds() * 1000),
        "allowCredentials": [
            {"type": "public-key", "id": websafe_encode(one.credential_id)} for one in passkeys
        ],
    }


class StudentPasskeysView(APIView):
    permission_classes = [has_role(Role.ADMIN, Role.OPERATOR)]

    @extend_schema(
        operation_id="students_passkeys",
        responses=PasskeyOutput(many=True),
        tags=["people"],
        summary="A student's passkeys for this campus's host names",
    )
    def get(self, request: Request, student_id: int) -> Response:
        found = student_passkeys(student=student_by_id(student_id=student_id))
        return Response(PasskeyOutput(found, many=True).data)


class PasskeyRemoveView(APIView):
    permission_classes = [has_role(Role.ADMIN, Role.OPERATOR)]

    @extend_schema(
        request=ResetInput,
        responses={204: None},
        tags=["people"],
        summary="Remove a student's passkey",
    )
    def post(self, request: Request, student_id: int, passkey_id: int) -> Response:
        data = ResetInput(data=request.data)
        data.is_valid(raise_exception=True)
        student = student_by_id(student_id=student_id)
        refuse_account(Writer(request.user), student.user_id)
        passkey_remove(
            student=student,
            passkey_id=passkey_id,
            reason=data.validated_data["reason"],
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
