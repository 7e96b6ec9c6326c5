"""What the token of a terminal looks like: `terminal_<12 characters>_<43 characters>`."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "terminal_"
LOOKUP_BYTES: Final = 6
SECRET_BYTES: Final = 32
_SHAPE: Final = re.compile(r"terminal_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True)
class TerminalToken:
    """A token in its two parts: the row is found by the first, and proven by the second."""

    lookup: str
    secret: str

    @classmethod
    def new(cls) -> "TerminalToken":
        return cls(
            lookup=secrets.token_hex(LOOKUP_BYTES), secret=secrets.token_urlsafe(SECRET_BYTES)
        )

    @classmethod
    def of(cls, text: str) -> "TerminalToken | None":
        found = _SHAPE.fullmatch(text)
        return cls(lookup=found[1], secret=found[2]) if found else None

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def proves(self, digest: bytes) -> bool:
        return hmac.compare_digest(digest, self.digest)

    def __str__(self) -> str:
        return f"{PREFIX}{self.lookup}_{self.secret}"
