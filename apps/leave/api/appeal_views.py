"""Endpoints of appeals: students appeal against marks, lecturers and administrators decide."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsMember, IsStudent, IsTeacherOrOffice
from apps.accounts.requests import request_student, request_user, request_viewer
from apps.attendance.requests import EditsRegisters
from apps.audit.actors import request_actor
from apps.common.api import download, throttle
from apps.common.lists import Listing
from apps.common.schema import conflict
from apps.leave.api.serializers import AppealDecideInput, AppealInput, AppealOutput, AppealQuery
from apps.leave.api.views import FILE, attachment_answer
from apps.leave.models import Appeal
from apps.leave.selectors import (
    appeal_editor,
    appeal_seen,
    appeals_of,
    appeals_seen,
    own_appeal,
    own_record,
)
from apps.leave.services.appeals import appeal_create, appeal_decide, appeal_withdraw

NOT_NOW = (
    "appeal_too_late",
    "register_locked",
    "nothing_to_appeal",
    "appeal_open",
    "appeal_decided",
)


@extend_schema(
    operation_id="records_appeal",
    tags=["appeals"],
    request={"multipart/form-data": AppealInput, "application/json": AppealInput},
    responses={200: AppealOutput, 201: AppealOutput, **conflict(*NOT_NOW)},
)
@api_view(["POST"])
@permission_classes([IsStudent])
@throttle_classes([throttle("leave")])
def record_appeal(request: Request, record_id: int) -> Response:
    """Say that an own mark is wrong. The same nonce again answers with the first appeal (200)."""
    student = request_student(request)
    mark = own_record(student=student, record_id=record_id)
    data = AppealInput(data=request.data)
    data.is_valid(raise_exception=True)
    given = data.validated_data
    appeal, made = appeal_create(
        student=student,
        mark=mark,
        wanted=given["wanted"],
        text=given["text"],
        nonce=given["nonce"],
        file=data.file(),
        now=timezone.now(),
        actor=request_actor(request),
    )
    code = status.HTTP_201_CREATED if made else status.HTTP_200_OK
    return Response(AppealOutput(appeal).data, status=code)


@extend_schema(tags=["appeals"])
class MyAppealsView(ListAPIView[Appeal]):
    permission_classes = [IsStudent]
    serializer_class = AppealOutput
    queryset = Appeal.objects.none()  # for the API's description

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return appeals_of(student=request_student(self.request))

    @extend_schema(operation_id="my_appeals_list", summary="My appeals, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


@extend_schema(
    operation_id="my_appeals_withdraw",
    tags=["appeals"],
    request=None,
    responses={200: AppealOutput, **conflict("appeal_closed")},
)
@api_view(["POST"])
@permission_classes([IsStudent])
def my_appeal_withdraw(request: Request, appeal_id: int) -> Response:
    """Take an open appeal back. Its attachment is erased."""
    appeal = appeal_withdraw(
        appeal=own_appeal(student=request_student(request), appeal_id=appeal_id),
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(AppealOutput(appeal).data)


@extend_schema(tags=["appeals"])
class AppealsView(Listing[Appeal]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = AppealOutput
    query_class = AppealQuery
    queryset = Appeal.objects.none()

    def listed(self, **asked: Any) -> Any:
        return appeals_seen(viewer=request_viewer(self.request), **asked)

    @extend_schema(
        operation_id="appeals_list",
        parameters=[AppealQuery],
        summary="Appeals against marks",
        description="Lecturers see those against their own registers, the office sees all.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


@extend_schema(
    operation_id="appeals_decide",
    tags=["appeals"],
    request=AppealDecideInput,
    responses={
        200: AppealOutput,
        **conflict("appeal_closed", "register_locked", "edit_time_over"),
    },
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def appeal_decide_view(request: Request, appeal_id: int) -> Response:
    """Accept, which corrects the mark, or reject with a reason."""
    viewer = request_viewer(request)
    appeal = appeal_seen(viewer=viewer, appeal_id=appeal_id)
    role = appeal_editor(user=request_user(request), appeal=appeal)
    data = AppealDecideInput(data=request.data)
    data.is_valid(raise_exception=True)
    decided = appeal_decide(
        appeal=appeal,
        role=role,
        now=timezone.now(),
        actor=request_actor(request),
        **data.validated_data,
    )
    return Response(AppealOutput(decided).data)


@extend_schema(operation_id="appeals_attachment", tags=["appeals"], responses=FILE)
@download
@api_view(["GET"])
@permission_classes([IsMember])
def appeal_attachment(request: Request, appeal_id: int) -> HttpResponse:
    """What is attached, for the student and those who may see the appeal. Reading is logged."""
    appeal = appeal_seen(viewer=request_viewer(request), appeal_id=appeal_id)
    return attachment_answer(request, appeal.attachment, name=f"appeal-{appeal.pk}")
