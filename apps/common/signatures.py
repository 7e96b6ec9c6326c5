"""Keys and signatures of bound devices: P-256 (NIST FIPS 186-5), ECDSA with SHA-256. Pure."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

COORDINATE_BYTES: Final = 32
RAW_SIGNATURE_BYTES: Final = 2 * COORDINATE_BYTES
POINT_BYTES: Final = 1 + 2 * COORDINATE_BYTES
UNCOMPRESSED: Final = 0x04
MAX_KEY_TEXT: Final = 2_000
BINDING_CONTEXT: Final = "campus.device.bind.v1"


def public_key_der(key: str | Mapping[str, Any]) -> bytes:
    """Any common form of a P-256 public key as SPKI DER (91 bytes).

    Accepts a JWK (mapping or JSON text, RFC 7518 §6.2), PEM, and base64 (standard or URL-safe,
    padded or not) of SPKI DER or of the uncompressed point 0x04‖x‖y (SEC 1 §2.3.3).
    Raises `ValueError` for anything else, other curves, points off the curve and private keys.
    """
    try:
        found = _load(key)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error, KeyError) as error:
        message = "not a P-256 public key"
        raise ValueError(message) from error
    return found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def device_signature_valid(*, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is ECDSA-SHA256 over `message` under this key (SPKI DER).

    Accepts both common encodings: ASN.1 DER (Android, iOS) and r‖s of 64 bytes (WebCrypto, JOSE).
    Never raises: a signature or key that cannot be read is not valid.
    """
    try:
        key = _on_p256(load_der_public_key(public_key))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return any(_verifies(key, message, form) for form in _encodings(signature))


def binding_message(*, nonce: str, student_id: int, device_uuid: str) -> bytes:
    """What a device signs to prove that it holds the key it wants bound: UTF-8, four lines."""
    return f"{BINDING_CONTEXT}\n{nonce}\n{student_id}\n{device_uuid}".encode()


def decode_base64(text: str) -> bytes:
    """Standard or URL-safe base64, padded or not; raises `ValueError`."""
    compact = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)


def _load(key: str | Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    if isinstance(key, Mapping):
        return _from_jwk(key)
    text = key.strip()
    if len(text) > MAX_KEY_TEXT:
        raise ValueError(text[:20])
    if text.startswith("{"):
        return _load(json.loads(text))
    if text.startswith("-----"):
        return _on_p256(load_pem_public_key(text.encode()))
    raw = decode_base64(text)
    if len(raw) == POINT_BYTES and raw[0] == UNCOMPRESSED:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    return _on_p256(load_der_public_key(raw))


def _from_jwk(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
        raise ValueError(jwk.get("kty"))
    x, y = decode_base64(str(jwk["x"])), decode_base64(str(jwk["y"]))
    if len(x) != COORDINATE_BYTES or len(y) != COORDINATE_BYTES:
        raise ValueError(len(x))
    return ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), bytes([UNCOMPRESSED]) + x + y
    )


def _on_p256(key: Any) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(type(key).__name__)
    return key


def _encodings(signature: bytes) -> list[bytes]:
    """The signature as DER: itself, and read as r‖s when it has that length."""
    forms = [signature]
    if len(signature) == RAW_SIGNATURE_BYTES:
        r, s = signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]
        forms.append(encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big")))
    return forms


def _verifies(key: ec.EllipticCurvePublicKey, message: bytes, der: bytes) -> bool:
    try:
        key.verify(der, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
