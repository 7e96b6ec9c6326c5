"""Codes as an authenticator app shows them."""

import time
from typing import Final

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

PERIOD: Final = 30  # seconds for which a code is good
TIME_TO_TYPE: Final = 3  # seconds that one must still be good for: a busy machine is slow


def totp_code(secret: str, *, steps: int = 0) -> str:
    """The present code, or one so many steps later."""
    left = PERIOD - time.time() % PERIOD
    if left < TIME_TO_TYPE:
        time.sleep(left)
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // PERIOD + steps)))
