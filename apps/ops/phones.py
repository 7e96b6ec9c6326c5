"""An address for phones in the same network: HTTPS with a certificate of our own making.

Browsers hand out camera, position and keys over HTTPS only; a phone asks once whether to trust this
certificate. For trying and for demonstrations, never for a campus at work.
"""

import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Final

import segno
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GOOD_FOR: Final = timedelta(days=90)
RENEWED: Final = timedelta(days=7)  # before it ends
SOMEWHERE_ELSE: Final = ("192.0.2.1", 9)  # for documentation (RFC 5737): nothing is sent there


@dataclass(frozen=True, kw_only=True)
class PhoneAddress:
    """Where phones of this network reach the platform, and the files that TLS needs there."""

    host: str
    port: int
    certificate: Path
    key: Path

    @property
    def origin(self) -> str:
        return f"https://{self.host}:{self.port}"


def phone_address(*, port: int, folder: Path, now: datetime) -> PhoneAddress | None:
    """The address of this machine in its network, with a certificate for it; None without one."""
    host = network_address()
    if host is None:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = PhoneAddress(
        host=host, port=port, certificate=folder / "certificate.pem", key=folder / "key.pem"
    )
    if not is_good(address.certificate, host=host, now=now) or not address.key.exists():
        write_certificate(address, now=now)
    return address


def network_address() -> str | None:
    """This machine's IPv4 address on the way out, or None where there is no way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(SOMEWHERE_ELSE)
            found = str(probe.getsockname()[0])
        except OSError:
            return None
    address = ipaddress.ip_address(found)
    return None if address.is_loopback or address.is_unspecified else found


def is_good(certificate: Path, *, host: str, now: datetime) -> bool:
    """Whether there is a certificate for this address that lasts for another week."""
    try:
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    hosts = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return host in hosts and known.not_valid_after_utc > now + RENEWED


def write_certificate(address: PhoneAddress, *, now: datetime) -> None:
    """A P-256 key, for its owner alone, and a certificate that it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Campus on this network")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # phones whose clock is behind
        .not_valid_after(now + GOOD_FOR)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address.host))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    address.key.unlink(missing_ok=True)
    with os.fdopen(os.open(address.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    address.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))


def qr_lines(text: str) -> list[str]:
    """A QR code in characters, for a terminal with a dark background or a light one."""
    drawn = StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, compact=True, border=2)
    return drawn.getvalue().rstrip("\n").split("\n")
