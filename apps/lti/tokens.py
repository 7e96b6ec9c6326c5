"""JSON web tokens as LTI 1.3 uses them: RS256 alone (IMS Security Framework 1.0, §5.1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM: Final = "RS256"
KEY_BITS: Final = 2048
LEEWAY: Final = 60  # seconds by which clocks may differ
ASSERTION_SECONDS: Final = 300
LONGEST_TOKEN: Final = 1 << 16  # characters
_CHECKED: Final = {
    "verify_signature": True,
    "require": ["iss", "aud", "exp", "iat", "nonce", "sub"],
    # Against the moment that the caller names.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


class TokenBroken(ValueError):
    """The token is not what it has to be; `what` names the first thing that is wrong."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


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


def key_id_of(token: str) -> str:
    """The name of the key that signed; raises `TokenBroken`."""
    if not token or len(token) > LONGEST_TOKEN:
        raise TokenBroken("format")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise TokenBroken("format") from error
    if header.get("alg") != ALGORITHM:
        raise TokenBroken("algorithm")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise TokenBroken("key")
    return key_id


def public_keys(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The RSA keys of a JWKS document by name; what cannot be one is left out."""
    listed = document.get("keys")
    found = {}
    for key in listed if isinstance(listed, list) else ():
        if isinstance(key, dict) and key.get("kty") == "RSA" and isinstance(key.get("kid"), str):
            found[key["kid"]] = {name: key.get(name) for name in ("kty", "n", "e")}
    return found


def claims_of(
    token: str, *, jwk: Mapping[str, Any], issuer: str, client_id: str, now: datetime
) -> dict[str, Any]:
    """The claims of an id_token whose signature, issuer, audience and times are right.

    OpenID Connect Core 1.0 §3.1.3.7. Raises `TokenBroken`.
    """
    try:
        key = jwt.PyJWK(dict(jwk), algorithm=ALGORITHM)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=client_id,
            issuer=issuer,
            options=_CHECKED,  # type: ignore[arg-type]
        )
    except jwt.InvalidAudienceError as error:
        raise TokenBroken("audience") from error
    except jwt.InvalidIssuerError as error:
        raise TokenBroken("issuer") from error
    except jwt.InvalidSignatureError as error:
        raise TokenBroken("signature") from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise TokenBroken("format") from error
    _check_party(claims, client_id)
    _check_times(claims, now)
    return claims


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Of several audiences the authorised party must be us."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    party = claims.get("azp")
    if party != client_id and (several or party is not None):
        raise TokenBroken("audience")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    at = now.timestamp()
    for name in ("exp", "iat"):
        value = claims[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TokenBroken("format")
    if not claims["exp"] > at - LEEWAY:
        raise TokenBroken("expired")
    if not claims["iat"] < at + LEEWAY:
        raise TokenBroken("early")


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
    key = serialization.load_der_private_key(private, password=None)
    headers = {"kid": str(key_id)}
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers=headers)  # type: ignore[arg-type]
