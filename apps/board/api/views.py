"""Lecturer endpoints of the live board and of the scan log."""

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsFaculty
from apps.accounts.requests import request_faculty
from apps.board.api.serializers import BoardOutput, WindowOutput
from apps.board.document import board_answer
from apps.qr_otp.scan_log import window_counts
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_of
from apps.sessions.services import CHECK_IN, subject_of


def _own(request: Request, session_id: int) -> ClassSession:
    return session_of(faculty=request_faculty(request), session_id=session_id)


@extend_schema(operation_id="sessions_board", responses={200: BoardOutput})
@api_view(["GET"])
@permission_classes([IsFaculty])
def session_board(request: Request, session_id: int) -> HttpResponse:
    """The code to show now and the live board. Conditional: 304 while nothing changed."""
    session = _own(request, session_id)
    return board_answer(request, session_id=session.pk, load=lambda: session, now=timezone.now())


@extend_schema(operation_id="sessions_scan_log", responses={200: WindowOutput(many=True)})
@api_view(["GET"])
@permission_classes([IsFaculty])
def session_scan_log(request: Request, session_id: int) -> Response:
    """Every five-second window of the session's code with its scans, accepted and refused."""
    session = _own(request, session_id)
    if session.opened_at is None:
        return Response([])
    windows = window_counts(
        purpose=CHECK_IN,
        subject=subject_of(session.pk),
        started_at=session.opened_at,
        ended_at=session.closed_at or timezone.now(),
    )
    return Response(WindowOutput(windows, many=True).data)
