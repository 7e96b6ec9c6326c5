"""Rotating codes: the arithmetic, without database or clock.

The QR token of window w is `C.<campus>.<subject>.<w>.<mac>` with numbers in base 36 and the MAC in
base32, so that the QR code uses its compact alphanumeric mode. The MAC is HMAC-SHA-256 over campus,
purpose, subject and window under the subject's own secret, cut to 128 bits (RFC 2104, §5 allows
cutting to half; at least 112 bits are promised).

The QR code shows the token as a link, `HTTPS://HOST/C/<token>`, so that the camera of any phone
opens the check-in; upper case throughout, for the same mode. What reads codes takes the link and
the bare token alike.
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apps.common.digits import plain_digits

QR_PERIOD: Final = 5  # seconds a QR code stands (spec INT-39)
QR_GRACE: Final = 1  # earlier windows still accepted (RFC 6238, §5.2)
TEXT_PERIOD: Final = 30  # seconds a text code stands: people have to type it
TEXT_GRACE: Final = 1
TEXT_LENGTH: Final = 8  # characters of base32: 40 bits, tries are counted
MAC_BYTES: Final = 16
SECRET_BYTES: Final = 32
RAPID_PERIOD: Final = 1  # seconds a code of a challenge stands
RAPID_WITHIN_MS: Final = 1_500  # from its start, by the server's clock (spec: rapid-code challenge)
PREFIX: Final = "C"
RAPID_PREFIX: Final = "B"  # tells the phone which address takes the code
LINK_PATH: Final = "/C/"
MAX_TOKEN: Final = 200  # characters
MAX_LINK: Final = 500

_LINK: Final = re.compile(r"https?://[^/?#\s]+/c/([^/?#\s]*)/?(?:[?#]\S*)?", re.IGNORECASE)

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Crockford's base32 leaves out I, L, O and U, which people misread.
CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans("ILO", "110")


class Malformed(ValueError):
    """The text is not a token of this platform."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a QR token says, before anything is believed."""

    campus_id: int
    subject: str
    window: int
    mac: bytes


def base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits


def window_at(now: datetime, *, period: int = QR_PERIOD) -> int:
    """Number of the window that contains `now`; windows count from the Unix epoch."""
    return int(now.timestamp() // period)


def age_ms(now: datetime, window: int, *, period: int = QR_PERIOD) -> int:
    """Milliseconds from the start of the window to `now`."""
    return round((now.timestamp() - window * period) * 1000)


def token_mac(secret: bytes, *, campus_id: int, purpose: str, subject: str, window: int) -> bytes:
    """First 16 bytes of the HMAC over campus, purpose, subject and window."""
    message = f"{campus_id}\n{purpose}\n{subject}\n{window}".encode()
    return hmac.new(secret, message, hashlib.sha256).digest()[:MAC_BYTES]


def token_text(
    secret: bytes,
    *,
    campus_id: int,
    purpose: str,
    subject: str,
    window: int,
    prefix: str = PREFIX,
) -> str:
    """The text that the QR code of this window carries."""
    mac = token_mac(secret, campus_id=campus_id, purpose=purpose, subject=subject, window=window)
    encoded = base64.b32encode(mac).decode().rstrip("=")
    return f"{prefix}.{base36(campus_id)}.{subject}.{base36(window)}.{encoded}"


def link_text(token: str, *, origin: str) -> str:
    """The link that the QR code shows; `origin` is the campus's `https://host[:port]`."""
    return f"{origin}{LINK_PATH}{token}".upper()


def bare_token(scanned: str) -> str:
    """The token of a scanned text, which is a link to it or the token itself.

    Whose host the link names does not matter: the MAC says which campus issued the token.
    """
    text = scanned.strip()
    link = _LINK.fullmatch(text) if len(text) <= MAX_LINK else None
    return link[1] if link else text


def parse_token(text: str, *, prefix: str = PREFIX) -> Token:
    """Take a scanned text apart; raises `Malformed`. Nothing is verified here."""
    token = bare_token(text)
    if len(token) > MAX_TOKEN or not token.isascii():
        raise Malformed("too long, or none of our characters")
    parts = token.upper().split(".")
    if len(parts) != 5 or parts[0] != prefix or not parts[2]:
        raise Malformed("not five parts")
    try:
        mac = base64.b32decode(parts[4] + "=" * (-len(parts[4]) % 8))
        campus_id, window = int(parts[1], 36), int(parts[3], 36)
    except ValueError as error:
        raise Malformed("not base 36 or base32") from error
    if len(mac) != MAC_BYTES or not 0 <= window < 2**53 or not 0 < campus_id < 2**63:
        raise Malformed("out of range")
    return Token(campus_id=campus_id, subject=parts[2][:60], window=window, mac=mac)


def short_text(secret: bytes, *, campus_id: int, purpose: str, subject: str, window: int) -> str:
    """The text code of a 30-second window: eight characters without look-alikes."""
    mac = hmac.new(
        secret,
        f"text\n{campus_id}\n{purpose}\n{subject}\n{window}".encode(),
        hashlib.sha256,
    ).digest()
    number = int.from_bytes(mac[:8], "big")
    return "".join(CROCKFORD[(number >> (5 * place)) & 31] for place in range(TEXT_LENGTH))


def normal_text(typed: str) -> str:
    """A typed text code as it was shown: upper case, no spaces or dashes, look-alikes mended.

    Full-width letters and the digits of other scripts are read as what they stand for.
    """
    plain = plain_digits(unicodedata.normalize("NFKC", typed))
    return plain.upper().replace(" ", "").replace("-", "").translate(_MISREAD)
