"""Lecturer endpoints of findings: look, search again, dismiss; and of rapid-code challenges."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsFaculty
from apps.accounts.requests import request_faculty
from apps.audit.actors import request_actor
from apps.checkin.models import CHALLENGE_CODES, RapidCodeChallenge
from apps.checkin.selectors.rapid_codes import challenges_of
from apps.checkin.services.rapid_codes import challenge_outcome, over_at
from apps.common.errors import NotFound
from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.common.schema import conflict
from apps.integrity.models import Finding
from apps.integrity.selectors import finding_of, findings_in
from apps.integrity.services.findings import finding_dismiss, findings_find
from apps.integrity.services.rapid_codes import challenge_start
from apps.integrity.wording import names_in, wording
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_of


class FindingOutput(serializers.ModelSerializer[Finding]):
    name = serializers.CharField(source="get_kind_display")
    text = serializers.SerializerMethodField(
        help_text="A fact with its figures, never a judgement."
    )
    weight = serializers.FloatField(source="score", help_text="1 is a flag by itself.")

    class Meta:
        model = Finding
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

    def get_text(self, finding: Finding) -> str:
        return wording(finding, self.context["names"])


class StudentFindingsOutput(serializers.Serializer[Any]):
    """A student with what was noticed. `flagged`: look at it, and talk to the student."""

    student_id = serializers.IntegerField(source="student.pk")
    code = serializers.CharField(source="student.code")
    name = serializers.CharField(source="student.full_name")
    flagged = serializers.BooleanField()
    findings = FindingOutput(many=True)


class DismissInput(Input):
    note = serializers.CharField(max_length=500)


class RapidCodeChallengeOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    started_at = MomentField()
    over_at = MomentField()
    is_over = serializers.BooleanField()
    is_void = serializers.BooleanField(help_text="Fewer than half passed: it says nothing.")
    codes = serializers.IntegerField()
    results = serializers.ListField(child=serializers.DictField())


def _own(request: Request, session_id: int) -> ClassSession:
    return session_of(faculty=request_faculty(request), session_id=session_id)


def _findings_body(session: ClassSession) -> Any:
    found = findings_in(session_id=session.pk)
    names = names_in(finding for one in found for finding in one.findings)
    return StudentFindingsOutput(found, many=True, context={"names": names}).data


@extend_schema(
    methods=["GET"], operation_id="sessions_findings", responses=StudentFindingsOutput(many=True)
)
@extend_schema(
    methods=["POST"],
    operation_id="sessions_findings_find",
    request=None,
    responses=StudentFindingsOutput(many=True),
)
@api_view(["GET", "POST"])
@permission_classes([IsFaculty])
def session_findings(request: Request, session_id: int) -> Response:
    """What was noticed in this session, flagged students first. POST looks again, now."""
    session = _own(request, session_id)
    if request.method == "POST":
        findings_find(session=session, now=timezone.now())
    return Response(_findings_body(session))


@extend_schema(
    operation_id="sessions_findings_dismiss",
    request=DismissInput,
    responses={200: FindingOutput, **conflict("already_dismissed")},
)
@api_view(["POST"])
@permission_classes([IsFaculty])
def session_finding_dismiss(request: Request, session_id: int, finding_id: int) -> Response:
    """The lecturer has looked, and it was nothing: the finding stays, without weight."""
    data = DismissInput(data=request.data)
    finding = finding_of(session=_own(request, session_id), finding_id=finding_id)
    data.is_valid(raise_exception=True)
    dismissed = finding_dismiss(
        finding=finding,
        note=data.validated_data["note"],
        now=timezone.now(),
        actor=request_actor(request),
    )
    return Response(FindingOutput(dismissed, context={"names": names_in([dismissed])}).data)


@extend_schema(
    methods=["GET"], operation_id="sessions_rapid_codes", responses=RapidCodeChallengeOutput
)
@extend_schema(
    methods=["POST"],
    operation_id="sessions_rapid_codes_start",
    request=None,
    responses={201: RapidCodeChallengeOutput, **conflict("session_not_open", "challenge_running")},
)
@api_view(["GET", "POST"])
@permission_classes([IsFaculty])
def session_rapid_codes(request: Request, session_id: int) -> Response:
    """POST shows five one-second codes on the projector; GET tells how the latest one went."""
    session = _own(request, session_id)
    if request.method == "POST":
        started = challenge_start(session=session, now=timezone.now(), actor=request_actor(request))
        return Response(_challenge_body(started), status=status.HTTP_201_CREATED)
    challenge = challenges_of(session_id=session.pk).first()
    if challenge is None:
        raise NotFound("no_challenge", _("There was no rapid-code challenge in this session."))
    return Response(_challenge_body(challenge))


def _challenge_body(challenge: RapidCodeChallenge) -> Any:
    results, void = challenge_outcome(challenge=challenge)
    over = timezone.now() >= over_at(challenge)
    state = {
        "id": challenge.pk,
        "started_at": challenge.started_at,
        "over_at": over_at(challenge),
        "is_over": over,
        "is_void": over and void,
        "codes": CHALLENGE_CODES,
        "results": [
            {"student_id": one.student_id, "redeemed": one.redeemed, "passed": one.passed}
            for one in results
        ],
    }
    return RapidCodeChallengeOutput(state).data
