"""E-mail through Django's backend: text and HTML from the templates in `templates/emails/`."""

import smtplib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from apps.notifications.channels.base import Channel, Outcome, Parcel, Result
from apps.notifications.models import Channel as ChannelName
from apps.notifications.rendering import email_bodies

UNCONFIGURED = "django.core.mail.backends.dummy.EmailBackend"


class EmailChannel(Channel):
    """One connection per batch. The Message-ID is the same for every try."""

    name = ChannelName.EMAIL
    may_wake = False

    def is_configured(self) -> bool:
        return bool(settings.EMAIL_BACKEND) and settings.EMAIL_BACKEND != UNCONFIGURED

    def try_many(self, parcels: list[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
        down: Outcome | None = None
        try:
            connection.open()
        except Exception as error:
            down = Outcome(result=Result.DOWN, error=described(error))
        for parcel in parcels:
            outcome = down or self._send(connection, parcel)
            if outcome.result is Result.DOWN:
                down = outcome
            yield parcel, outcome
        with suppress(Exception):  # every letter has its outcome: how it ends is no matter
            connection.close()

    def _send(self, connection: Any, parcel: Parcel) -> Outcome:
        try:
            message = letter(parcel, connection)
            message.send()
        except Exception as error:
            return failure(error)
        return Outcome(result=Result.SENT, provider_id=message.extra_headers["Message-ID"])


def letter(parcel: Parcel, connection: Any = None) -> EmailMultiAlternatives:
    text, html = email_bodies(parcel)
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or "localhost"
    message = EmailMultiAlternatives(
        subject=" ".join(parcel.title.split()),
        body=text,
        to=[parcel.address],
        connection=connection,
        headers={
            "Message-ID": f"<{parcel.tag}@{domain}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday replies
            "Content-Language": parcel.language or settings.LANGUAGE_CODE,
        },
    )
    message.attach_alternative(html, "text/html")
    return message


def described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def failure(error: Exception) -> Outcome:
    """SMTP replies: 4xx may pass later, 5xx is final for this letter (RFC 5321 §4.2.1)."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            result = _of_codes([code for code, _reason in refused.values()])
        case smtplib.SMTPAuthenticationError() | smtplib.SMTPServerDisconnected():
            result = Result.DOWN
        case smtplib.SMTPResponseException(smtp_code=code):
            result = _of_codes([code])
        case ValueError():  # a header or an address that cannot be written
            result = Result.REJECTED
        case OSError():  # SMTPException is one
            result = Result.DOWN
        case _:
            result = Result.RETRY
    return Outcome(result=result, error=described(error))


def _of_codes(codes: list[int]) -> Result:
    return Result.REJECTED if all(code >= 500 for code in codes) else Result.RETRY
