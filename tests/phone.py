"""A student's phone for tests: its own key, its sign-in, and the two requests of a check-in."""

import base64
import hashlib
import itertools
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.accounts.models import Device, Student, User
from apps.qr_otp.selectors import ShownCode, shown_code
from apps.sessions.services import CHECK_IN, subject_of
from apps.tenants.scope import campus_scope
from tests.factories import PASSWORD, Cast

_nonces = itertools.count(1)


def named_frames(frames: Sequence[tuple[bytes, int, int]]) -> list[dict[str, Any]]:
    """As the evidence names them."""
    return [
        {"sha256": hashlib.sha256(jpeg).hexdigest(), "turn": turn, "at_ms": at_ms}
        for jpeg, turn, at_ms in frames
    ]


def sign_in(client: APIClient, user: User) -> str:
    """Sign in as an app does; the client carries the access token from then on."""
    answer = client.post(
        "/_allauth/app/v1/auth/login", {"email": user.email, "password": PASSWORD}, format="json"
    )
    assert answer.status_code == 200, answer.content
    token = answer.json()["meta"]["access_token"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return token


def signed_in(cast: Cast, user: User) -> APIClient:
    client = APIClient(headers={"host": cast.host})
    sign_in(client, user)
    return client


class Phone:
    """Binds a device for the student in the database and speaks REST as the student."""

    def __init__(
        self, cast: Cast, student: Student, *, bind: bool = True, client: Any = None
    ) -> None:
        self.cast = cast
        self.student = student
        self.key = ec.generate_private_key(ec.SECP256R1())
        assert student.user is not None
        self.client = client or signed_in(cast, student.user)
        if bind:
            self.bind()

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def bind(self) -> Device:
        now = datetime.fromisoformat("2026-09-01T08:00:00+00:00")
        with campus_scope(self.cast.campus):
            return Device.objects.create(
                student=self.student,
                device_uuid=f"phone-{self.student.pk}-{next(_nonces)}",
                public_key=self.public_key,
                kind=Device.Kind.ANDROID,
                bound_at=now,
                last_seen_at=now,
            )

    def redeem(self, **body: Any) -> Any:
        return self.client.post("/api/v1/check-in/redeem", body, format="json")

    def ticket(self, token: str) -> str:
        answer = self.redeem(token=token)
        assert answer.status_code == 201, answer.content
        return answer.json()["ticket"]

    def sign(self, message: bytes) -> str:
        return base64.b64encode(self.key.sign(message, ec.ECDSA(hashes.SHA256()))).decode()

    def check_in(
        self,
        ticket: str,
        *,
        selfie: bytes | None = None,
        frames: Sequence[tuple[bytes, int, int]] = (),
        signature: str = "",
        **evidence: Any,
    ) -> Any:
        """Send the evidence; `nonce`, `location` and `beacons` may be given. `frames`: (JPEG,
        turn, milliseconds)."""
        evidence.setdefault("nonce", f"nonce-{next(_nonces):08d}")
        if selfie is not None:
            evidence.setdefault("selfie_sha256", hashlib.sha256(selfie).hexdigest())
        if frames:
            evidence.setdefault("frames", named_frames(frames))
        text = json.dumps({"ticket": ticket, **evidence})
        body: dict[str, Any] = {
            "evidence": text,
            "signature": signature or self.sign(text.encode()),
        }
        if selfie is None:
            return self.client.post("/api/v1/check-in", body, format="json")
        body["selfie"] = SimpleUploadedFile("selfie.jpg", selfie, content_type="image/jpeg")
        if frames:
            body["frames"] = [SimpleUploadedFile("frame.jpg", jpeg) for jpeg, *_rest in frames]
        return self.client.post("/api/v1/check-in", body, format="multipart")

    def offline_item(
        self, session_id: int, token: str, *, counter: int, at: datetime, **evidence: Any
    ) -> dict[str, str]:
        """What the phone keeps of a scan without network, signed."""
        evidence.setdefault("nonce", f"nonce-{next(_nonces):08d}")
        kept = {"session": session_id, "token": token, "counter": counter, "at": at.isoformat()}
        text = json.dumps({**kept, **evidence})
        return {"evidence": text, "signature": self.sign(text.encode())}

    def send_offline(self, *items: Any) -> Any:
        return self.client.post(
            "/api/v1/check-in/offline", {"check_ins": list(items)}, format="json"
        )


def code_of(cast: Cast, session_id: int, now: datetime) -> ShownCode:
    """What the projector of this session shows now."""
    with campus_scope(cast.campus):
        code = shown_code(purpose=CHECK_IN, subject=subject_of(session_id), now=now)
    assert code is not None
    return code
