"""Registers that nobody took: the list of sessions that were never opened."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsTeacherOrOffice
from apps.accounts.requests import request_viewer
from apps.attendance.selectors.not_taken import registers_not_taken_seen
from apps.common.fields import MomentField
from apps.common.lists import IdField, Listing
from apps.sessions.api.serializers import SessionOutput
from apps.sessions.models import ClassSession


class NotTakenQuery(serializers.Serializer[Any]):
    term = IdField(required=False, help_text=_("Another term than the ones under way."))
    course = IdField(required=False)
    faculty = IdField(required=False)
    since = MomentField(required=False)
    ordering = serializers.ChoiceField(choices=["starts_at", "-starts_at"], default="-starts_at")


class NotTakenOutput(SessionOutput):
    """A session that nobody opened, with whose it is."""

    lecturer = serializers.CharField(source="faculty.full_name")

    class Meta(SessionOutput.Meta):
        fields = [*SessionOutput.Meta.fields, "lecturer"]


@extend_schema(tags=["registers"])
class NotTakenView(Listing[ClassSession]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = NotTakenOutput
    query_class = NotTakenQuery
    queryset = ClassSession.objects.none()

    def listed(self, **asked: Any) -> Any:
        viewer = request_viewer(self.request)
        return registers_not_taken_seen(viewer=viewer, now=timezone.now(), **asked)

    @extend_schema(
        operation_id="registers_not_taken",
        parameters=[NotTakenQuery],
        summary="Sessions that nobody opened",
        description="Of the terms under way: a lecturer's own, for the office the whole campus's.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)
