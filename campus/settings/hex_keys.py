"""Keys of 32 bytes that the environment gives as 64 hexadecimal digits."""

import os

from django.core.exceptions import ImproperlyConfigured


def hex_key(name: str) -> bytes:
    """Empty: not set. Raises `ImproperlyConfigured`, which names the variable and not its value."""
    try:
        key = bytes.fromhex(os.environ.get(name, "").strip())
    except ValueError:
        key = b"?"
    if len(key) not in (0, 32):
        message = f"{name} must be 64 hexadecimal digits."
        raise ImproperlyConfigured(message)
    return key
