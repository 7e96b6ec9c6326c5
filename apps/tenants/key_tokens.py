"""What a program shows to be let in: `<prefix><12 characters>_<43 characters>`.

The row is found by the first part and proven by the second, of which only the SHA-256 is kept: 256
random bits need no slow hash.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import ClassVar, Final, Self

LOOKUP_BYTES: Final = 6
SECRET_BYTES: Final = 32
_PARTS: Final = re.compile(r"([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True)
class KeyToken:
    """A token in its two parts. A subclass names the prefix, by which secret scanners know one."""

    lookup: str
    secret: str
    prefix: ClassVar[str]

    @classmethod
    def new(cls) -> Self:
        return cls(
            lookup=secrets.token_hex(LOOKUP_BYTES), secret=secrets.token_urlsafe(SECRET_BYTES)
        )

    @classmethod
    def of(cls, text: str) -> Self | None:
        if not text.startswith(cls.prefix):
            return None
        found = _PARTS.fullmatch(text, len(cls.prefix))
        return cls(lookup=found[1], secret=found[2]) if found else None

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def proves(self, digest: bytes | memoryview) -> bool:
        """Whether this is the secret of the row that keeps this digest."""
        return hmac.compare_digest(bytes(digest), self.digest)

    def __str__(self) -> str:
        return f"{self.prefix}{self.lookup}_{self.secret}"
