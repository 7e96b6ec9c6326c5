"""An authenticator in software: it makes passkeys and answers challenges as a phone does."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.utils import timezone
from fido2 import cbor
from fido2.cose import ES256

from apps.tenants.signed import signed_act

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class SoftPasskey:
    """One passkey of one host. What it claims can be changed between two uses."""

    rp_id: str
    origin: str = ""
    synced: bool = False
    verifies: bool = True
    counter: int = 0
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: str = ""

    @property
    def flags(self) -> int:
        synced = ELIGIBLE | BACKED_UP if self.synced else 0
        return PRESENT | (VERIFIED if self.verifies else 0) | synced

    def client_data(self, purpose: str, over: bytes, **changes: Any) -> bytes:
        said = {
            "type": purpose,
            "challenge": text_of(over),
            "origin": self.origin or f"https://{self.rp_id}",
            "crossOrigin": False,
            **changes,
        }
        return json.dumps(said).encode()

    def data(self, flags: int | None = None, rp_id: str = "") -> bytes:
        head = hashlib.sha256((rp_id or self.rp_id).encode()).digest()
        flags = self.flags if flags is None else flags
        return head + bytes([flags]) + self.counter.to_bytes(4, "big")

    def registration(self, options: dict[str, Any]) -> dict[str, Any]:
        """What a browser answers to `creation_options`."""
        public = options["publicKey"]
        self.user_handle = public["user"]["id"]
        cose = cbor.encode(ES256.from_cryptography_key(self.key.public_key()))
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        auth_data = self.data(self.flags | ATTESTED) + attested + cose
        statement = {"fmt": "none", "attStmt": {}, "authData": auth_data}
        challenge = bytes_of(public["challenge"])
        return {
            "id": text_of(self.credential_id),
            "rawId": text_of(self.credential_id),
            "type": "public-key",
            "clientExtensionResults": {"credProps": {"rk": True}},
            "response": {
                "clientDataJSON": text_of(self.client_data("webauthn.create", challenge)),
                "attestationObject": text_of(cbor.encode(statement)),
                "transports": ["internal"],
            },
        }

    def assertion(self, over: bytes, *, rp_id: str = "", **said: Any) -> dict[str, str]:
        """An assertion as check-ins take it."""
        client_data = self.client_data("webauthn.get", over, **said)
        auth_data = self.data(rp_id=rp_id)
        message = auth_data + hashlib.sha256(client_data).digest()
        return {
            "credential_id": text_of(self.credential_id),
            "authenticator_data": text_of(auth_data),
            "client_data_json": text_of(client_data),
            "signature": text_of(self.key.sign(message, ec.ECDSA(SHA256()))),
        }

    def answer(self, options: dict[str, Any]) -> dict[str, Any]:
        """What a browser answers to `request_options`, to sign in."""
        made = self.assertion(bytes_of(options["publicKey"]["challenge"]))
        return {
            "id": made["credential_id"],
            "rawId": made["credential_id"],
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": made["client_data_json"],
                "authenticatorData": made["authenticator_data"],
                "signature": made["signature"],
                "userHandle": self.user_handle,
            },
        }


def registered(user: Any, passkey: SoftPasskey, *, age: timedelta, name: str = "phone") -> Any:
    """Keep this passkey as one that its owner added that long ago."""
    begun = {"publicKey": {"user": {"id": text_of(str(user.pk).encode())}, "challenge": "AA"}}
    with signed_act("mfa_authenticator"):
        return Authenticator.objects.create(
            user=user,
            type=Authenticator.Type.WEBAUTHN,
            data={
                "name": name,
                "credential": passkey.registration(begun),
                "rp_id": passkey.rp_id,
                "synced": passkey.synced,
                "added_at": (timezone.now() - age).isoformat(),
            },
        )
