"""Everybody's own messages, devices and preferences; and the history for those who run the outbox.

Endpoints without `permission_classes` are for every member of the campus (the project's default).
"""

from typing import Any

from django.utils import timezone
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit.actors import request_actor
from apps.common.api import Pages
from apps.notifications import selectors, services
from apps.notifications.api.permissions import RunsTheOutbox
from apps.notifications.api.serializers import (
    HistoryOutput,
    InboxOutput,
    PreferencesInput,
    PreferencesOutput,
    PushTokenInput,
    PushTokensOutput,
    ReadInput,
    ReadOutput,
)
from apps.notifications.message_types import MESSAGE_TYPES


class InboxPages(Pages):
    """Pages that also say how many messages are unread."""

    def get_paginated_response_schema(self, schema: Any) -> Any:
        described = super().get_paginated_response_schema(schema)
        described["properties"]["unread"] = {"type": "integer"}
        described["required"].append("unread")
        return described


class PushTokensView(APIView):
    @extend_schema(responses=PushTokensOutput, tags=["messages"], summary="Where push reaches me")
    def get(self, request: Request) -> Response:
        return Response(self._devices(request))

    @extend_schema(
        request=PushTokenInput,
        responses={200: PushTokensOutput, 201: PushTokensOutput},
        tags=["messages"],
        summary="Send push to this device",
        description="One token per kind of device: a new one replaces the old (200). "
        "400 bad_subscription for browsers whose endpoint or keys are not sound.",
    )
    def post(self, request: Request) -> Response:
        data = PushTokenInput(data=request.data)
        data.is_valid(raise_exception=True)
        keys = data.validated_data.get("keys")
        created = services.push_token_register(
            user=request.user,
            device_type=data.validated_data["device_type"],
            token=data.validated_data["token"],
            keys=services.WebPushKeys(**keys) if keys else None,
            now=timezone.now(),
            actor=request_actor(request),
        )
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(self._devices(request), status=code)

    @staticmethod
    def _devices(request: Request) -> dict[str, Any]:
        devices = selectors.push_tokens(user=request.user)
        return dict(PushTokensOutput({"devices": devices}).data)


class PushTokenView(APIView):
    @extend_schema(
        request=None, responses={204: None}, tags=["messages"], summary="No push to it any more"
    )
    def delete(self, request: Request, device_type: str) -> Response:
        services.push_token_forget(
            user=request.user,
            device_type=device_type,
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class InboxView(APIView):
    pagination_class = InboxPages

    @extend_schema(
        responses=InboxOutput(many=True),
        tags=["messages"],
        summary="My messages, newest first",
    )
    def get(self, request: Request) -> Response:
        pages = InboxPages()
        rows = pages.paginate_queryset(selectors.inbox(user=request.user), request, view=self)
        language = getattr(request.user, "language", "") or get_language()
        shown = InboxOutput(rows, many=True, context={"language": language})
        answer = pages.get_paginated_response(shown.data)
        answer.data["unread"] = selectors.unread_count(user=request.user)
        return answer


class InboxReadView(APIView):
    @extend_schema(
        request=ReadInput, responses=ReadOutput, tags=["messages"], summary="I have read these"
    )
    def post(self, request: Request) -> Response:
        data = ReadInput(data=request.data)
        data.is_valid(raise_exception=True)
        marked = services.mark_read(
            user=request.user, message_ids=data.validated_data.get("ids"), now=timezone.now()
        )
        unread = selectors.unread_count(user=request.user)
        return Response(ReadOutput({"marked": marked, "unread": unread}).data)


class PreferencesView(APIView):
    @extend_schema(responses=PreferencesOutput, tags=["messages"], summary="What I hear, and where")
    def get(self, request: Request) -> Response:
        return Response(self._shown(request))

    @extend_schema(
        request=PreferencesInput,
        responses=PreferencesOutput,
        tags=["messages"],
        summary="Choose what I hear, and where",
        description="400 unknown_kind, unknown_channel, empty_quiet_hours.",
    )
    def put(self, request: Request) -> Response:
        data = PreferencesInput(data=request.data)
        data.is_valid(raise_exception=True)
        hours = data.validated_data["quiet_hours"]
        services.preferences_set(
            user=request.user,
            choices={row["kind"]: row["channels"] for row in data.validated_data["kinds"]},
            quiet_hours=(hours["starts_at"], hours["ends_at"]) if hours else None,
        )
        return Response(self._shown(request))

    @staticmethod
    def _shown(request: Request) -> dict[str, Any]:
        choices = selectors.choices_of(user=request.user)
        kinds = [
            {"kind": code, "label": MESSAGE_TYPES[code].label, "channels": channels}
            for code, channels in choices.kinds.items()
        ]
        shape = {"kinds": kinds, "quiet_hours": choices.quiet_hours}
        return dict(PreferencesOutput(shape).data)


class HistoryView(APIView):
    permission_classes = [RunsTheOutbox]
    pagination_class = Pages

    @extend_schema(
        responses=HistoryOutput(many=True),
        tags=["messages"],
        summary="What was sent on this campus, newest first",
    )
    def get(self, request: Request) -> Response:
        pages = Pages()
        rows = pages.paginate_queryset(selectors.history(), request, view=self)
        return pages.get_paginated_response(HistoryOutput(rows, many=True).data)
