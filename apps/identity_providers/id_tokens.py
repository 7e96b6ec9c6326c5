"""Whether an ID token is genuine, current, and made for us: OpenID Connect Core 1.0 §3.1.3.7."""

import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from apps.identity_providers.problems import SignInProblem, SignInRefusal

# What a provider may sign with, and the kind of key that it takes. The token says which one; a
# key that the provider published for something else is not taken for it.
ALGORITHMS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
LEEWAY_SECONDS: Final = 60
LONGEST: Final = 64_000  # characters
SMALLEST_RSA: Final = 2048  # bits
REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub"]
LONGEST_SUBJECT: Final = 255  # of ASCII: OpenID Connect Core 1.0 §2

Keys = Callable[[bool], Sequence[dict[str, Any]]]


def verified_claims(
    token: str, *, keys: Keys, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """The claims; raises `SignInProblem` (answer_untrusted, or what `keys` raises).

    `keys(anew)` are the provider's JWKs, asked again where the token names an unknown one.
    """
    try:
        if len(token) > LONGEST:
            raise _untrusted("too long")
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _untrusted("algorithm")
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_key_for(header, algorithm, keys),
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise _untrusted(type(error).__name__) from error
    _check(claims, client_id=client_id, nonce=nonce)
    return claims


def _check(claims: dict[str, Any], *, client_id: str, nonce: str) -> None:
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    party = claims.get("azp")
    if party != client_id and (party is not None or len(audiences) > 1):
        raise _untrusted("made for another client")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise _untrusted("nonce")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise _untrusted("subject")
    if not subject.isascii() or not subject.isprintable():
        raise _untrusted("subject")


def _key_for(header: dict[str, Any], algorithm: str, keys: Keys) -> Any:
    for anew in (False, True):
        fitting = [jwk for jwk in keys(anew) if _fits(jwk, header.get("kid"), algorithm)]
        if len(fitting) == 1:
            return _public(fitting[0], algorithm)
        if fitting:
            break
    raise _untrusted("no key, or several, of this name")


def _fits(jwk: dict[str, Any], kid: Any, algorithm: str) -> bool:
    return (
        jwk.get("kty") == ALGORITHMS[algorithm]
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and (kid is None or jwk.get("kid") == kid)
    )


def _public(jwk: dict[str, Any], algorithm: str) -> Any:
    public = {name: value for name, value in jwk.items() if name in ("kty", "n", "e", "crv", *"xy")}
    key = jwt.PyJWK.from_dict(public, algorithm=algorithm).key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise _untrusted("a weak key")


def _untrusted(why: str) -> SignInProblem:
    return SignInProblem(SignInRefusal.UNTRUSTED, f"ID token: {why}")
