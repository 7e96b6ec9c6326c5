"""Password rules of NIST SP 800-63B-4 (length, known-bad words, no composition) and old hashes."""

import base64
import re
from typing import Any, Final

from django.contrib.auth.hashers import BCryptPasswordHasher, BCryptSHA256PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.common.crypto import keyed_hash

PLATFORM: Final = 0  # an account belongs to no single campus, so neither does the key
MIN_ALONE: Final = 15
MIN_WITH_SECOND_FACTOR: Final = 8
MAX_LENGTH: Final = 128
BCRYPT_BYTES: Final = 72  # bcrypt reads no further; newer libraries refuse longer input

RAW_BCRYPT: Final = re.compile(r"^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$")
WERKZEUG_PBKDF2: Final = re.compile(r"^pbkdf2:sha256:(\d+)\$([^$]+)\$([0-9a-f]{64})$")


class LengthValidator:
    """At least 15 characters alone, 8 beside a second factor, at most 128."""

    def validate(self, password: str, user: Any = None) -> None:
        shortest = MIN_WITH_SECOND_FACTOR if _has_second_factor(user) else MIN_ALONE
        if len(password) < shortest:
            raise ValidationError(
                _("Use at least %(n)d characters."), code="too_short", params={"n": shortest}
            )
        if len(password) > MAX_LENGTH:
            raise ValidationError(
                _("Use at most %(n)d characters."), code="too_long", params={"n": MAX_LENGTH}
            )

    def get_help_text(self) -> str:
        return _("At least %(alone)d characters, or %(second)d when you use a second factor.") % {
            "alone": MIN_ALONE,
            "second": MIN_WITH_SECOND_FACTOR,
        }


class KeyedBCryptHasher(BCryptSHA256PasswordHasher):
    """bcrypt over a keyed hash of the password: who reads the hashes alone cannot try passwords.

    The key comes from the master key. Older hashes become such ones at the next sign-in.
    """

    algorithm = "bcrypt_keyed"

    def encode(self, password: str, salt: Any) -> str:
        keyed = keyed_hash("password", PLATFORM, password.encode())
        return str(super().encode(keyed.hex(), salt))


class PlainBCryptHasher(BCryptPasswordHasher):
    """Plain bcrypt of older systems, which cut passwords at 72 bytes. Verified, never chosen."""

    def encode(self, password: str, salt: Any) -> str:
        data = self._load_library().hashpw(  # type: ignore[attr-defined]
            password.encode()[:BCRYPT_BYTES], salt
        )
        return f"{self.algorithm}${data.decode()}"


def adopted_hash(encoded: str) -> str:
    """A hash of an older system as Django writes it, so that people keep their passwords.

    Knows bare bcrypt (`$2b$…`) and Werkzeug's `pbkdf2:sha256:…`; Django's own stay as they are.
    At the next sign-in it is replaced by the preferred hash. Raises `ValueError` for others.
    """
    if RAW_BCRYPT.match(encoded):
        return f"bcrypt${encoded}"
    if found := WERKZEUG_PBKDF2.match(encoded):
        rounds, salt, digest = found.groups()
        return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(bytes.fromhex(digest)).decode()}"
    if encoded.startswith(("bcrypt_keyed$", "bcrypt_sha256$", "bcrypt$", "pbkdf2_sha256$")):
        return encoded
    message = "unknown kind of password hash"
    raise ValueError(message)


def _has_second_factor(user: Any) -> bool:
    from allauth.mfa.utils import is_mfa_enabled

    return user is not None and user.pk is not None and is_mfa_enabled(user)
