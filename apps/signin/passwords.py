"""Password rules of NIST SP 800-63B-4 (length, known-bad words, no composition) and old hashes."""

import base64
import hashlib
import hmac
import re
from itertools import chain
from typing import Any, Final

from django.contrib.auth.hashers import (
    BCryptPasswordHasher,
    BCryptSHA256PasswordHasher,
    ScryptPasswordHasher,
)
from django.core.exceptions import ValidationError
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from apps.common.crypto import campus_key, older_keys

PLATFORM: Final = 0  # an account belongs to no single campus, so neither does the key
PEPPER: Final = "password"  # purpose of the key
MIN_ALONE: Final = 15
MIN_WITH_SECOND_FACTOR: Final = 8
MAX_LENGTH: Final = 128
BCRYPT_BYTES: Final = 72  # bcrypt reads no further; newer libraries refuse longer input

RAW_BCRYPT: Final = re.compile(r"^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$")
WERKZEUG_PBKDF2: Final = re.compile(r"^pbkdf2:sha256:([0-9]{1,7})\$([^$]+)\$([0-9a-f]{64})$")
WERKZEUG_SCRYPT: Final = re.compile(
    r"^scrypt:([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2})\$([^$]+)\$([0-9a-f]{128})$"
)
SCRYPT_MEMORY: Final = 132  # bytes for each unit of cost, block and lane, as Werkzeug allows
SCRYPT_MOST: Final = 2**20  # of cost × block × lanes: 128 MB and a second; its default is 2**18


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
        return self._encode(password, salt, key=campus_key(PEPPER, PLATFORM))

    def verify(self, password: str, encoded: str) -> bool:
        """Under the master key, or one that was replaced: nobody keeps the password to hash it."""
        _algorithm, salt = encoded.split("$", 1)
        keys = chain([campus_key(PEPPER, PLATFORM)], older_keys(PEPPER, PLATFORM))
        return any(
            constant_time_compare(encoded, self._encode(password, salt.encode(), key=key))
            for key in keys
        )

    def _encode(self, password: str, salt: Any, *, key: bytes) -> str:
        keyed = hmac.new(key, password.encode(), hashlib.sha256)
        return str(super().encode(keyed.hexdigest(), salt))


class PlainBCryptHasher(BCryptPasswordHasher):
    """Plain bcrypt of older systems, which cut passwords at 72 bytes. Verified, never chosen."""

    def encode(self, password: str, salt: Any) -> str:
        data = self._load_library().hashpw(  # type: ignore[attr-defined]
            password.encode()[:BCRYPT_BYTES], salt
        )
        return f"{self.algorithm}${data.decode()}"


class PlainScryptHasher(ScryptPasswordHasher):
    """scrypt of Werkzeug, whose default needs more memory than OpenSSL allows by itself. Verified,
    never chosen."""

    def encode(
        self,
        password: str,
        salt: str,
        n: int | None = None,
        r: int | None = None,
        p: int | None = None,
    ) -> str:
        n, r, p = n or self.work_factor, r or self.block_size, p or self.parallelism
        digest = hashlib.scrypt(
            password.encode(),
            salt=salt.encode(),
            n=n,
            r=r,
            p=p,
            maxmem=SCRYPT_MEMORY * n * r * p,
            dklen=64,
        )
        return f"{self.algorithm}${n}${salt}${r}${p}${base64.b64encode(digest).decode()}"


def adopted_hash(encoded: str) -> str:
    """A hash of an older system as Django writes it, so that people keep their passwords.

    Knows bare bcrypt (`$2b$…`) and Werkzeug's `pbkdf2:sha256:…` and `scrypt:…`, within bounds of
    their work; Django's own stay as they are.
    At the next sign-in it is replaced by the preferred hash. Raises `ValueError` for others.
    """
    if RAW_BCRYPT.match(encoded):
        return f"bcrypt${encoded}"
    if found := WERKZEUG_PBKDF2.match(encoded):
        rounds, salt, digest = found.groups()
        return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(bytes.fromhex(digest)).decode()}"
    if found := WERKZEUG_SCRYPT.match(encoded):
        *cost, salt, digest = found.groups()
        n, r, p = map(int, cost)
        if 1 < n * r * p <= SCRYPT_MOST and n & (n - 1) == 0 < min(n, r, p):
            return f"scrypt${n}${salt}${r}${p}${base64.b64encode(bytes.fromhex(digest)).decode()}"
    if encoded.startswith(("bcrypt_keyed$", "bcrypt_sha256$", "bcrypt$", "pbkdf2_sha256$")):
        return encoded
    message = "unknown kind of password hash"
    raise ValueError(message)


def _has_second_factor(user: Any) -> bool:
    from allauth.mfa.utils import is_mfa_enabled

    return user is not None and user.pk is not None and is_mfa_enabled(user)
