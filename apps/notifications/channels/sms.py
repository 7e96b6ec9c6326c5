"""Short messages. Backends are chosen like Django's for e-mail: `SMS_BACKEND` is a dotted path.

Twilio's one request: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message
"""

import sys
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import urllib3
from django.conf import settings
from django.utils.module_loading import import_string

from apps.notifications.channels.base import (
    Channel,
    HttpChannel,
    Outcome,
    Parcel,
    Result,
    temporary,
)
from apps.notifications.models import Channel as ChannelName

LONGEST: Final = 480  # characters: three parts of 160


def text_of(parcel: Parcel) -> str:
    text = f"{parcel.title}\n{parcel.body}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


class TwilioBackend(HttpChannel):
    """Settings TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM, TWILIO_URL.

    TWILIO_FROM is a number, or the id of a messaging service (MG…).
    """

    name = ChannelName.SMS
    # Twilio offers no key that would make a second request harmless, and each one costs money.
    repeatable = False

    def __init__(self) -> None:
        super().__init__(concurrency=settings.NOTIFICATIONS["SMS_CONCURRENCY"])

    def is_configured(self) -> bool:
        return bool(settings.TWILIO_ACCOUNT_SID and settings.TWILIO_FROM)

    def send(self, parcel: Parcel) -> Outcome:
        sid, sender = settings.TWILIO_ACCOUNT_SID, settings.TWILIO_FROM
        origin = "MessagingServiceSid" if sender.startswith("MG") else "From"
        base = settings.TWILIO_URL.rstrip("/")
        response = self.http.request_encode_body(
            "POST",
            f"{base}/2010-04-01/Accounts/{quote(sid, safe='')}/Messages.json",
            fields={"To": parcel.address, origin: sender, "Body": text_of(parcel)},
            headers=urllib3.make_headers(basic_auth=f"{sid}:{settings.TWILIO_AUTH_TOKEN}"),
            encode_multipart=False,
        )
        if response.status == 201:
            return Outcome(result=Result.SENT, provider_id=response.json()["sid"])
        return self._refusal(response)

    @staticmethod
    def _refusal(response: Any) -> Outcome:
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        text = f"{response.status} {answer.get('code', '')}: {answer.get('message', '')}"[:300]
        if response.status == 429 or response.status >= 500:
            return temporary(response, text)
        if response.status in (401, 403):  # the operator's to mend
            return Outcome(result=Result.DOWN, error=text)
        return Outcome(result=Result.REJECTED, error=text)


class ConsoleBackend(Channel):
    """Writes each message to the standard output: for trying things out."""

    name = ChannelName.SMS

    def is_configured(self) -> bool:
        return True

    def send_many(self, parcels: list[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        for parcel in parcels:
            sys.stdout.write(f"SMS to {parcel.address}\n{text_of(parcel)}\n{'-' * 40}\n")
            yield parcel, Outcome(result=Result.SENT, provider_id=f"console-{parcel.tag}")


class NoBackend(Channel):
    """Where `SMS_BACKEND` is empty: no short messages."""

    name = ChannelName.SMS

    def is_configured(self) -> bool:
        return False


def sms_channel() -> Channel:
    backend: Channel = (
        import_string(settings.SMS_BACKEND)() if settings.SMS_BACKEND else NoBackend()
    )
    return backend
