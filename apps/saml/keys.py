"""Our own keys: what signs requests, and what others encrypt to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

KEY_BITS: Final = 3072
CERTIFICATE_DAYS: Final = 3650


@dataclass(frozen=True, kw_only=True)
class OwnKey:
    """PEM, both."""

    private: str
    certificate: str
    signs_from: datetime


def new_key(*, name: str, now: datetime) -> OwnKey:
    """RSA with a certificate signed by itself, as SAML's metadata wants one; half a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return OwnKey(
        private=private.decode(),
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        signs_from=now,
    )
