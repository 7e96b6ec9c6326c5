"""Lecturer endpoints around one session: open, complete, cancel."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes, throttle_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsFaculty
from apps.accounts.requests import request_faculty
from apps.attendance.services.register import (
    register_close,
    register_open,
    register_open_by_code,
    register_open_now,
)
from apps.audit.actors import request_actor
from apps.common.api import Pages, paged, throttle
from apps.common.schema import conflict
from apps.qr_otp.problems import Problem
from apps.sessions.api.serializers import (
    CancelInput,
    CodeOutput,
    OpenInput,
    SessionOutput,
    StartInput,
)
from apps.sessions.models import ClassSession
from apps.sessions.selectors import course_of, session_of, sessions_of
from apps.sessions.services import session_cancel, start_code_issue

OPENING = ("outside_window", "another_session_open", "not_scheduled")
CODES = (Problem.WRONG_CODE, Problem.EXPIRED)
TOO_MANY = {429: OpenApiResponse(description="`code` is too_many_tries: wait 15 minutes.")}


def _own(request: Request, session_id: int) -> ClassSession:
    return session_of(faculty=request_faculty(request), session_id=session_id)


@extend_schema(operation_id="sessions_list", responses={200: SessionOutput(many=True)})
@paged
@api_view(["GET"])
@permission_classes([IsFaculty])
def session_list(request: Request) -> Response:
    """The lecturer's own sessions, newest first, in pages."""
    pages = Pages()
    page = pages.paginate_queryset(sessions_of(faculty=request_faculty(request)), request)
    return pages.get_paginated_response(SessionOutput(page, many=True).data)


@extend_schema(operation_id="sessions_get", responses={200: SessionOutput})
@api_view(["GET"])
@permission_classes([IsFaculty])
def session_detail(request: Request, session_id: int) -> Response:
    """One of the lecturer's own sessions."""
    return Response(SessionOutput(_own(request, session_id)).data)


@extend_schema(operation_id="start_code", request=None, responses={201: CodeOutput})
@api_view(["POST"])
@permission_classes([IsFaculty])
@throttle_classes([throttle("start_code")])
def start_code(request: Request, course_id: int) -> Response:
    """A six-digit code that starts this course's session: 5 minutes, once, 5 tries."""
    faculty = request_faculty(request)
    code, expires_at = start_code_issue(
        course=course_of(faculty=faculty, course_id=course_id),
        faculty=faculty,
        now=timezone.now(),
        actor=request_actor(request),
    )
    body = CodeOutput({"code": code, "expires_at": expires_at}).data
    return Response(body, status=status.HTTP_201_CREATED)


@extend_schema(
    operation_id="sessions_start",
    request=StartInput,
    responses={201: SessionOutput, **conflict(*CODES, *OPENING), **TOO_MANY},
)
@api_view(["POST"])
@permission_classes([IsFaculty])
def session_start(request: Request) -> Response:
    """Open the course's session that is due, else an unscheduled one; by start code if given.

    `close_open` closes the session of the course that was left open, instead of a 409.
    """
    data = StartInput(data=request.data)
    data.is_valid(raise_exception=True)
    facts = {
        "course": course_of(
            faculty=request_faculty(request), course_id=data.validated_data["course"]
        ),
        "topic": data.validated_data["topic"],
        "close_open": data.validated_data["close_open"],
        "now": timezone.now(),
        "actor": request_actor(request),
    }
    code = data.validated_data.get("start_code")
    session = register_open_by_code(code=code, **facts) if code else register_open_now(**facts)
    return Response(SessionOutput(session).data, status=status.HTTP_201_CREATED)


@extend_schema(
    operation_id="sessions_open",
    request=OpenInput,
    responses={200: SessionOutput, **conflict(*OPENING)},
)
@api_view(["POST"])
@permission_classes([IsFaculty])
def session_open_view(request: Request, session_id: int) -> Response:
    """Open a scheduled session within its window."""
    data = OpenInput(data=request.data)
    data.is_valid(raise_exception=True)
    session = register_open(
        session=_own(request, session_id),
        topic=data.validated_data["topic"],
        close_open=data.validated_data["close_open"],
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(SessionOutput(session).data)


@extend_schema(
    operation_id="sessions_complete",
    request=None,
    responses={200: SessionOutput, **conflict("session_not_open")},
)
@api_view(["POST"])
@permission_classes([IsFaculty])
def session_complete_view(request: Request, session_id: int) -> Response:
    """Complete the session: unmarked students become absent, codes die."""
    session = register_close(
        session=_own(request, session_id), now=timezone.now(), actor=request_actor(request)
    )
    return Response(SessionOutput(session).data)


@extend_schema(
    operation_id="sessions_cancel",
    request=CancelInput,
    responses={200: SessionOutput, **conflict("not_scheduled")},
)
@api_view(["POST"])
@permission_classes([IsFaculty])
def session_cancel_view(request: Request, session_id: int) -> Response:
    """Cancel a scheduled session, with a reason."""
    data = CancelInput(data=request.data)
    data.is_valid(raise_exception=True)
    session = session_cancel(
        session=_own(request, session_id),
        reason=data.validated_data["reason"],
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(SessionOutput(session).data)
