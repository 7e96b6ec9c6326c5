"""What interfaces ask of a request: which sign-in and which browser it came from."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from allauth.headless.tokens.strategies.jwt import internal
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.accounts.requests import request_user
from apps.accounts.services import other_sessions_end
from apps.audit.actors import request_actor
from apps.common.http import client_address
from apps.qr_otp.stamps import LIFETIME, Stamp, Visitor, read_stamp, stamp_text
from apps.signin.bound import is_bound
from apps.signin.selectors import sign_ins_of
from apps.signin.session_keys import stored

SIGN_IN_LENGTH: Final = 16  # hexadecimal digits
MAX_COOKIE: Final = 1500  # characters; longer ones are not ours


def sign_in_of(request: Any) -> str:
    """Names the sign-in behind a request, a browser's session or the one of a phone's tokens; opens
    nothing. "" where there is none: the session of a browser in which nobody is signed in is
    replaced by the sign-in, and names none."""
    if not request.user.is_authenticated:
        return ""
    payload = getattr(request, "auth", None)  # of REST views; a page has a session only
    sid = payload.get("sid") if isinstance(payload, Mapping) else None
    key = internal.session_key_from_sid(sid) if sid else request.session.session_key
    return str(stored(key))[:SIGN_IN_LENGTH] if key else ""


def request_sign_ins(request: HttpRequest, *, now: datetime) -> list[UserSession]:
    """Where the person is signed in, as far as this session may know: see `bound`."""
    user, here_only = request_user(request), is_bound(request.session)
    return sign_ins_of(user=user, now=now, here_only=here_only)


def sign_ins_end(request: HttpRequest, *, now: datetime, only: int | None = None) -> int:
    """End them but for this one, or the one that is named; returns how many ended."""
    return other_sessions_end(
        user=request_user(request),
        session_key=request.session.session_key or "",
        now=now,
        actor=request_actor(request),
        only=only,
        here_only=is_bound(request.session),
    )


# --- The cookie of who opened the link of a code ---------------------------------------------


def request_visitor(request: Any) -> Visitor:
    """The browser of this request, with the nonce of its cookie."""
    return Visitor(
        nonce=_cookie(request)[0],
        sign_in=sign_in_of(request),
        address=client_address(request),
        user_agent=request.headers.get("User-Agent", "")[:500],
    )


def kept_stamp(request: Any) -> Stamp | None:
    """The newest stamp of this browser, as long as its cookie lives."""
    return read_stamp(_cookie(request)[1])


def with_nonce(visitor: Visitor) -> Visitor:
    """The visitor, with a new nonce where the browser has none: its stamps share one."""
    return visitor if visitor.nonce else replace(visitor, nonce=secrets.token_urlsafe(24))


def stamp_keep(
    request: HttpRequest, response: HttpResponse, *, stamp: Stamp, visitor: Visitor
) -> None:
    """Set the cookie without which the stamp is worth nothing."""
    response.set_cookie(
        settings.STAMP_COOKIE_NAME,
        f"{visitor.nonce}.{stamp_text(stamp)}",
        max_age=int(LIFETIME.total_seconds()),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def leave_unnoted(request: HttpRequest) -> None:
    """This request is no sign of a network after a code was shown: it saw the code in time.

    As a redeemed scan, it is nothing against the offline check-in of a phone that lost its network
    right afterwards. Somebody who saw the code in time could have checked in at a higher score.
    """
    request.is_unnoted = True  # type: ignore[attr-defined]


def _cookie(request: Any) -> tuple[str, str]:
    text = request.COOKIES.get(settings.STAMP_COOKIE_NAME, "")
    nonce, _dot, stamp = text.partition(".") if len(text) <= MAX_COOKIE else ("", "", "")
    return nonce, stamp
