"""A Google of our own on loopback: certificates, token endpoint, and ID tokens like Google's."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.rsa_keys import rsa_key

CLIENT_ID = "campus-app.apps.googleusercontent.com"
SECRET = "client-secret"


def certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "federated-signon.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


class Google:
    """Counts what it is asked; `answers` maps one-time codes to the claims of their ID token."""

    def __init__(self) -> None:
        self.key = rsa_key("google")
        self.kid = "key-1"
        self.certificate_requests = 0
        self.certificates_answer: tuple[bytes, int] | None = None  # instead of the right one
        self.answers: dict[str, dict[str, Any]] = {}
        self.token_requests: list[dict[str, str]] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.http.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def claims(self, email: str, /, **changes: Any) -> dict[str, Any]:
        """The claims of a genuine token for this Workspace address; None removes one."""
        now = int(time.time())
        given = {
            "iss": "https://accounts.google.com",
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "sub": f"sub-{email}",
            "email": email,
            "email_verified": True,
            "hd": email.rpartition("@")[2],
            "name": "Somebody",
            "picture": "https://example.org/p.jpg",
            "iat": now,
            "exp": now + 3600,
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    def id_token(self, claims: dict[str, Any], **header: Any) -> str:
        headers = {"kid": self.kid, **header}
        kept = {name: value for name, value in headers.items() if value is not None}
        return jwt.encode(claims, self.key, algorithm="RS256", headers=kept)

    def _handler(google: "Google") -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                google.certificate_requests += 1
                if google.certificates_answer is not None:
                    self._send(*google.certificates_answer, "public, max-age=600")
                    return
                self._answer({google.kid: certificate(google.key)}, "public, max-age=600")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = {name: values[0] for name, values in parse_qs(body).items()}
                google.token_requests.append(asked)
                claims = google.answers.pop(asked.get("code", ""), None)
                if claims is None or asked.get("client_secret") != SECRET:
                    self._answer({"error": "invalid_grant"}, "no-store", 400)
                    return
                answer = {"access_token": "at", "token_type": "Bearer", "expires_in": 3599}
                self._answer({**answer, "id_token": google.id_token(claims)}, "no-store")

            def _answer(self, body: dict[str, Any], caching: str, status: int = 200) -> None:
                self._send(json.dumps(body).encode(), status, caching)

            def _send(self, raw: bytes, status: int, caching: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Cache-Control", caching)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:
                """Silence: the test's output is not the place."""

        return Handler
