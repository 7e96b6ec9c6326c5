"""Browsers and apps that signed in to an account before, remembered by a signed cookie.

It opens nothing. A guess with it counts for that device alone, so that strangers cannot use
up the tries of the owner.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

MAX_AGE: Final = 400 * 24 * 3600  # browsers keep cookies no longer
MOST_ACCOUNTS: Final = 10  # of one browser: computers in a hall have many owners
_SIGNER: Final = TimestampSigner(salt="accounts.known_devices")


@dataclass(frozen=True)
class KnownDevice:
    """A random name, and marks of the accounts that signed in there, newest last."""

    name: str
    marks: tuple[str, ...] = ()

    def knows(self, account: str) -> bool:
        return mark_of(account) in self.marks

    def with_account(self, account: str) -> "KnownDevice":
        others = tuple(mark for mark in self.marks if mark != mark_of(account))
        return KnownDevice(self.name, (*others, mark_of(account))[-MOST_ACCOUNTS:])


def mark_of(account: str) -> str:
    """Says nothing about the account to who reads the cookie."""
    return salted_hmac("accounts.known_devices.mark", account).hexdigest()[:16]


def device_of_request(request: HttpRequest) -> KnownDevice | None:
    """The device that the cookie names; None without a genuine one."""
    try:
        text = _SIGNER.unsign(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), max_age=MAX_AGE)
    except BadSignature:
        return None
    name, *marks = text.split(".")
    return KnownDevice(name, tuple(marks))


def device_remember(request: HttpRequest, *, account: str) -> None:
    """Have the middleware write the cookie with this request's answer."""
    device = device_of_request(request) or KnownDevice(secrets.token_urlsafe(16))
    request._device_to_remember = device.with_account(account)  # type: ignore[attr-defined]


def cookie_write(request: HttpRequest, response: HttpResponse) -> None:
    device: KnownDevice | None = getattr(request, "_device_to_remember", None)
    if device is None:
        return
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        _SIGNER.sign(".".join((device.name, *device.marks))),
        max_age=MAX_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
