"""The passphrase of an archive, which stands in no list of processes."""

import sys
from pathlib import Path

from django.core.management.base import CommandError


def passphrase_from(place: str | None) -> str | None:
    """The first line of a file, or of the standard input for `-`. Raises `CommandError`."""
    if place is None:
        return None
    try:
        text = sys.stdin.readline() if place == "-" else Path(place).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The passphrase cannot be read: {error}") from error
    return (text.splitlines() or [""])[0]
