"""The plain address for readers and for programs that collect from them."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.decorators import (
    api_view,
    authentication_classes,
    permission_classes,
    throttle_classes,
)
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import throttle
from apps.common.fields import MomentField
from apps.common.inputs import Input, first_words
from apps.terminals.api.authentication import IsTerminal, TerminalAuthentication
from apps.terminals.models import Punch
from apps.terminals.reading import drift_of
from apps.terminals.reasons import PunchReason
from apps.terminals.services.punches import MOST, PunchInput, punches_take


class PunchItemInput(Input):
    """`id` names the punch in this terminal: the same one is counted once."""

    card = serializers.CharField(max_length=200, allow_blank=True)
    at = MomentField(help_text="By the terminal's own clock, with its offset from UTC.")
    id = serializers.CharField(max_length=100)


class OnePunchInput(PunchItemInput):
    sent_at = MomentField(required=False, help_text="The terminal's clock as it sends this.")


class PunchListInput(Input):
    # Each one is read by itself: a broken one must not keep the others from being counted.
    punches = serializers.ListField(child=serializers.JSONField(allow_null=True), max_length=MOST)
    sent_at = MomentField(required=False)


class PunchListSchema(Input):
    punches = serializers.ListField(child=PunchItemInput(), max_length=MOST)
    sent_at = MomentField(required=False, help_text="The terminal's clock as it sends this.")


class PunchOutput(serializers.Serializer):
    """What became of one punch; or, with the status "unread", what is wrong with it."""

    id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=[*Punch.Status.values, "unread"])
    reason = serializers.ChoiceField(choices=[*PunchReason.values, ""])
    detail = serializers.CharField()


class PunchListOutput(serializers.Serializer):
    results = PunchOutput(many=True)
    drift_seconds = serializers.IntegerField(
        allow_null=True, help_text="How far the terminal's clock is ahead, where it said its time."
    )


@extend_schema(
    operation_id="terminals_punches",
    request=PolymorphicProxySerializer(
        component_name="Punches",
        serializers=[OnePunchInput, PunchListSchema],
        resource_type_field_name=None,
    ),
    responses={200: PunchListOutput},
)
@api_view(["POST"])
@authentication_classes([TerminalAuthentication])
@permission_classes([IsTerminal])
@throttle_classes([throttle("terminal")])
def punches(request: Request) -> Response:
    """What a terminal has read: one punch, or up to 500 in `punches`, in any order.

    Every punch is kept, whatever it comes to, and may be sent again: its answer then says what
    became of it meanwhile. An empty list says that the terminal is alive, and what time it has.
    """
    items, sent_at = _read(request.data)
    read = [_item(item) for item in items]
    now = timezone.now()
    good = [one for one in read if isinstance(one, PunchInput)]
    terminal: Any = request.auth  # `IsTerminal` has seen to that
    rows = iter(punches_take(terminal=terminal, punches=good, now=now, sent_at=sent_at))
    results = [
        _output(next(rows)) if isinstance(one, PunchInput) else _unread(item, one)
        for item, one in zip(items, read, strict=True)
    ]
    drift = drift_of(sent_at, now=now)
    return Response(PunchListOutput({"results": results, "drift_seconds": drift}).data)


def _read(body: Any) -> tuple[list[Any], Any]:
    if isinstance(body, dict) and "punches" not in body:
        one = OnePunchInput(data=body)
        one.is_valid(raise_exception=True)
        item = {name: body[name] for name in ("card", "at", "id")}
        return [item], one.validated_data.get("sent_at")
    many = PunchListInput(data=body)
    many.is_valid(raise_exception=True)
    return many.validated_data["punches"], many.validated_data.get("sent_at")


def _item(item: Any) -> PunchInput | ValidationError:
    try:
        read = PunchItemInput().run_validation(item)
    except ValidationError as error:
        return error
    return PunchInput(key=read["id"], card=read["card"], read_at=read["at"])


def _output(row: Punch) -> dict[str, Any]:
    detail = row.get_reason_display() if row.reason else row.get_status_display()
    return {"id": row.key, "status": row.status, "reason": row.reason, "detail": str(detail)}


def _unread(item: Any, error: Any) -> dict[str, Any]:
    key = item.get("id") if isinstance(item, dict) else None
    return {
        "id": key if isinstance(key, str) else None,
        "status": "unread",
        "reason": "",
        "detail": _("Not kept: %(problem)s") % {"problem": first_words(error.detail)},
    }
