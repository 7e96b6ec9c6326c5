"""Reading codes: what is shown now, and whether a scanned one is right."""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.cache import cache

from apps.common.crypto import seal, unseal
from apps.qr_otp import tokens
from apps.qr_otp.models import QrSecret
from apps.tenants.scope import current_campus_id

QR_SEAL: Final = "qr-secret"
CACHE_SECONDS: Final = 3600


@dataclass(frozen=True, kw_only=True)
class ShownCode:
    """What a projector shows now. Later codes are never computed."""

    token: str
    text: str
    window: int
    expires_in_ms: int
    period_ms: int = tokens.QR_PERIOD * 1000


@dataclass(frozen=True, kw_only=True)
class Check:
    """Outcome of looking at one scanned or typed code.

    `problem` is "" when it is right, else "malformed", "forged", "expired" or "wrong".
    `delay_ms` counts from the start of the code's window, by the server's clock.
    """

    problem: str
    subject: str = ""
    window: int | None = None
    delay_ms: int | None = None

    @property
    def right(self) -> bool:
        return not self.problem


def secret_cache_key(purpose: str, subject: str) -> str:
    return f"qr:{current_campus_id()}:{purpose}:{subject}"


def live_secret(*, purpose: str, subject: str) -> bytes | None:
    """The secret of a subject whose code has not ended, or None.

    Cached sealed: the cache never holds a secret in clear, and when it is empty the secret comes
    from PostgreSQL again.
    """
    key = secret_cache_key(purpose, subject)
    sealed = cache.get(key)
    if sealed is None:
        row = QrSecret.objects.filter(
            purpose=purpose, subject=subject, ended_at__isnull=True
        ).first()
        if row is None:
            return None
        sealed = base64.b64encode(bytes(row.sealed_secret)).decode()
        cache.set(key, sealed, CACHE_SECONDS)
    return unseal(QR_SEAL, current_campus_id(), base64.b64decode(sealed), context=subject.encode())


def sealed_secret(secret: bytes, *, subject: str) -> bytes:
    return seal(QR_SEAL, current_campus_id(), secret, context=subject.encode())


def shown_code(*, purpose: str, subject: str, now: datetime) -> ShownCode | None:
    """The codes to show at `now`, or None when the subject's code has ended."""
    secret = live_secret(purpose=purpose, subject=subject)
    if secret is None:
        return None
    window = tokens.window_at(now)
    campus_id = current_campus_id()
    return ShownCode(
        token=tokens.token_text(
            secret, campus_id=campus_id, purpose=purpose, subject=subject, window=window
        ),
        text=tokens.short_text(
            secret,
            campus_id=campus_id,
            purpose=purpose,
            subject=subject,
            window=tokens.window_at(now, period=tokens.TEXT_PERIOD),
        ),
        window=window,
        expires_in_ms=tokens.QR_PERIOD * 1000 - tokens.age_ms(now, window),
    )


def check_token(*, purpose: str, text: str, now: datetime) -> Check:
    """Whether a scanned text is the current or the previous code of a live subject."""
    try:
        token = tokens.parse_token(text)
    except tokens.Malformed:
        return Check(problem="malformed")
    if token.campus_id != current_campus_id():
        return Check(problem="forged")
    secret = live_secret(purpose=purpose, subject=token.subject)
    if secret is None:
        return Check(problem="expired", subject=token.subject, window=token.window)
    expected = tokens.token_mac(
        secret,
        campus_id=token.campus_id,
        purpose=purpose,
        subject=token.subject,
        window=token.window,
    )
    if not hmac.compare_digest(expected, token.mac):
        return Check(problem="forged", subject=token.subject, window=token.window)
    delay = tokens.age_ms(now, token.window)
    problem = "" if 0 <= tokens.window_at(now) - token.window <= tokens.QR_GRACE else "expired"
    return Check(problem=problem, subject=token.subject, window=token.window, delay_ms=delay)


def check_text(*, purpose: str, subject: str, typed: str, now: datetime) -> Check:
    """Whether a typed text code is the current or the previous one of this subject."""
    secret = live_secret(purpose=purpose, subject=subject)
    if secret is None:
        return Check(problem="expired", subject=subject)
    current = tokens.window_at(now, period=tokens.TEXT_PERIOD)
    code = tokens.normal_text(typed).encode()
    for window in range(current, current - tokens.TEXT_GRACE - 1, -1):
        expected = tokens.short_text(
            secret,
            campus_id=current_campus_id(),
            purpose=purpose,
            subject=subject,
            window=window,
        )
        if hmac.compare_digest(expected.encode(), code):
            delay = tokens.age_ms(now, window, period=tokens.TEXT_PERIOD)
            return Check(problem="", subject=subject, window=window, delay_ms=delay)
    return Check(problem="wrong", subject=subject)
