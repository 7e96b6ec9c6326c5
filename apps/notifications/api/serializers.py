"""Shapes of the messages API."""

from typing import Any

from rest_framework import serializers

from apps.common.fields import ClockField, MomentField
from apps.common.inputs import Input
from apps.notifications.channels.web_push import public_key
from apps.notifications.models import Channel, Delivery, DeviceType, Message, PushToken
from apps.notifications.rendering import in_language


class KeysInput(Input):
    p256dh = serializers.CharField(max_length=88)
    auth = serializers.CharField(max_length=24)


class PushTokenInput(Input):
    device_type = serializers.ChoiceField(choices=DeviceType.choices)
    token = serializers.CharField(
        max_length=1024, help_text="FCM registration token; for browsers the endpoint."
    )
    keys = KeysInput(required=False, allow_null=True, help_text="Browsers only.")


class PushTokenOutput(serializers.ModelSerializer[PushToken]):
    class Meta:
        model = PushToken
        fields = ["device_type", "created_at", "updated_at"]


class PushTokensOutput(serializers.Serializer[Any]):
    web_push_key = serializers.SerializerMethodField(
        help_text="`applicationServerKey` of browsers; empty where web push is not set up."
    )
    devices = PushTokenOutput(many=True)

    def get_web_push_key(self, _row: Any) -> str:
        return public_key()


class InboxOutput(serializers.Serializer[Any]):
    """A message as its reader sees it; `id` names it for marking it read."""

    id = serializers.UUIDField(source="message_id")
    kind = serializers.CharField(source="message.kind")
    title = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()
    data = serializers.JSONField(source="message.data")  # type: ignore[assignment]
    created_at = MomentField()
    read_at = MomentField(allow_null=True)

    def get_title(self, row: Delivery) -> str:
        return self._text(row.message)[0]

    def get_body(self, row: Delivery) -> str:
        return self._text(row.message)[1]

    def _text(self, message: Message) -> tuple[str, str]:
        return in_language(
            kind=message.kind,
            title=message.title,
            body=message.body,
            data=message.data,
            language=self.context["language"],
        )


class ReadInput(Input):
    ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=200,
        help_text="Left out: all.",
    )


class ReadOutput(serializers.Serializer[Any]):
    marked = serializers.IntegerField()
    unread = serializers.IntegerField()


class QuietHoursShape(Input):
    """On the campus's clock; may span midnight."""

    starts_at = ClockField()
    ends_at = ClockField()


class MessageTypeShape(serializers.Serializer[Any]):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    channels = serializers.DictField(child=serializers.BooleanField())


class PreferencesOutput(serializers.Serializer[Any]):
    kinds = MessageTypeShape(many=True)
    quiet_hours = QuietHoursShape(allow_null=True)


class ChoiceInput(Input):
    kind = serializers.CharField(max_length=40)
    channels = serializers.DictField(
        child=serializers.BooleanField(),
        help_text=f"Of {', '.join(name for name in Channel.values if name != Channel.INBOX)}.",
    )


class PreferencesInput(Input):
    """Replaces everything: kinds and channels that are left out have the defaults again."""

    kinds = ChoiceInput(many=True)
    quiet_hours = QuietHoursShape(allow_null=True)


class HistoryOutput(serializers.Serializer[Any]):
    """What was sent. `people` heard it; the counts are deliveries outside the inbox."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    sender = serializers.CharField(allow_null=True)
    created_at = MomentField()
    people = serializers.IntegerField()
    sent = serializers.IntegerField()
    open = serializers.IntegerField()
    dead = serializers.IntegerField()
