"""An identity provider of our own on loopback, which speaks OpenID Connect with real keys."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.rsa_keys import rsa_key

CLIENT_ID = "campus-client"
SECRET = "s3cret/with:signs+"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
RSA_KEY = rsa_key("provider")


def public_jwk(key: Key, kid: str, **more: Any) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else None
    jwk = (kind or jwt.algorithms.ECAlgorithm).to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": kid, "use": "sig", **more}


class Provider:
    """`heard` counts requests by path; codes are good once and only with their PKCE verifier."""

    def __init__(self) -> None:
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.reset()

    def reset(self) -> None:
        self.key: Key = RSA_KEY
        self.algorithm, self.kid = "RS256", "key-1"
        self.published: list[dict[str, Any]] | None = None  # instead of the key's own
        self.document: dict[str, Any] = {}  # beside what is always there; None removes
        self.userinfo: dict[str, Any] = {}
        self.heard: list[str] = []
        self.token_requests: list[dict[str, str]] = []
        self.codes: dict[str, tuple[dict[str, str], str]] = {}
        self.hangs = False
        self.signed_in: dict[str, Any] = {}  # the claims about who is, at its own page

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.http.server_port}"

    @property
    def issuer(self) -> str:
        return f"http://{self.place}/realm"

    def stop(self) -> None:
        self.hangs = False
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def claims(self, asked: dict[str, str], /, **changes: Any) -> dict[str, Any]:
        """Of a genuine token for this request; None removes one."""
        now = int(time.time())
        given = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "subject-1",
            "nonce": asked.get("nonce"),
            "iat": now,
            "exp": now + 300,
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        headers = {"kid": self.kid, **header}
        return jwt.encode(
            claims,
            self.key,
            algorithm=self.algorithm,
            headers={name: value for name, value in headers.items() if value is not None},
        )

    def code_for(self, asked: dict[str, str], id_token: str) -> str:
        """What the authorization endpoint hands out after somebody has signed in."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = (asked, id_token)
        return code

    def answer_to(self, location: str, *, token: str | None = None, **changes: Any) -> str:
        """The query with which the browser comes back after it was led to `location`."""
        asked = asked_in(location)
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        given = token if token is not None else self.sign(self.claims(asked, **changes))
        code = self.code_for(asked, given)
        return urlencode({"code": code, "state": asked["state"], "iss": self.issuer})

    def metadata(self) -> dict[str, Any]:
        url = f"http://{self.place}"
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{url}/authorize?tenant=1",
            "token_endpoint": f"{url}/token",
            "jwks_uri": f"{url}/keys",
            "userinfo_endpoint": f"{url}/userinfo",
            "end_session_endpoint": f"{url}/logout",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return {name: value for name, value in found.items() if value is not None}

    def keys(self) -> list[dict[str, Any]]:
        return [public_jwk(self.key, self.kid)] if self.published is None else self.published

    def tokens(self, asked: dict[str, str], headers: Any) -> tuple[int, dict[str, Any]]:
        self.token_requests.append(asked)
        client, _colon, secret = basic_of(headers).partition(":")
        begun, id_token = self.codes.pop(asked.get("code", ""), ({}, ""))
        verifier = asked.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=")
        right = (
            (client or asked.get("client_id")) == CLIENT_ID
            and (secret or asked.get("client_secret")) == SECRET
            and begun.get("code_challenge") == challenge.decode()
            and begun.get("redirect_uri") == asked.get("redirect_uri")
        )
        if not right:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "at-1", "token_type": "Bearer", "id_token": id_token}

    def _handler(provider: "Provider") -> type[BaseHTTPRequestHandler]:  # noqa: C901, N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                provider.heard.append(path)
                self._wait()
                if path == "/realm/.well-known/openid-configuration":
                    self._send(200, provider.metadata())
                elif path == "/authorize":
                    self._lead_back()
                elif path == "/keys":
                    self._send(200, {"keys": provider.keys()})
                elif path == "/userinfo" and self.headers["Authorization"] == "Bearer at-1":
                    self._send(200, provider.userinfo)
                else:
                    self._send(404, {})

            def do_POST(self) -> None:
                provider.heard.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._wait()
                asked = {name: values[0] for name, values in parse_qs(body).items()}
                self._send(*provider.tokens(asked, self.headers))

            def _lead_back(self) -> None:
                """As a provider at which the browser is signed in already."""
                back = asked_in(self.path)["redirect_uri"]
                self.send_response(302)
                query = provider.answer_to(self.path, **provider.signed_in)
                self.send_header("Location", f"{back}?{query}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _wait(self) -> None:
                """As a server that took the connection and says nothing."""
                until = time.monotonic() + 8
                while provider.hangs and time.monotonic() < until:
                    time.sleep(0.02)

            def _send(self, status: int, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)
                except OSError:
                    """Nobody waits any more."""

            def log_message(self, format: str, *args: Any) -> None:
                """Silence: the test's output is not the place."""

        return Handler


def asked_in(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def basic_of(headers: Any) -> str:
    scheme, _space, text = headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return ""
    client, _colon, secret = base64.b64decode(text).decode().partition(":")
    return f"{unquote_plus(client)}:{unquote_plus(secret)}"
