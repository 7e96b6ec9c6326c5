"""Web Push: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (VAPID)."""

import base64
import json
import os
import time
from functools import lru_cache
from typing import Final

import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from apps.common.http import AddressRefused, HttpAnswer, Target
from apps.notifications.channels.base import (
    HttpChannel,
    OutgoingMessage,
    SendResult,
    SendStatus,
    temporary,
)
from apps.notifications.models import Channel as ChannelName

TIME_TO_LIVE: Final = 24 * 3600  # seconds that the service keeps it for a browser that is away
TOKEN_SECONDS: Final = 12 * 3600  # RFC 8292 §2: at most 24 h
RENEW_SECONDS: Final = 3600
MAX_BODY: Final = 1000  # characters; services take 4,096 bytes after encryption
SALT_BYTES: Final = 16


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@lru_cache(maxsize=4)
def signing_key(private: str) -> ec.EllipticCurvePrivateKey:
    """P-256 key from the 32 bytes of its secret number, base64url. Raises ValueError."""
    return ec.derive_private_key(int.from_bytes(from_base64url(private)), ec.SECP256R1())


def raw_public(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def public_key() -> str:
    """What the browser subscribes with (`applicationServerKey`); empty where it is not set up."""
    private = settings.VAPID_PRIVATE_KEY
    return unpadded(raw_public(signing_key(private).public_key())) if private else ""


def new_private_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return unpadded(key.private_numbers().private_value.to_bytes(32))


def push_origins() -> list[str]:
    return [origin.strip() for origin in settings.WEB_PUSH_ORIGINS if origin.strip()]


def is_allowed_endpoint(endpoint: str) -> bool:
    """Whether this is the address of a known push service.

    Browsers name the address that our server then talks to: any other would let people send
    requests from inside our network.
    """
    try:
        target = Target.of(endpoint)
    except AddressRefused:
        return False
    return any(target.lies_in(origin) for origin in push_origins())


@lru_cache(maxsize=64)
def _authorization(origin: str, private: str, subject: str, _period: int) -> str:
    """The same header for all messages to one service during one period (an ECDSA signature)."""
    claims = {"aud": origin, "exp": int(time.time()) + TOKEN_SECONDS, "sub": subject}
    token = jwt.encode(claims, signing_key(private), algorithm="ES256")
    return f"vapid t={token}, k={unpadded(raw_public(signing_key(private).public_key()))}"


def encrypted(payload: bytes, p256dh: str, auth: str) -> bytes:
    """The body by RFC 8291: aes128gcm under a key agreed with the browser's."""
    body: bytes = http_ece.encrypt(
        payload,
        salt=os.urandom(SALT_BYTES),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=from_base64url(p256dh),
        auth_secret=from_base64url(auth),
        version="aes128gcm",
    )
    return body


def payload_of(outgoing: OutgoingMessage) -> bytes:
    """What the service worker shows: `showNotification(title, {body, tag, data})`."""
    shown = {
        "title": outgoing.title,
        "body": outgoing.body[:MAX_BODY],
        "tag": outgoing.tag,
        "lang": outgoing.language,
        "data": {**outgoing.data, "kind": outgoing.kind},
    }
    return json.dumps(shown, ensure_ascii=False).encode()


class WebPushChannel(HttpChannel):
    """Every browser names the service that it hears from: one that fails is none of the others'."""

    name = ChannelName.WEB_PUSH
    lost = SendStatus.AWAY

    def __init__(self) -> None:
        super().__init__(
            concurrency=settings.NOTIFICATIONS["PUSH_CONCURRENCY"], origins=push_origins
        )

    def is_configured(self) -> bool:
        return bool(settings.VAPID_PRIVATE_KEY and settings.VAPID_SUBJECT)

    def host_of(self, address: str) -> str:
        try:
            return Target.of(address).host
        except AddressRefused:
            return ""

    def send(self, outgoing: OutgoingMessage) -> SendResult:
        if not is_allowed_endpoint(outgoing.address):
            return SendResult(
                status=SendStatus.GONE, error="Not the address of a known push service."
            )
        answer = self.http.request(
            "POST",
            outgoing.address,
            body=encrypted(payload_of(outgoing), *outgoing.keys),
            headers={
                "Authorization": _authorization(
                    Target.of(outgoing.address).origin,
                    settings.VAPID_PRIVATE_KEY,
                    settings.VAPID_SUBJECT,
                    int(time.time()) // RENEW_SECONDS,
                ),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(TIME_TO_LIVE),
                "Urgency": "high",
                "Topic": outgoing.tag,  # RFC 8030 §5.4: a second copy replaces the first
            },
        )
        return send_result(answer)


def send_result(answer: HttpAnswer) -> SendResult:
    if answer.status in (200, 201, 202):
        return SendResult(status=SendStatus.SENT, provider_id=answer.headers.get("Location", ""))
    text = f"{answer.status}: {answer.text()}"
    if answer.status in (404, 410):  # RFC 8030 §7.3: the subscription has ended
        return SendResult(status=SendStatus.GONE, error=text)
    if answer.status == 429 or answer.status >= 500:
        return temporary(answer, text, down=SendStatus.AWAY)
    if answer.status in (401, 403):
        return SendResult(status=SendStatus.AWAY, error=text)
    return SendResult(status=SendStatus.REJECTED, error=text)
