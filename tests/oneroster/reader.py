"""The other side of our provider: a client with its secret, and requests with its token."""

import base64
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.audit.services import SYSTEM
from apps.oneroster.models import OneRosterClient
from apps.oneroster.services import client_secret_renew
from apps.tenants.scope import campus_scope
from tests.factories import Cast

ROSTER = "/ims/oneroster/rostering/v1p2"
GRADES = "/ims/oneroster/gradebook/v1p2"
TOKEN = "/ims/oneroster/token"
SCOPE = "https://purl.imsglobal.org/spec/or/v1p2/scope/"


class Reader:
    def __init__(self, cast: Cast, **fields: Any) -> None:
        self.cast = cast
        with campus_scope(cast.campus):
            self.row = OneRosterClient.objects.create(
                name="Library",
                purpose="Loans, agreement of 2026",
                digest=b"",
                created_at=timezone.now(),
                **{"gives_email": True, "gives_attendance": True, **fields},
            )
            self.secret = client_secret_renew(client=self.row, now=timezone.now(), actor=SYSTEM)
        self.client = Client(headers={"host": cast.host})
        self.token = ""

    def basic(self, secret: str = "") -> str:
        named = f"{self.row.pk}:{secret or self.secret}"
        return "Basic " + base64.b64encode(named.encode()).decode()

    def ask_token(self, authorization: str | None = None, **form: str) -> Any:
        sent = {"grant_type": "client_credentials", **form}
        headers = {"Authorization": self.basic() if authorization is None else authorization}
        return self.client.post(TOKEN, sent, headers=headers)

    def signed_in(self, *scopes: str) -> "Reader":
        answer = self.ask_token(scope=" ".join(f"{SCOPE}{one}" for one in scopes))
        assert answer.status_code == 200, answer.content
        self.token = answer.json()["access_token"]
        return self

    def get(self, path: str, **query: Any) -> Any:
        base = "" if path.startswith("/") else f"{ROSTER}/"
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.get(f"{base}{path}", query_params=query, headers=headers)

    def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.content
        [rows] = answer.json().values()
        found: list[dict[str, Any]] = rows
        return found

    def refused(self, path: str, status: int, **query: Any) -> str:
        """The standard's code."""
        answer = self.get(path, **query)
        assert answer.status_code == status, answer.content
        body = answer.json()
        assert body["imsx_codeMajor"] == "failure"
        assert body["imsx_severity"] == "error"
        [field] = body["imsx_CodeMinor"]["imsx_codeMinorField"]
        return str(field["imsx_codeMinorFieldValue"])
