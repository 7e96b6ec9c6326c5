"""Endpoints of leave: students ask and withdraw, lecturers and the office decide."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsMember, IsStudent, IsTeacherOrOffice
from apps.accounts.requests import request_student, request_viewer
from apps.audit.actors import request_actor
from apps.common.api import download, throttle
from apps.common.errors import NotFound
from apps.common.lists import Listing
from apps.common.schema import conflict
from apps.leave.api.serializers import (
    LeaveDecideInput,
    LeaveEffectOutput,
    LeaveInput,
    LeaveOutput,
    LeaveQuery,
)
from apps.leave.models import Attachment, LeaveRequest
from apps.leave.selectors import leave_editor, leave_seen, leaves_of, leaves_seen, own_leave
from apps.leave.services.attachments import attachment_open
from apps.leave.services.leave import Absence, leave_decide, leave_request, leave_withdraw

FILE = {(200, kind): OpenApiTypes.BINARY for kind in Attachment.Kind.values}
EXTENSIONS = {Attachment.Kind.PDF: "pdf", Attachment.Kind.JPEG: "jpg"}


def attachment_answer(
    request: Request, attachment: Attachment | None, *, name: str
) -> HttpResponse:
    """The file as a download, kept by no cache. The name is ours, never the uploader's."""
    if attachment is None:
        raise NotFound("no_attachment", _("Nothing is attached, or it was deleted."))
    data = attachment_open(attachment=attachment, now=timezone.now(), actor=request_actor(request))
    filename = f"{name}.{EXTENSIONS[Attachment.Kind(attachment.kind)]}"
    return HttpResponse(
        data,
        content_type=attachment.kind,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "private, no-store",
        },
    )


@extend_schema(tags=["leave"])
class MyLeaveView(ListAPIView[LeaveRequest]):
    permission_classes = [IsStudent]
    serializer_class = LeaveOutput
    queryset = LeaveRequest.objects.none()  # for the API's description

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return leaves_of(student=request_student(self.request))

    def get_throttles(self) -> list[Any]:
        return [throttle("leave")()] if self.request.method == "POST" else []

    @extend_schema(operation_id="my_leave_list", summary="My leave requests, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="my_leave_request",
        request={"multipart/form-data": LeaveInput, "application/json": LeaveInput},
        responses={200: LeaveOutput, 201: LeaveOutput, **conflict("leave_too_late")},
        summary="Ask for leave, before or after",
        description="400 span_backwards, span_too_long, attachment_<reason>; 404 no_such_course. "
        "The same nonce again answers with the first request (200).",
    )
    def post(self, request: Request) -> Response:
        data = LeaveInput(data=request.data)
        data.is_valid(raise_exception=True)
        given = data.validated_data
        leave, made = leave_request(
            student=request_student(request),
            absence=Absence(
                starts_at=given["starts_at"],
                ends_at=given["ends_at"],
                category=given["category"],
                reason=given["reason"],
                course_id=given["course"],
            ),
            nonce=given["nonce"],
            file=data.file(),
            now=timezone.now(),
            actor=request_actor(request),
        )
        code = status.HTTP_201_CREATED if made else status.HTTP_200_OK
        return Response(LeaveOutput(leave).data, status=code)


@extend_schema(
    operation_id="my_leave_withdraw",
    tags=["leave"],
    request=None,
    responses={200: LeaveEffectOutput, **conflict("leave_rejected")},
)
@api_view(["POST"])
@permission_classes([IsStudent])
def my_leave_withdraw(request: Request, leave_id: int) -> Response:
    """Take a request back, and with it what an approval did to marks. Its attachment is erased,
    unless marks that it proves are locked."""
    leave, effect = leave_withdraw(
        leave=own_leave(student=request_student(request), leave_id=leave_id),
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(LeaveEffectOutput({"leave": leave, "effect": effect}).data)


@extend_schema(tags=["leave"])
class LeaveView(Listing[LeaveRequest]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = LeaveOutput
    query_class = LeaveQuery
    queryset = LeaveRequest.objects.none()

    def listed(self, **asked: Any) -> Any:
        return leaves_seen(viewer=request_viewer(self.request), **asked)

    @extend_schema(
        operation_id="leave_list",
        parameters=[LeaveQuery],
        summary="Leave requests for me to decide",
        description="Lecturers see those that name their own courses, the office sees all.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


@extend_schema(
    operation_id="leave_decide",
    tags=["leave"],
    request=LeaveDecideInput,
    responses={200: LeaveEffectOutput, **conflict("changed_meanwhile", "leave_withdrawn")},
)
@api_view(["POST"])
@permission_classes([IsTeacherOrOffice])
def leave_decide_view(request: Request, leave_id: int) -> Response:
    """Approve or reject, or change a decision. Absences that the leave covers become excused."""
    viewer = request_viewer(request)
    leave = leave_seen(viewer=viewer, leave_id=leave_id)
    role = leave_editor(viewer=viewer, leave=leave)
    data = LeaveDecideInput(data=request.data)
    data.is_valid(raise_exception=True)
    decided, effect = leave_decide(
        leave=leave,
        role=role,
        now=timezone.now(),
        actor=request_actor(request),
        **data.validated_data,
    )
    return Response(LeaveEffectOutput({"leave": decided, "effect": effect}).data)


@extend_schema(operation_id="leave_attachment", tags=["leave"], responses=FILE)
@download
@api_view(["GET"])
@permission_classes([IsMember])
def leave_attachment(request: Request, leave_id: int) -> HttpResponse:
    """The supporting document, for the student and those who may decide. Each reading is logged."""
    leave = leave_seen(viewer=request_viewer(request), leave_id=leave_id)
    return attachment_answer(request, leave.attachment, name=f"leave-{leave.pk}")
