"""The person's own page of the API, and their device."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsMember, IsStudent, has_role
from apps.accounts.api.serializers import (
    BindingOutput,
    ChallengeOutput,
    DeviceInput,
    MeOutput,
    ResetInput,
    device_facts,
)
from apps.accounts.models import Role
from apps.accounts.permissions import roles_of
from apps.accounts.requests import request_student
from apps.accounts.selectors import device_of, faculty_of, student_by_id, student_of
from apps.accounts.services import (
    challenge_issue,
    device_bind,
    device_reset,
    rebind_cancel,
    rebind_request,
)
from apps.accounts.services.devices import CHALLENGE_LIFETIME
from apps.audit.actors import request_actor
from apps.common.schema import conflict
from apps.common.signatures import binding_message
from apps.tenants.middleware import request_campus


class MeView(APIView):
    permission_classes = [IsMember]

    @extend_schema(responses=MeOutput, tags=["people"], summary="Who am I here?")
    def get(self, request: Request) -> Response:
        user = request.user
        me = {
            "user": user,
            "campus": request_campus(request),
            "roles": sorted(roles_of(user)),
            "student": student_of(user=user),
            "faculty": faculty_of(user=user),
        }
        return Response(MeOutput(me).data)


def _binding(device: Any) -> dict[str, Any]:
    return dict(BindingOutput({"bound": device is not None, "device": device}).data)


class DeviceView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(responses=BindingOutput, tags=["people"], summary="My bound device")
    def get(self, request: Request) -> Response:
        return Response(_binding(device_of(student=request_student(request))))

    @extend_schema(
        request=DeviceInput,
        responses={
            200: BindingOutput,
            201: BindingOutput,
            **conflict("device_already_bound", "device_bound_elsewhere", "device_is_anothers"),
        },
        tags=["people"],
        summary="Bind this device to me",
        description="400 challenge_expired, bad_signature. The same device again updates what is "
        "known about it (200).",
    )
    def post(self, request: Request) -> Response:
        data = DeviceInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        device, created = device_bind(
            student=request_student(request),
            device_uuid=values.pop("device_uuid"),
            public_key=values.pop("public_key"),
            nonce=values.pop("nonce"),
            signature=values.pop("signature"),
            facts=device_facts(request, values),
            now=timezone.now(),
            actor=request_actor(request),
        )
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(_binding(device), status=code)


class ChallengeView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(
        request=None,
        responses=ChallengeOutput,
        tags=["people"],
        summary="What to sign to bind a device",
    )
    def post(self, request: Request) -> Response:
        student = request_student(request)
        nonce = challenge_issue(student=student, now=timezone.now())
        message = binding_message(nonce=nonce, student_id=student.pk, device_uuid="{device_uuid}")
        challenge = {
            "nonce": nonce,
            "student": student.pk,
            "message": message.decode(),
            "expires_in": int(CHALLENGE_LIFETIME.total_seconds()),
        }
        return Response(ChallengeOutput(challenge).data)


class RebindView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(
        operation_id="me_device_rebind",
        request=None,
        responses=BindingOutput,
        tags=["people"],
        summary="Ask to bind another device",
        description="From `rebind_at` on, 48 hours later, another device can be bound. Asked "
        "again, the first request stands. 404 no_device.",
    )
    def post(self, request: Request) -> Response:
        student = request_student(request)
        device = rebind_request(student=student, now=timezone.now(), actor=request_actor(request))
        return Response(_binding(device))

    @extend_schema(
        operation_id="me_device_rebind_cancel",
        responses={200: BindingOutput},
        tags=["people"],
        summary="Keep the device that is bound",
    )
    def delete(self, request: Request) -> Response:
        student = request_student(request)
        device = rebind_cancel(student=student, now=timezone.now(), actor=request_actor(request))
        return Response(_binding(device))


class StudentDeviceView(APIView):
    permission_classes = [has_role(Role.ADMIN, Role.OPERATOR)]

    @extend_schema(
        operation_id="students_device",
        responses=BindingOutput,
        tags=["people"],
        summary="A student's bound device",
    )
    def get(self, request: Request, student_id: int) -> Response:
        return Response(_binding(device_of(student=student_by_id(student_id=student_id))))


class DeviceResetView(APIView):
    permission_classes = [has_role(Role.ADMIN, Role.OPERATOR)]

    @extend_schema(
        request=ResetInput,
        responses={204: None},
        tags=["people"],
        summary="Release a student's device",
    )
    def post(self, request: Request, student_id: int) -> Response:
        data = ResetInput(data=request.data)
        data.is_valid(raise_exception=True)
        device_reset(
            student=student_by_id(student_id=student_id),
            reason=data.validated_data["reason"],
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
