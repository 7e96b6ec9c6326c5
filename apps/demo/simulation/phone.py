"""A student's phone over HTTP: its key, its sensors, and what its app does."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.demo.simulation.server import Answer, Client, SimulationError

POLL_S: Final = 0.3
JUDGED_WITHIN_S: Final = 90.0
FACE: Final = "face"


@dataclass(frozen=True, kw_only=True)
class PhoneEvidence:
    """What the phone's sensors say. The ticket, a nonce and the selfie's hash are added."""

    location: dict[str, Any] | None = None
    beacons: list[dict[str, Any]] | None = None
    selfie: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A check-in ready to be sent, once or again."""

    text: str
    signature: bytes
    selfie: bytes | None


@dataclass(kw_only=True)
class Phone:
    """One device. Its private key never leaves this object."""

    client: Client
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    device_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    # --- Setting up ---

    def bind(self) -> Answer:
        """Prove that this device holds its key, so that it becomes the student's own."""
        challenge = self.client.need(
            self.client.post("me/device/challenge"), "Asking for a device challenge"
        )
        message = challenge["message"].replace("{device_uuid}", self.device_uuid)
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        body = {
            "device_uuid": self.device_uuid,
            "public_key": _text(public),
            "nonce": challenge["nonce"],
            "signature": _text(self.sign(message.encode())),
            "kind": "android",
            "name": "Simulated phone",
            "location_permission": True,
            "bluetooth_permission": True,
        }
        return self.client.post("me/device", json=body)

    def consent(self) -> None:
        """Read the wording about faces and agree to it."""
        offered = self.client.need(self.client.get("me/consents"), "Reading the consents")
        version = next(row["version"] for row in offered if row["kind"] == FACE)
        self.client.need(
            self.client.post("me/consents", json={"kind": FACE, "version": version}), "Agreeing"
        )

    def enrol(self, photos: Sequence[bytes]) -> list[str]:
        """Upload photos, wait for the worker's judgement, and return the reasons of refusals.

        Raises `SimulationError` when an upload is refused or nobody judges in time.
        """
        for photo in photos:
            files = {"photo": ("photo.jpg", photo, "image/jpeg")}
            self.client.need(self.client.post("me/face-samples", files=files), "Uploading a photo")
        deadline = time.monotonic() + JUDGED_WITHIN_S
        while time.monotonic() < deadline:
            page = self.client.need(self.client.get("me/face-samples"), "Asking for the photos")
            samples = page["results"]
            if all(sample["status"] != "pending" for sample in samples):
                return [sample["reason"] for sample in samples if sample["status"] == "refused"]
            time.sleep(POLL_S)
        message = "Nobody judges the photos: is a Celery worker running for the queue “faces”?"
        raise SimulationError(message)

    # --- Checking in ---

    def redeem(self, **code: Any) -> Answer:
        """`token=…`, or `session=…` with `text_code=…` or `one_time_code=…`."""
        return self.client.post("check-in/redeem", timed="redeem", json=code)

    def signed(self, ticket: str, evidence: PhoneEvidence) -> Signed:
        """The check-in as this phone signs it: over exactly the text that is sent."""
        selfie = evidence.selfie
        text = json.dumps(
            {
                "ticket": ticket,
                "nonce": uuid.uuid4().hex,
                "location": evidence.location,
                "beacons": evidence.beacons,
                "selfie_sha256": hashlib.sha256(selfie).hexdigest() if selfie else None,
                "device_info": {"app": "simulation"},
            }
        )
        return Signed(text=text, signature=self.sign(text.encode()), selfie=selfie)

    def send(self, signed: Signed) -> Answer:
        body = {"evidence": signed.text, "signature": _text(signed.signature)}
        if signed.selfie is None:
            return self.client.post("check-in", timed="check-in", json=body)
        files = {"selfie": ("selfie.jpg", signed.selfie, "image/jpeg")}
        return self.client.post("check-in", timed="check-in", data=body, files=files)

    def settled(self, attempt: dict[str, Any]) -> dict[str, Any]:
        """The attempt once a worker has compared the face; as it is when nobody does in time."""
        deadline = time.monotonic() + JUDGED_WITHIN_S
        while attempt["outcome"] == "pending" and time.monotonic() < deadline:
            time.sleep(POLL_S)
            answer = self.client.get(f"check-in/attempts/{attempt['id']}")
            attempt = self.client.need(answer, "Asking for the check-in")
        return attempt

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(SHA256()))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
