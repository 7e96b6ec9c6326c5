"""Endpoints for check-ins that wait for the lecturer: the list, and the decision."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsTeacherOrOffice
from apps.attendance.requests import EditsRegisters, editable_session, readable_session
from apps.audit.actors import request_actor
from apps.checkin.selectors.waiting import waiting_in
from apps.checkin.services.waiting import waiting_decide
from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.common.schema import conflict

MOST = 1000  # check-ins in one request


class WaitingOutput(serializers.Serializer[Any]):
    """A student's newest check-in that waits: what it lacks, what it proves, and until when."""

    attempt = serializers.UUIDField(source="attempt.pk")
    student_id = serializers.IntegerField(source="student.pk")
    code = serializers.CharField(source="student.code")
    name = serializers.CharField(source="student.full_name")
    reason = serializers.CharField(source="attempt.reason")
    why = serializers.CharField()
    explanation = serializers.CharField()
    score = serializers.FloatField(source="attempt.score")
    offline = serializers.BooleanField(source="attempt.offline")
    at = MomentField(help_text="When the code was scanned.")
    waits_until = MomentField(source="attempt.waits_until")


class DecideInput(Input):
    attempts = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST)
    accept = serializers.BooleanField(required=True)


class DecidedOutput(serializers.Serializer[Any]):
    """`decided`: the check-ins that were decided on; `waiting`: who waits still."""

    decided = serializers.ListField(child=serializers.UUIDField())
    waiting = WaitingOutput(many=True)


@extend_schema(operation_id="sessions_waiting", responses=WaitingOutput(many=True))
@api_view(["GET"])
@permission_classes([IsTeacherOrOffice])
def session_waiting(request: Request, session_id: int) -> Response:
    """The check-ins of this session that wait for a decision, by student number."""
    session = readable_session(request, session_id)
    return Response(WaitingOutput(waiting_in(session_id=session.pk), many=True).data)


@extend_schema(
    operation_id="sessions_waiting_decide",
    request=DecideInput,
    responses={
        200: DecidedOutput,
        **conflict("nothing_waiting", "session_not_open", "register_locked", "edit_time_over"),
    },
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def session_waiting_decide(request: Request, session_id: int) -> Response:
    """Accept or refuse one or many together. What does not wait any more is passed over."""
    session, role = editable_session(request, session_id)
    data = DecideInput(data=request.data)
    data.is_valid(raise_exception=True)
    decided = waiting_decide(
        session=session,
        attempt_ids=data.validated_data["attempts"],
        accept=data.validated_data["accept"],
        now=timezone.now(),
        actor=request_actor(request),
        role=role,
    )
    body = {"decided": [one.pk for one in decided], "waiting": waiting_in(session_id=session.pk)}
    return Response(DecidedOutput(body).data)
