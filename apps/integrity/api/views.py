"""Lecturer endpoints for signs of cheating: look, search again, dismiss; and the burst of codes."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsFaculty, request_faculty
from apps.audit.actors import request_actor
from apps.checkin.models import BURST_CODES, BurstChallenge
from apps.checkin.selectors.rapid_codes import bursts_of
from apps.checkin.services.rapid_codes import burst_outcome, over_at
from apps.common.errors import NotFound
from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.common.schema import conflict
from apps.integrity.models import Sign
from apps.integrity.selectors import sign_of, signs_in
from apps.integrity.services.findings import sign_dismiss, signs_find
from apps.integrity.services.rapid_codes import burst_start
from apps.integrity.wording import names_in, wording
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_of


class SignOutput(serializers.ModelSerializer[Sign]):
    name = serializers.CharField(source="get_kind_display")
    text = serializers.SerializerMethodField(help_text="A fact with its figures, never a verdict.")
    weight = serializers.FloatField(source="score", help_text="1 is a flag by itself.")

    class Meta:
        model = Sign
        fields = [
            "id",
            "kind",
            "name",
            "text",
            "weight",
            "at",
            "dismissed_at",
            "dismissed_by",
            "note",
        ]

    def get_text(self, sign: Sign) -> str:
        return wording(sign, self.context["names"])


class SignedStudentOutput(serializers.Serializer[Any]):
    """A student with what was noticed. `flagged`: look at it, and talk to the student."""

    student_id = serializers.IntegerField(source="student.pk")
    code = serializers.CharField(source="student.code")
    name = serializers.CharField(source="student.full_name")
    flagged = serializers.BooleanField()
    signs = SignOutput(many=True)


class DismissInput(Input):
    note = serializers.CharField(max_length=500)


class BurstStateOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    started_at = MomentField()
    over_at = MomentField()
    is_over = serializers.BooleanField()
    is_void = serializers.BooleanField(help_text="Fewer than half passed: it says nothing.")
    codes = serializers.IntegerField()
    results = serializers.ListField(child=serializers.DictField())


def _own(request: Request, session_id: int) -> ClassSession:
    return session_of(faculty=request_faculty(request), session_id=session_id)


def _signs_body(session: ClassSession) -> Any:
    found = signs_in(session_id=session.pk)
    names = names_in(sign for one in found for sign in one.signs)
    return SignedStudentOutput(found, many=True, context={"names": names}).data


@extend_schema(
    methods=["GET"], operation_id="sessions_signs", responses=SignedStudentOutput(many=True)
)
@extend_schema(
    methods=["POST"],
    operation_id="sessions_signs_find",
    request=None,
    responses=SignedStudentOutput(many=True),
)
@api_view(["GET", "POST"])
@permission_classes([IsFaculty])
def session_signs(request: Request, session_id: int) -> Response:
    """What was noticed in this session, flagged students first. POST looks again, now."""
    session = _own(request, session_id)
    if request.method == "POST":
        signs_find(session=session, now=timezone.now())
    return Response(_signs_body(session))


@extend_schema(
    operation_id="sessions_signs_dismiss",
    request=DismissInput,
    responses={200: SignOutput, **conflict("already_dismissed")},
)
@api_view(["POST"])
@permission_classes([IsFaculty])
def session_sign_dismiss(request: Request, session_id: int, sign_id: int) -> Response:
    """The lecturer has looked, and it was nothing: the sign stays, without weight."""
    data = DismissInput(data=request.data)
    sign = sign_of(session=_own(request, session_id), sign_id=sign_id)
    data.is_valid(raise_exception=True)
    dismissed = sign_dismiss(
        sign=sign,
        note=data.validated_data["note"],
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(SignOutput(dismissed, context={"names": names_in([dismissed])}).data)


@extend_schema(methods=["GET"], operation_id="sessions_burst", responses=BurstStateOutput)
@extend_schema(
    methods=["POST"],
    operation_id="sessions_burst_start",
    request=None,
    responses={201: BurstStateOutput, **conflict("session_not_open", "burst_running")},
)
@api_view(["GET", "POST"])
@permission_classes([IsFaculty])
def session_burst(request: Request, session_id: int) -> Response:
    """POST shows five one-second codes on the projector; GET tells how the latest burst went."""
    session = _own(request, session_id)
    if request.method == "POST":
        started = burst_start(session=session, now=timezone.now(), actor=request_actor(request))
        return Response(_burst_body(started), status=status.HTTP_201_CREATED)
    burst = bursts_of(session_id=session.pk).first()
    if burst is None:
        raise NotFound("no_burst", _("There was no burst of codes in this session."))
    return Response(_burst_body(burst))


def _burst_body(burst: BurstChallenge) -> Any:
    results, void = burst_outcome(burst=burst)
    over = timezone.now() >= over_at(burst)
    state = {
        "id": burst.pk,
        "started_at": burst.started_at,
        "over_at": over_at(burst),
        "is_over": over,
        "is_void": over and void,
        "codes": BURST_CODES,
        "results": [
            {"student_id": one.student_id, "redeemed": one.redeemed, "passed": one.passed}
            for one in results
        ],
    }
    return BurstStateOutput(state).data
