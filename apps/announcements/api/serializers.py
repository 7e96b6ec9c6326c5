"""Shapes of the announcements API."""

from rest_framework import serializers

from apps.announcements.models import Announcement
from apps.common.fields import MomentField
from apps.common.inputs import Input


class AnnouncementInput(Input):
    title = serializers.CharField(max_length=255)
    message = serializers.CharField(max_length=4000)
    nonce = serializers.CharField(
        max_length=64, help_text="Chosen by the client; the same again is the same announcement."
    )


class AnnouncementOutput(serializers.Serializer[Announcement]):
    id = serializers.IntegerField()
    title = serializers.CharField()
    message = serializers.CharField()
    section = serializers.CharField()
    recipient_count = serializers.IntegerField()
    sent_at = MomentField()
    status = serializers.ChoiceField(choices=Announcement.Status.choices)


class ReceivedOutput(serializers.Serializer[Announcement]):
    """`inbox_id` names the message in `me/notifications`."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    message = serializers.CharField()
    section = serializers.CharField()
    sender = serializers.CharField()
    sent_at = MomentField()
    inbox_id = serializers.UUIDField()
    read_at = MomentField(allow_null=True)
