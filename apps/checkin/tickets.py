"""Tickets: what a redeemed code is worth for 90 seconds, to one student, device and sign-in.

A ticket is signed under the campus's key and needs no look-up. Stealing one is of no use: the
check-in must come from the same sign-in of the same student and be signed by the same device. So a
friend in the room who signs in as the student cannot send the ticket of a code that stands for five
seconds to the student's phone elsewhere, which would have 90.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core import signing

from apps.common.crypto import campus_key
from apps.tenants.scope import current_campus_id

LIFETIME: Final = timedelta(seconds=90)
PURPOSE: Final = "check-in-ticket"


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """Times are milliseconds since the Unix epoch, by the server's clock.

    `seen_ms` is when a QR code was seen, which a stamp may redeem later; None for typed codes. An
    offline check-in has no scan: its code's window stands in for the moment of the redeem.
    """

    scan_id: str | None
    session_id: int
    student_id: int
    device_id: int | None
    method: str
    redeemed_ms: int
    delay_ms: int | None
    sign_in: str = ""
    seen_ms: int | None = None

    @property
    def seen_at(self) -> datetime | None:
        return None if self.seen_ms is None else _moment(self.seen_ms)

    @property
    def redeemed_at(self) -> datetime:
        return _moment(self.redeemed_ms)

    @property
    def expires_at(self) -> datetime:
        return self.redeemed_at + LIFETIME


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def ticket_text(ticket: Ticket) -> str:
    """The same ticket is the same text: nothing in it depends on when it is written."""
    return _signer().sign_object(vars(ticket))  # flat, and in the order of the fields


def read_ticket(text: str) -> Ticket | None:
    """The ticket, or None when this campus did not sign it. Whether it is still good is asked
    by its reader."""
    try:
        return Ticket(**_signer().unsign_object(text))
    except (signing.BadSignature, TypeError, ValueError):
        return None


def _signer() -> signing.Signer:
    return signing.Signer(key=campus_key(PURPOSE, current_campus_id()).hex(), salt=PURPOSE)
