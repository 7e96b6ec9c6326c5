"""Short messages. Backends are chosen like Django's for e-mail: `SMS_BACKEND` is a dotted path.

Twilio's one request: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message
"""

import base64
import sys
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.utils.module_loading import import_string

from apps.common.http import HttpAnswer
from apps.notifications.channels.base import (
    Channel,
    HttpChannel,
    OutgoingMessage,
    SendResult,
    SendStatus,
    temporary,
)
from apps.notifications.models import Channel as ChannelName

LONGEST: Final = 480  # characters: three parts of 160
# Error codes that blame the number or the text, whatever the status: twilio.com/docs/api/errors
OF_ONE_MESSAGE: Final = range(21_000, 22_000)


def text_of(outgoing: OutgoingMessage) -> str:
    text = f"{outgoing.title}\n{outgoing.body}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


class TwilioBackend(HttpChannel):
    """Settings TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM, TWILIO_URL.

    TWILIO_FROM is a number, or the id of a messaging service (MG…).
    """

    name = ChannelName.SMS
    # Twilio offers no key that would make a second request harmless, and each one costs money.
    repeatable = False

    def __init__(self) -> None:
        super().__init__(
            concurrency=settings.NOTIFICATIONS["SMS_CONCURRENCY"],
            origins=lambda: [settings.TWILIO_URL],
        )

    def is_configured(self) -> bool:
        return bool(settings.TWILIO_ACCOUNT_SID and settings.TWILIO_FROM)

    def send(self, outgoing: OutgoingMessage) -> SendResult:
        sid, sender = settings.TWILIO_ACCOUNT_SID, settings.TWILIO_FROM
        origin = "MessagingServiceSid" if sender.startswith("MG") else "From"
        base = settings.TWILIO_URL.rstrip("/")
        pair = base64.b64encode(f"{sid}:{settings.TWILIO_AUTH_TOKEN}".encode()).decode()
        answer = self.http.post_form(
            f"{base}/2010-04-01/Accounts/{quote(sid, safe='')}/Messages.json",
            {"To": outgoing.address, origin: sender, "Body": text_of(outgoing)},
            {"Authorization": f"Basic {pair}"},
        )
        if answer.status != 201:
            return self._refusal(answer)
        number = answer.object().get("sid")
        if not isinstance(number, str):
            return self.odd("201 without a sid")
        return SendResult(status=SendStatus.SENT, provider_id=number)

    @staticmethod
    def _refusal(answer: HttpAnswer) -> SendResult:
        said = answer.object()
        code = said.get("code", "")
        text = f"{answer.status} {code}: {said.get('message', '')}"
        if answer.status == 429 or answer.status >= 500:
            return temporary(answer, text)
        about_message = isinstance(code, int) and code in OF_ONE_MESSAGE
        if answer.status in (401, 403) and not about_message:  # the operator's to mend
            return SendResult(status=SendStatus.DOWN, error=text)
        return SendResult(status=SendStatus.REJECTED, error=text)


class ConsoleBackend(Channel):
    """Writes each message to the standard output: for trying things out."""

    name = ChannelName.SMS

    def is_configured(self) -> bool:
        return True

    def try_many(
        self, messages: list[OutgoingMessage]
    ) -> Iterator[tuple[OutgoingMessage, SendResult]]:
        for outgoing in messages:
            sys.stdout.write(f"SMS to {outgoing.address}\n{text_of(outgoing)}\n{'-' * 40}\n")
            yield (
                outgoing,
                SendResult(status=SendStatus.SENT, provider_id=f"console-{outgoing.tag}"),
            )


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
