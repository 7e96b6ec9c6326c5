"""Our keys for platforms and what they sign: RS256 alone (IMS Security Framework 1.0, §5.1.1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM: Final = "RS256"
KEY_BITS: Final = 2048
ASSERTION_SECONDS: Final = 300


@dataclass(frozen=True, kw_only=True)
class MadeKey:
    private: bytes  # PKCS #8, DER
    jwk: dict[str, str]


def new_key(key_id: UUID) -> MadeKey:
    """An RSA key of 2048 bits; about a tenth of a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    jwk = {"kty": "RSA", "n": numbers["n"], "e": numbers["e"]}
    return MadeKey(private=private, jwk={**jwk, "kid": str(key_id), "use": "sig", "alg": ALGORITHM})


def client_assertion(
    *, private: bytes, key_id: UUID, client_id: str, audience: str, now: datetime
) -> str:
    """Proves to a platform's token address who asks (RFC 7523 §3)."""
    at = int(now.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": at,
        "exp": at + ASSERTION_SECONDS,
        "jti": uuid4().hex,
    }
    return signed(claims, private=private, key_id=key_id)


def message(*, private: bytes, key_id: UUID, claims: dict[str, Any], now: datetime) -> str:
    """A message of ours to a platform, with its own nonce (IMS Security Framework 1.0 §5.2)."""
    at = int(now.timestamp())
    times = {"iat": at, "exp": at + ASSERTION_SECONDS, "nonce": uuid4().hex}
    return signed({**claims, **times}, private=private, key_id=key_id)


def signed(claims: dict[str, Any], *, private: bytes, key_id: UUID) -> str:
    key = serialization.load_der_private_key(private, password=None)
    headers = {"kid": str(key_id)}
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers=headers)  # type: ignore[arg-type]
