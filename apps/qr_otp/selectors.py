"""Reading codes: what is shown now, and whether a scanned one is right."""

import base64
import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from django.core.cache import cache
from django.db.models import Q

from apps.common.cache import invalidate
from apps.common.crypto import seal, unseal
from apps.qr_otp import tokens
from apps.qr_otp.models import QrSecret
from apps.qr_otp.problems import Problem
from apps.tenants.scope import current_campus_id

QR_SEAL: Final = "qr-secret"
CACHE_SECONDS: Final = 3600


@dataclass(frozen=True, kw_only=True)
class ShownCode:
    """What a projector shows now. Later codes are never computed.

    `text_expires_in_ms`: until the typed code changes, which stands longer than the scanned one;
    None where there is none.
    """

    token: str
    text: str
    window: int
    expires_in_ms: int
    period_ms: int = tokens.QR_PERIOD * 1000
    text_expires_in_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """Outcome of looking at one scanned or typed code.

    `delay_ms` counts from the start of the code's window, by the server's clock.
    """

    problem: Problem
    subject: str = ""
    window: int | None = None
    delay_ms: int | None = None

    @property
    def right(self) -> bool:
        return not self.problem


class SecretOf(Protocol):
    def __call__(self, *, purpose: str, subject: str) -> bytes | None: ...


def secret_cache_key(purpose: str, subject: str) -> str:
    return f"qr:{current_campus_id()}:{purpose}:{subject}"


def secret_forget(secret: QrSecret) -> None:
    """It is cached sealed: under a key that is no more in force."""
    invalidate(secret_cache_key(secret.purpose, secret.subject))


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
    return unsealed_secret(base64.b64decode(sealed), subject=subject)


def kept_secret(*, purpose: str, subject: str, ended_after: datetime) -> bytes | None:
    """The secret of a subject whose code lives, or ended after that moment; from PostgreSQL."""
    lives = Q(ended_at__isnull=True) | Q(ended_at__gte=ended_after)
    row = QrSecret.objects.filter(lives, purpose=purpose, subject=subject).first()
    return unsealed_secret(bytes(row.sealed_secret), subject=subject) if row else None


def unsealed_secret(sealed: bytes, *, subject: str) -> bytes:
    return unseal(QR_SEAL, current_campus_id(), sealed, context=subject.encode())


def sealed_secret(secret: bytes, *, subject: str) -> bytes:
    return seal(QR_SEAL, current_campus_id(), secret, context=subject.encode())


def shown_code(*, purpose: str, subject: str, now: datetime) -> ShownCode | None:
    """The codes to show at `now`, or None when the subject's code has ended."""
    secret = live_secret(purpose=purpose, subject=subject)
    if secret is None:
        return None
    window = tokens.window_at(now)
    text_window = tokens.window_at(now, period=tokens.TEXT_PERIOD)
    text_age = tokens.age_ms(now, text_window, period=tokens.TEXT_PERIOD)
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
            window=text_window,
        ),
        window=window,
        expires_in_ms=tokens.QR_PERIOD * 1000 - tokens.age_ms(now, window),
        text_expires_in_ms=tokens.TEXT_PERIOD * 1000 - text_age,
    )


def shown_rapid_code(*, purpose: str, subject: str, now: datetime) -> ShownCode | None:
    """The one-second code of a challenge at `now`, or None when the subject's code has ended."""
    secret = live_secret(purpose=purpose, subject=subject)
    if secret is None:
        return None
    window = tokens.window_at(now, period=tokens.RAPID_PERIOD)
    period_ms = tokens.RAPID_PERIOD * 1000
    return ShownCode(
        token=tokens.token_text(
            secret,
            campus_id=current_campus_id(),
            purpose=purpose,
            subject=subject,
            window=window,
            prefix=tokens.RAPID_PREFIX,
        ),
        text="",
        window=window,
        expires_in_ms=period_ms - tokens.age_ms(now, window, period=tokens.RAPID_PERIOD),
        period_ms=period_ms,
    )


def check_token(
    *, purpose: str, text: str, now: datetime, secret_of: SecretOf = live_secret
) -> Check:
    """Whether a scanned text is the current or the previous code of a live subject.

    `secret_of`: for who has read the live secret with other things already.
    """
    check = _genuine(text, purpose=purpose, secret_of=secret_of)
    if check.problem or check.window is None:
        return check
    delay = tokens.age_ms(now, check.window)
    stands = 0 <= tokens.window_at(now) - check.window <= tokens.QR_GRACE
    return replace(check, problem=_in_time(stands), delay_ms=delay)


def check_kept_token(*, purpose: str, text: str, ended_after: datetime) -> Check:
    """Whether this campus issued the text, at whatever time, for a subject whose code lives or
    ended after `ended_after`. When it was shown is the caller's to judge."""
    return _genuine(text, purpose=purpose, secret_of=partial(kept_secret, ended_after=ended_after))


def check_rapid_token(*, purpose: str, text: str, now: datetime) -> Check:
    """Whether a scanned text is a code of a challenge that began to stand at most 1.5 s ago."""
    check = _genuine(text, purpose=purpose, secret_of=live_secret, prefix=tokens.RAPID_PREFIX)
    if check.problem or check.window is None:
        return check
    delay = tokens.age_ms(now, check.window, period=tokens.RAPID_PERIOD)
    stands = 0 <= delay <= tokens.RAPID_WITHIN_MS
    return replace(check, problem=_in_time(stands), delay_ms=delay)


def _in_time(stands: bool) -> Problem:
    return Problem.NONE if stands else Problem.EXPIRED


def _genuine(text: str, *, purpose: str, secret_of: SecretOf, prefix: str = tokens.PREFIX) -> Check:
    """Whether this campus issued the text under the subject's secret; its age is not looked at."""
    try:
        token = tokens.parse_token(text, prefix=prefix)
    except tokens.Malformed:
        return Check(problem=Problem.MALFORMED)
    if token.campus_id != current_campus_id():
        return Check(problem=Problem.FORGED)
    secret = secret_of(purpose=purpose, subject=token.subject)
    if secret is None:
        return Check(problem=Problem.EXPIRED, subject=token.subject, window=token.window)
    expected = tokens.token_mac(
        secret,
        campus_id=token.campus_id,
        purpose=purpose,
        subject=token.subject,
        window=token.window,
    )
    genuine = hmac.compare_digest(expected, token.mac)
    problem = Problem.NONE if genuine else Problem.FORGED
    return Check(problem=problem, subject=token.subject, window=token.window)


def check_text(*, purpose: str, subject: str, typed: str, now: datetime) -> Check:
    """Whether a typed text code is the current or the previous one of this subject."""
    secret = live_secret(purpose=purpose, subject=subject)
    if secret is None:
        return Check(problem=Problem.EXPIRED, subject=subject)
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
            return Check(problem=Problem.NONE, subject=subject, window=window, delay_ms=delay)
    return Check(problem=Problem.WRONG_CODE, subject=subject)
