"""Device keys in every common form, and signatures in both encodings."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from apps.common.signatures import device_signature_valid, public_key_der
from tests.accounts.support import Phone


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def point(phone: Phone) -> bytes:
    return phone.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def jwk(phone: Phone, **changes: Any) -> dict[str, Any]:
    raw = point(phone)
    return {"kty": "EC", "crv": "P-256", "x": url64(raw[1:33]), "y": url64(raw[33:]), **changes}


def pem(key: Any) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def phone() -> Phone:
    return Phone()


def test_every_common_form_of_a_key_becomes_the_same_der(phone: Phone) -> None:
    forms: list[Any] = [
        b64(phone.spki),
        url64(phone.spki),
        b64(point(phone)),
        url64(point(phone)),
        pem(phone.key.public_key()),
        jwk(phone),
        json.dumps(jwk(phone)),
    ]
    assert {public_key_der(form) for form in forms} == {phone.spki}


def test_other_keys_are_refused(phone: Phone) -> None:
    other_curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    private = phone.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    off_curve = bytearray(point(phone))
    off_curve[-1] ^= 1
    for bad in [
        "",
        "no base64!",
        "{}",
        "{",
        "[" * 1_500,
        b64(b"\x04" * 65),
        b64(bytes(off_curve)),
        b64(phone.spki[:-1]),
        "A" * 5_000,
        pem(other_curve),
        pem(ed25519.Ed25519PrivateKey.generate().public_key()),
        private,
        jwk(phone, d="secret"),
        jwk(phone, crv="P-384"),
        jwk(phone, x="AA"),
        {"kty": "EC", "crv": "P-256"},
    ]:
        with pytest.raises(ValueError, match="not a P-256 public key"):
            public_key_der(bad)


def test_signature_is_accepted_as_der_and_as_r_and_s(phone: Phone) -> None:
    der = phone.sign(b"message")
    r, s = decode_dss_signature(der)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    for signature in (der, raw):
        assert device_signature_valid(
            public_key=phone.spki, message=b"message", signature=signature
        )


def test_anything_else_is_not_a_signature(phone: Phone) -> None:
    good = phone.sign(b"message")
    for key, message, signature in [
        (phone.spki, b"another message", good),
        (Phone().spki, b"message", good),
        (phone.spki, b"message", Phone().sign(b"message")),
        (phone.spki, b"message", b""),
        (phone.spki, b"message", bytes(64)),
        (phone.spki, b"message", b"\xff" * 64),
        (phone.spki, b"message", good + b"\x00"),
        (b"", b"message", good),
        (b"junk", b"message", good),
    ]:
        assert not device_signature_valid(public_key=key, message=message, signature=signature)
