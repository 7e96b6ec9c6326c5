"""Students enrol and remove their own photos; administrators enrol students who agreed."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsCampusAdmin, IsStudent
from apps.accounts.models import Student
from apps.accounts.requests import request_student
from apps.accounts.selectors import student_by_id
from apps.audit.actors import request_actor
from apps.biometrics.api.photos import request_photo
from apps.biometrics.api.serializers import (
    MetricsInput,
    MetricsOutput,
    PhotoJson,
    PhotoUpload,
    SampleOutput,
)
from apps.biometrics.models import FaceSample
from apps.biometrics.selectors import samples_of, verification_metrics
from apps.biometrics.services import sample_add, sample_remove
from apps.common.api import throttle
from apps.common.errors import NotFound
from apps.common.schema import conflict

UploadThrottle = throttle("face_sample")

add_schema = extend_schema(
    request={"multipart/form-data": PhotoUpload, "application/json": PhotoJson},
    responses={
        201: SampleOutput,
        200: SampleOutput,
        **conflict("too_many_samples"),
    },
    tags=["faces"],
    summary="Enrol with a photo",
    description="The sample is pending until a worker has judged it. The same photo again is 200 "
    "with the first sample. 403 consent_required or face_disabled, 409 too_many_samples, "
    "503 storage_unavailable; a photo that cannot be read is 400 with its reason.",
)


def add_photo(request: Request, student: Student) -> Response:
    """Add the photo of the request to the student's samples."""
    now = timezone.now()
    sample = sample_add(
        student=student, data=request_photo(request), actor=request_actor(request), now=now
    )
    is_new = sample.created_at == now
    code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return Response(SampleOutput(sample).data, status=code)


class MySamplesView(ListAPIView[FaceSample]):
    permission_classes = [IsStudent]
    serializer_class = SampleOutput
    queryset = FaceSample.objects.none()  # read by the schema generator only

    def get_queryset(self) -> QuerySet[FaceSample]:
        return samples_of(student=request_student(self.request))

    def get_throttles(self) -> list[BaseThrottle]:
        return [UploadThrottle()] if self.request.method == "POST" else []

    @extend_schema(tags=["faces"], summary="My photos and how they were judged")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @add_schema
    def post(self, request: Request) -> Response:
        return add_photo(request, request_student(request))


class MySampleView(APIView):
    permission_classes = [IsStudent]

    @extend_schema(
        request=None,
        responses={204: None},
        tags=["faces"],
        summary="Remove one of my photos and what was computed from it",
    )
    def delete(self, request: Request, sample_id: int) -> Response:
        sample = samples_of(student=request_student(request)).filter(pk=sample_id).first()
        if sample is None:
            raise NotFound("no_such_sample", _("There is no such photo."))
        sample_remove(sample=sample, actor=request_actor(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class StudentSamplesView(APIView):
    permission_classes = [IsCampusAdmin]

    @add_schema
    def post(self, request: Request, student_id: int) -> Response:
        return add_photo(request, student_by_id(student_id=student_id))


class MetricsView(APIView):
    permission_classes = [IsCampusAdmin]

    @extend_schema(
        parameters=[MetricsInput],
        responses=MetricsOutput,
        tags=["faces"],
        summary="How verifications went",
    )
    def get(self, request: Request) -> Response:
        data = MetricsInput(data=request.query_params)
        data.is_valid(raise_exception=True)
        since = timezone.now() - timedelta(days=data.validated_data["days"])
        return Response(MetricsOutput(verification_metrics(since=since)).data)
