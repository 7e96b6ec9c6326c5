"""Lecturer endpoint of one-time codes that are told."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsFaculty
from apps.accounts.requests import request_faculty
from apps.audit.actors import request_actor
from apps.checkin.api.serializers import CheckInCodeInput, CheckInCodeOutput
from apps.checkin.services.codes import class_code_issue, student_code_issue
from apps.common.schema import conflict
from apps.sessions.selectors import session_of


@extend_schema(
    operation_id="sessions_one_time_code",
    request=CheckInCodeInput,
    responses={201: CheckInCodeOutput, **conflict("session_not_open", "class_codes_off")},
)
@api_view(["POST"])
@permission_classes([IsFaculty])
def session_one_time_code(request: Request, session_id: int) -> Response:
    """A six-digit code that is told: to one `student`, once; or, where the policy allows it, to the
    `whole_class`. Shown once; a new one for the same replaces it."""
    session = session_of(faculty=request_faculty(request), session_id=session_id)
    data = CheckInCodeInput(data=request.data)
    data.is_valid(raise_exception=True)
    student_id = data.validated_data.get("student")
    facts: dict[str, Any] = {
        "session": session,
        "now": timezone.now(),
        "actor": request_actor(request),
    }
    if student_id is None:
        code, expires_at = class_code_issue(**facts)
    else:
        code, expires_at, _student = student_code_issue(student_id=student_id, **facts)
    body = CheckInCodeOutput({"code": code, "expires_at": expires_at, "student": student_id}).data
    return Response(body, status=status.HTTP_201_CREATED)
