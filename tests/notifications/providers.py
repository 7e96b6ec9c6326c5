"""Providers on loopback that speak the real protocols, check what they are sent, and count it."""

import base64
import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message as HeaderMap
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.loopback import LoopbackServer, QuietHandler
from tests.rsa_keys import rsa_key

PROJECT = "campus-test"
ACCOUNT = "messages@campus-test.iam.example"


@dataclass(frozen=True)
class Heard:
    """One request as it arrived."""

    path: str
    headers: HeaderMap
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Server(LoopbackServer):
    """HTTP/1.1 on a free port; subclasses answer. `script` holds answers to give first."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.script: deque[Answer] = deque()
        self.lock = threading.Lock()
        server = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def reply(self, method: str) -> None:
                answer = server.hear(Heard(self.path, self.headers, self.body()))
                body = b"" if answer.body is None else json.dumps(answer.body).encode()
                self.send(answer.status, body, answer.headers)

        super().__init__(Handler)

    def hear(self, request: Heard) -> Answer:
        with self.lock:
            self.heard.append(request)
            scripted = self.script.popleft() if self.script and self.is_scripted(request) else None
        return scripted or self.answer(request)

    def is_scripted(self, request: Heard) -> bool:
        return True

    def answer(self, request: Heard) -> Answer:
        raise NotImplementedError


def fcm_error(status: int, code: str, message: str, **more: Any) -> Answer:
    """An error in the shape of Google's API."""
    detail = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}
    details = [detail, *more.pop("details", [])]
    error = {"code": status, "message": message, "status": code, "details": details}
    return Answer(status, {"error": error}, more.pop("headers", {}))


class Firebase(Server):
    """Google's token endpoint (/token) and FCM's messages:send, version 1."""

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa_key("service account")
        self.tokens_given = 0
        self.received: Counter[str] = Counter()  # messages by registration token
        self.tags: Counter[tuple[str, str]] = Counter()  # and by (token, collapse tag)
        self.unregistered: set[str] = set()
        self.delay: Callable[[], None] = lambda: None

    def write_credentials(self, folder: Path) -> Path:
        """A service account's key file, as the console of Google gives it."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = folder / "service-account.json"
        credentials = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "key-1",
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(credentials))
        return path

    def is_scripted(self, request: Heard) -> bool:
        return request.path != "/token"

    def answer(self, request: Heard) -> Answer:
        if request.path == "/token":
            return self._give_token(request)
        if request.path != f"/v1/projects/{PROJECT}/messages:send":
            return Answer(404)
        with self.lock:
            current = f"Bearer access-{self.tokens_given}"
        if request.headers.get("Authorization") != current:
            return fcm_error(401, "UNAUTHENTICATED", "Request had invalid credentials.")
        return self._take(request.json["message"])

    def _give_token(self, request: Heard) -> Answer:
        assert request.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        claims = jwt.decode(
            request.form["assertion"],
            self.key.public_key(),
            algorithms=["RS256"],
            audience=f"{self.url}/token",
            issuer=ACCOUNT,
            options={"require": ["exp", "iat", "aud", "iss"]},
        )
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["exp"] - claims["iat"] <= 3600
        with self.lock:
            self.tokens_given += 1
            token = f"access-{self.tokens_given}"
        return Answer(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _take(self, message: dict[str, Any]) -> Answer:
        token = message["token"]
        if token in self.unregistered:
            return fcm_error(404, "UNREGISTERED", "Requested entity was not found.")
        with self.lock:
            self.received[token] += 1
            self.tags[token, message["android"]["notification"]["tag"]] += 1
        self.delay()
        return Answer(200, {"name": f"projects/{PROJECT}/messages/{self.received[token]}"})


class Twilio(Server):
    """The Messages resource, 2010-04-01."""

    def __init__(self, sid: str, secret: str) -> None:
        super().__init__()
        self.sid = sid
        pair = base64.b64encode(f"{sid}:{secret}".encode()).decode()
        self.expected = f"Basic {pair}"

    def answer(self, request: Heard) -> Answer:
        if request.headers.get("Authorization") != self.expected:
            return Answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
        assert request.path == f"/2010-04-01/Accounts/{self.sid}/Messages.json"
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        body = {"sid": f"SM{len(self.heard):032d}", "status": "queued", "to": request.form["To"]}
        return Answer(201, body)


def unpad(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pad_free(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


class Browser:
    """A subscription of a browser, which can read what was encrypted for it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = b"sixteen secret b"

    @property
    def keys(self) -> dict[str, str]:
        return {"p256dh": pad_free(point(self.key.public_key())), "auth": pad_free(self.secret)}

    def read(self, body: bytes) -> Any:
        """RFC 8188 (one record) under the key of RFC 8291 §3.4, written from the RFCs."""
        salt, id_length = body[:16], body[20]
        sender = body[21 : 21 + id_length]
        shared = self.key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        )
        info = b"WebPush: info\0" + point(self.key.public_key()) + sender
        ikm = HKDF(SHA256(), 32, self.secret, info).derive(shared)
        content_key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(ikm)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(ikm)
        padded = AESGCM(content_key).decrypt(nonce, body[21 + id_length :], None)
        content, mark, _padding = padded.rpartition(b"\2")
        assert mark == b"\2"  # the last record
        return json.loads(content)


class PushService(Server):
    """A browser vendor's push service: RFC 8030, with VAPID (RFC 8292)."""

    def __init__(self, application_key: str) -> None:
        super().__init__()
        self.application_key = application_key

    def answer(self, request: Heard) -> Answer:
        scheme, _space, parts = request.headers["Authorization"].partition(" ")
        values = dict(part.strip().split("=", 1) for part in parts.split(","))
        assert scheme == "vapid"
        assert values["k"] == self.application_key
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unpad(values["k"]))
        claims = jwt.decode(values["t"], key, algorithms=["ES256"], audience=self.url)
        assert claims["sub"].startswith("mailto:")
        assert request.headers["Content-Encoding"] == "aes128gcm"
        assert int(request.headers["TTL"]) > 0
        assert len(request.headers["Topic"]) <= 32
        return Answer(201, None, {"Location": f"{self.url}/message/{len(self.heard)}"})
