"""Class representatives write to their class; the class reads."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsStudent
from apps.accounts.requests import request_student
from apps.announcements.api.serializers import (
    AnnouncementInput,
    AnnouncementOutput,
    ReceivedOutput,
)
from apps.announcements.models import Announcement
from apps.announcements.selectors import received_by, sent_by
from apps.announcements.services import announcement_send
from apps.audit.actors import request_actor
from apps.common.api import throttle
from apps.common.schema import conflict


@extend_schema(tags=["messages"])
class AnnouncementsView(ListAPIView[Announcement]):
    permission_classes = [IsStudent]
    serializer_class = AnnouncementOutput
    queryset = Announcement.objects.none()  # for the API's description

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return sent_by(student=request_student(self.request))

    def get_throttles(self) -> list[Any]:
        return [throttle("announcement")()] if self.request.method == "POST" else []

    @extend_schema(summary="What I announced, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=AnnouncementInput,
        responses={
            200: AnnouncementOutput,
            201: AnnouncementOutput,
            **conflict("no_class", "no_classmates"),
        },
        summary="Tell my class",
        description="403 not_a_representative. "
        "The same nonce again answers with the first announcement (200).",
    )
    def post(self, request: Request) -> Response:
        data = AnnouncementInput(data=request.data)
        data.is_valid(raise_exception=True)
        announcement, created = announcement_send(
            student=request_student(request),
            now=timezone.now(),
            actor=request_actor(request),
            **data.validated_data,
        )
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(AnnouncementOutput(announcement).data, status=code)


@extend_schema(tags=["messages"], summary="What my class representatives announced")
class ReceivedView(ListAPIView[Announcement]):
    permission_classes = [IsStudent]
    serializer_class = ReceivedOutput
    queryset = Announcement.objects.none()  # for the API's description

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return received_by(user=self.request.user)
