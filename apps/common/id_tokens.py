"""Whether an ID token is genuine, current, and made for us: OpenID Connect Core 1.0 §3.1.3.7.

The sign-in of a campus's provider ends with one, and a launch of LTI 1.3 is one.
"""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.cache import cache

# What may sign, and the kind of key that it takes. The token says which one; a key that was
# published for something else is not taken for it.
ALGORITHMS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
LEEWAY_SECONDS: Final = 60  # by which clocks may differ
LONGEST: Final = 1 << 16  # characters
SMALLEST_RSA: Final = 2048  # bits
LONGEST_SUBJECT: Final = 255  # of ASCII: OpenID Connect Core 1.0 §2
KEPT_SECONDS: Final = 3600
ASKED_AGAIN_SECONDS: Final = 60  # at most once in these, for a key of an unknown name
MOST_KEYS: Final = 50
_CHECKED: Final = {
    "verify_signature": True,
    "require": ["exp", "iat", "iss", "aud", "sub"],
    # Against the moment that the caller names.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}

Jwk = dict[str, Any]
Keys = Callable[[bool], Sequence[Jwk]]


class TokenFlaw(StrEnum):
    """The first thing that is wrong with a token."""

    FORMAT = "format"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    EARLY = "early"
    NONCE = "nonce"
    SUBJECT = "subject"


class IdTokenRefused(ValueError):
    def __init__(self, flaw: TokenFlaw) -> None:
        super().__init__(f"ID token: {flaw}")
        self.flaw = flaw


def verified_claims(
    token: str,
    *,
    keys: Keys,
    issuer: str,
    client_id: str,
    nonce: str,
    now: datetime,
    algorithms: Collection[str] = tuple(ALGORITHMS),
) -> dict[str, Any]:
    """The claims; raises `IdTokenRefused`, and what `keys` raises.

    `keys(anew)` are the issuer's public keys, asked again where the token names an unknown one.
    """
    header = _header(token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise IdTokenRefused(TokenFlaw.ALGORITHM)
    claims = _decoded(token, _key_for(header, algorithm, keys), algorithm, issuer, client_id)
    _check_party(claims, client_id)
    _check_times(claims, now)
    _check_nonce(claims, nonce)
    _check_subject(claims["sub"])
    return claims


def kept_keys(name: str, read: Callable[[], Mapping[str, Any]], *, anew: bool) -> list[Jwk]:
    """The public keys of the JWKS document that `read` returns, kept under this name in the cache.

    `anew`: a token names a key that is not among them. They are read again then, at most once a
    minute: invented names must not become requests.
    """
    known: list[Jwk] | None = cache.get(name)
    may_ask = cache.add(f"{name}:asked", 1, ASKED_AGAIN_SECONDS) if known is None or anew else False
    if known is not None and not may_ask:
        return known
    listed = read().get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        listed = []
    keys = [
        jwk for jwk in listed if isinstance(jwk, dict) and jwk.get("kty") in ALGORITHMS.values()
    ]
    cache.set(name, keys, KEPT_SECONDS)
    return keys


def _header(token: str) -> dict[str, Any]:
    if not token or len(token) > LONGEST:
        raise IdTokenRefused(TokenFlaw.FORMAT)
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise IdTokenRefused(TokenFlaw.FORMAT) from error


def _decoded(token: str, key: Any, algorithm: str, issuer: str, client_id: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            options=_CHECKED,  # type: ignore[arg-type]
        )
    except jwt.InvalidAudienceError as error:
        raise IdTokenRefused(TokenFlaw.AUDIENCE) from error
    except jwt.InvalidIssuerError as error:
        raise IdTokenRefused(TokenFlaw.ISSUER) from error
    except jwt.InvalidSignatureError as error:
        raise IdTokenRefused(TokenFlaw.SIGNATURE) from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise IdTokenRefused(TokenFlaw.FORMAT) from error
    return claims


def _check_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Of several audiences the authorised party must be us."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    party = claims.get("azp")
    if party != client_id and (several or party is not None):
        raise IdTokenRefused(TokenFlaw.AUDIENCE)


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    for value in times.values():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise IdTokenRefused(TokenFlaw.FORMAT)
    at = now.timestamp()
    if not times.pop("exp") > at - LEEWAY_SECONDS:
        raise IdTokenRefused(TokenFlaw.EXPIRED)
    if not all(value < at + LEEWAY_SECONDS for value in times.values()):
        raise IdTokenRefused(TokenFlaw.EARLY)


def _check_nonce(claims: Mapping[str, Any], nonce: str) -> None:
    given = claims.get("nonce")
    if not isinstance(given, str):
        raise IdTokenRefused(TokenFlaw.FORMAT)
    if not hmac.compare_digest(given.encode(errors="replace"), nonce.encode()):
        raise IdTokenRefused(TokenFlaw.NONCE)


def _check_subject(subject: Any) -> None:
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise IdTokenRefused(TokenFlaw.SUBJECT)
    if not subject.isascii() or not subject.isprintable():
        raise IdTokenRefused(TokenFlaw.SUBJECT)


def _key_for(header: Mapping[str, Any], algorithm: str, keys: Keys) -> Any:
    for anew in (False, True):
        fitting = [jwk for jwk in keys(anew) if _fits(jwk, header.get("kid"), algorithm)]
        if len(fitting) == 1:
            return _public(fitting[0], algorithm)
        if fitting:
            break
    raise IdTokenRefused(TokenFlaw.KEY)


def _fits(jwk: Jwk, kid: Any, algorithm: str) -> bool:
    return (
        jwk.get("kty") == ALGORITHMS[algorithm]
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and (kid is None or jwk.get("kid") == kid)
    )


def _public(jwk: Jwk, algorithm: str) -> Any:
    public = {name: value for name, value in jwk.items() if name in ("kty", "n", "e", "crv", *"xy")}
    try:
        key = jwt.PyJWK.from_dict(public, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise IdTokenRefused(TokenFlaw.KEY) from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise IdTokenRefused(TokenFlaw.KEY)
