"""What terminals show to be let in, and what makes a browser the kiosk of a room."""

import hashlib
import secrets
from typing import Final

from apps.qr_otp.tokens import CROCKFORD, normal_text
from apps.tenants.key_tokens import KeyToken

# 60 bits for some minutes: too many to try, asked or, from a stolen database, by their hash.
OPENING_LENGTH: Final = 12
GROUP: Final = 4


class TerminalToken(KeyToken):
    prefix = "terminal_"


def opening_code() -> str:
    """A new code as it is shown: "7K2M-QX4D-0RHB", without characters that look alike."""
    text = "".join(secrets.choice(CROCKFORD) for _place in range(OPENING_LENGTH))
    return "-".join(text[first : first + GROUP] for first in range(0, OPENING_LENGTH, GROUP))


def opening_digest(typed: str) -> bytes:
    """SHA-256 of a code, however it was typed."""
    return hashlib.sha256(normal_text(typed).encode()).digest()
