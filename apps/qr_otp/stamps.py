"""Stamps: that a browser asked for the link of a code while the code stood.

The page of the link carries one. It opens nothing; for three minutes it can be redeemed for a
ticket instead of the code, after a slow page, a sign-in or the binding of the device. It is signed
under the campus's key and needs no look-up. Who may redeem it:

- the browser that has the cookie set with it, and nobody else;
- of a browser that was signed in: that sign-in alone;
- of one that was not: the first student who signs in there, from the same network and with the same
  user agent, so that stamp and cookie are of no use to a phone elsewhere
  (docs/decisions/0034-a-code-is-a-link.md).
"""

import hashlib
import hmac
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core import signing

from apps.common.crypto import campus_key, keyed_hash
from apps.common.http import address_group
from apps.qr_otp.problems import Problem
from apps.qr_otp.tokens import QR_PERIOD
from apps.tenants.scope import current_campus_id

LIFETIME: Final = timedelta(minutes=3)
PURPOSE: Final = "qr-stamp"
HASH_DIGITS: Final = 32


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """The browser behind a request. `nonce` is the cookie's, "" without one."""

    nonce: str
    sign_in: str
    address: str | None
    user_agent: str

    @property
    def holder(self) -> str:
        return hashlib.sha256(self.nonce.encode()).hexdigest()[:HASH_DIGITS]

    @property
    def place(self) -> str:
        """Names network and user agent; "" where the address is unknown, which is no place."""
        network = address_group(self.address)
        if network is None:
            return ""
        message = f"{network}\n{self.user_agent}".encode()
        return keyed_hash(PURPOSE, current_campus_id(), message).hex()[:HASH_DIGITS]


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """`delay_ms` is how long the window of the code had stood when its link was asked for.

    `place` is "" where the browser was signed in: then the sign-in says whose it is.
    """

    subject: str
    window: int
    delay_ms: int
    sign_in: str
    holder: str
    place: str

    @property
    def seen_at(self) -> datetime:
        return seen_at(window=self.window, delay_ms=self.delay_ms)

    @property
    def expires_at(self) -> datetime:
        return self.seen_at + LIFETIME

    def problem(self, visitor: Visitor, *, now: datetime) -> Problem:
        """Why this visitor cannot redeem it now; `Problem.NONE` when they can."""
        if not visitor.nonce or not hmac.compare_digest(self.holder, visitor.holder):
            return Problem.SEEN_ELSEWHERE
        if self.sign_in:
            if self.sign_in != visitor.sign_in:
                return Problem.SEEN_ELSEWHERE
        elif not visitor.place or self.place != visitor.place:
            return Problem.SEEN_ELSEWHERE
        return Problem.NONE if now <= self.expires_at else Problem.STAMP_EXPIRED


def seen_at(*, window: int, delay_ms: int) -> datetime:
    """The moment that lies so long after the beginning of a QR code's window."""
    return datetime.fromtimestamp((window * QR_PERIOD * 1000 + delay_ms) / 1000, tz=UTC)


def stamp_for(visitor: Visitor, *, subject: str, window: int, delay_ms: int) -> Stamp:
    return Stamp(
        subject=subject,
        window=window,
        delay_ms=delay_ms,
        sign_in=visitor.sign_in,
        holder=visitor.holder,
        place="" if visitor.sign_in else visitor.place,
    )


def stamp_text(stamp: Stamp) -> str:
    return _signer().sign_object(asdict(stamp))


def read_stamp(text: str) -> Stamp | None:
    """The stamp, or None when this campus did not sign it. Whose it is, is asked by its reader."""
    try:
        return Stamp(**_signer().unsign_object(text))
    except (signing.BadSignature, TypeError, ValueError):
        return None


def _signer() -> signing.Signer:
    return signing.Signer(key=campus_key(PURPOSE, current_campus_id()).hex(), salt=PURPOSE)
