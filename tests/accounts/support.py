"""A phone for tests: a real P-256 key, and sign-in through the API that phones use."""

import base64
import threading
import uuid
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection
from django.http import HttpRequest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.open_sessions import CAMPUS_KEY
from apps.common.signatures import binding_message
from apps.signin.api.tokens import CampusTokenStrategy
from apps.signin.session_store import SessionStore
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.factories import PASSWORD

LOGIN = "/_allauth/app/v1/auth/login"
SESSION = "/_allauth/app/v1/auth/session"
REFRESH = "/_allauth/app/v1/tokens/refresh"
CHANGE_PASSWORD = "/_allauth/app/v1/account/password/change"
ME = "/api/v1/me"


class Phone:
    """A device with its own key, which never leaves this object."""

    def __init__(self, device_uuid: str = "") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.device_uuid = device_uuid or str(uuid.uuid4())

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(SHA256()))

    def prove(self, *, nonce: str, student_id: int) -> bytes:
        return self.sign(
            binding_message(nonce=nonce, student_id=student_id, device_uuid=self.device_uuid)
        )

    def binding(self, challenge: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """The body of POST /api/v1/me/device."""
        proof = self.prove(nonce=challenge["nonce"], student_id=challenge["student"])
        return {
            "device_uuid": self.device_uuid,
            "public_key": base64.b64encode(self.spki).decode(),
            "nonce": challenge["nonce"],
            "signature": base64.b64encode(proof).decode(),
            "kind": "android",
            "name": "Pixel",
            **changes,
        }


def at(host: str, **headers: str) -> APIClient:
    """A client without any sign-in that talks to this host."""
    return APIClient(headers={"host": host, **headers})


def login(client: APIClient, email: str, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post(LOGIN, {"email": email, "password": password}, **extra)


def tokens(client: APIClient, email: str, password: str = PASSWORD) -> dict[str, Any]:
    """Session, access and refresh token of a fresh sign-in."""
    response = login(client, email, password)
    assert response.status_code == 200, response.content
    meta: dict[str, Any] = response.json()["meta"]
    return meta


def mint_access_token(user: User, campus: Campus) -> str:
    """An access token without a sign-in: for tests that are about something else."""
    request = HttpRequest()
    request.user = user
    with campus_scope(campus):
        request.session = SessionStore()
        request.session[SESSION_KEY] = str(user.pk)
        request.session[BACKEND_SESSION_KEY] = "apps.signin.backends.CampusBackend"
        request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        request.session[CAMPUS_KEY] = campus.pk
        request.session.save()
        token: str = CampusTokenStrategy().create_access_token(request)
    return token


def signed_in(host: str, email: str, password: str = PASSWORD) -> APIClient:
    """A phone's client with a bearer token of that host's campus."""
    access = tokens(at(host), email, password)["access_token"]
    return at(host, Authorization=f"Bearer {access}")


def code_of(response: Any) -> str:
    """The stable code of a refusal."""
    code: str = response.json()["errors"][0]["code"]
    return code


def race(*jobs: Callable[[], Any]) -> list[int]:
    """Send these requests at the same moment, each on its own connection; the sorted statuses."""
    start, answers = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], Any]) -> None:
        try:
            start.wait()
            answers.append(job().status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)
