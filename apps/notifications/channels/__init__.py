"""The channels that go out of the house, one object per process and configuration."""

from functools import cache

from django.conf import settings

from apps.notifications.channels.base import Channel
from apps.notifications.channels.email import EmailChannel
from apps.notifications.channels.fcm import FcmChannel
from apps.notifications.channels.sms import sms_channel
from apps.notifications.channels.web_push import WebPushChannel
from apps.notifications.models import Channel as ChannelName

_MAKERS = {
    ChannelName.PUSH: FcmChannel,
    ChannelName.WEB_PUSH: WebPushChannel,
    ChannelName.SMS: sms_channel,
    ChannelName.EMAIL: EmailChannel,
}


@cache
def _made(name: ChannelName, _basis: str) -> Channel:
    return _MAKERS[name]()


def channel(name: str) -> Channel:
    """Made when first needed: connections and threads must not be shared across a fork."""
    basis = {
        ChannelName.PUSH: settings.FCM_CREDENTIALS_FILE,
        ChannelName.SMS: settings.SMS_BACKEND,
    }
    known = ChannelName(name)
    return _made(known, basis.get(known, ""))


def configured() -> list[str]:
    """Names of the channels that this platform can send over."""
    return [name.value for name in _MAKERS if channel(name).is_configured()]
