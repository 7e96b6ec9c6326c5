"""The statuses that marks can have: the fixed meanings and the campus's own."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsCampusAdmin, IsMember
from apps.attendance.api.marking_serializers import StatusInput, StatusOutput
from apps.attendance.selectors.marks import every_status
from apps.attendance.services.statuses import status_create, status_update
from apps.audit.actors import request_actor
from apps.common.schema import conflict


class StatusesPermission(IsMember):
    """Everybody of the campus reads them; administrators make them."""

    def has_permission(self, request: Any, view: Any) -> bool:
        allowed = IsMember() if request.method == "GET" else IsCampusAdmin()
        return allowed.has_permission(request, view)


@extend_schema(
    methods=["GET"], operation_id="statuses_list", responses={200: StatusOutput(many=True)}
)
@extend_schema(
    methods=["POST"],
    operation_id="statuses_create",
    request=StatusInput,
    responses={201: StatusOutput},
)
@api_view(["GET", "POST"])
@permission_classes([StatusesPermission])
def statuses(request: Request) -> Response:
    """The five fixed meanings, then the campus's own statuses, retired ones too."""
    if request.method == "GET":
        return Response(StatusOutput(every_status(), many=True).data)
    data = StatusInput(data=request.data)
    data.is_valid(raise_exception=True)
    made = status_create(
        fields=data.validated_data, now=timezone.now(), actor=request_actor(request)
    )
    return Response(StatusOutput(made).data, status=status.HTTP_201_CREATED)


@extend_schema(
    operation_id="statuses_update",
    request=StatusInput,
    responses={200: StatusOutput, **conflict("status_in_use")},
)
@api_view(["PATCH"])
@permission_classes([IsCampusAdmin])
def status_detail(request: Request, status_id: int) -> Response:
    """Change or retire a status. Code, meaning and rule are fixed once a mark has it."""
    data = StatusInput(data=request.data, partial=True)
    data.is_valid(raise_exception=True)
    own = status_update(
        status_id=status_id,
        fields=data.validated_data,
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(StatusOutput(own).data)
