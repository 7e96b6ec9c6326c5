"""E-mail through Django's backend: text and HTML from the templates in `templates/emails/`."""

import smtplib
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from apps.notifications.channels.base import Channel, OutgoingMessage, SendResult, SendStatus
from apps.notifications.models import Channel as ChannelName
from apps.notifications.rendering import email_bodies

UNCONFIGURED = "django.core.mail.backends.dummy.EmailBackend"
SLOW = "The mail server is slow."
TOO_LARGE = 552  # said when the sender is named, yet about this e-mail (RFC 1870 §6.2)


class EmailChannel(Channel):
    """One connection per batch. The Message-ID is the same for every try.

    What a slow server has not taken in half the time of the lease is tried again later: another
    worker would take the batch over and send all of it a second time.
    """

    name = ChannelName.EMAIL
    bypasses_quiet_hours = True

    def is_configured(self) -> bool:
        return bool(settings.EMAIL_BACKEND) and settings.EMAIL_BACKEND != UNCONFIGURED

    def try_many(
        self, messages: list[OutgoingMessage]
    ) -> Iterator[tuple[OutgoingMessage, SendResult]]:
        connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
        ends = time.monotonic() + settings.NOTIFICATIONS["LEASE_SECONDS"] / 2
        rest: SendResult | None = None
        try:
            connection.open()
        except Exception as error:
            rest = SendResult(status=SendStatus.DOWN, error=described(error))
        for outgoing in messages:
            send_result = rest or self._send(connection, outgoing)
            if send_result.status is SendStatus.DOWN:
                rest = send_result
            elif time.monotonic() > ends:
                rest = SendResult(status=SendStatus.RETRY, error=SLOW)
            yield outgoing, send_result
        with suppress(Exception):  # every e-mail has its result already
            connection.close()

    def _send(self, connection: Any, outgoing: OutgoingMessage) -> SendResult:
        try:
            message = email_message(outgoing, connection)
            message.send()
        except Exception as error:
            return failure(error)
        return SendResult(status=SendStatus.SENT, provider_id=message.extra_headers["Message-ID"])


def email_message(outgoing: OutgoingMessage, connection: Any = None) -> EmailMultiAlternatives:
    text, html = email_bodies(outgoing)
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or "localhost"
    message = EmailMultiAlternatives(
        subject=" ".join(outgoing.title.split()),
        body=text,
        to=[outgoing.address],
        connection=connection,
        headers={
            "Message-ID": f"<{outgoing.tag}@{domain}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday replies
            "Content-Language": outgoing.language or settings.LANGUAGE_CODE,
        },
    )
    message.attach_alternative(html, "text/html")
    return message


def described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def failure(error: Exception) -> SendResult:
    """SMTP replies: 4xx may pass later, 5xx is final for this e-mail (RFC 5321 §4.2.1)."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            status = _of_codes([code for code, _reason in refused.values()])
        case smtplib.SMTPAuthenticationError() | smtplib.SMTPServerDisconnected():
            status = SendStatus.DOWN
        case smtplib.SMTPSenderRefused(smtp_code=code) if code >= 500 and code != TOO_LARGE:
            status = SendStatus.DOWN  # the operator's to mend, as wrong credentials are
        case smtplib.SMTPResponseException(smtp_code=code):
            status = _of_codes([code])
        case ValueError():  # a header or an address that cannot be written
            status = SendStatus.REJECTED
        case OSError():  # SMTPException is one
            status = SendStatus.DOWN
        case _:
            status = SendStatus.RETRY
    return SendResult(status=status, error=described(error))


def _of_codes(codes: list[int]) -> SendStatus:
    return SendStatus.REJECTED if all(code >= 500 for code in codes) else SendStatus.RETRY
