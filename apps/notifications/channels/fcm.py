"""Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages, and ErrorCode beside it;
the access token by google-auth.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings

from apps.common.http import HttpAnswer, HttpClient
from apps.notifications.channels.base import (
    HttpChannel,
    OutgoingMessage,
    SendResult,
    SendStatus,
    temporary,
)
from apps.notifications.models import Channel as ChannelName

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
TOKEN_SECONDS: Final = 3600  # where the endpoint does not say how long one is good
TIME_TO_LIVE: Final = "86400s"  # what is a day late is read in the inbox
MAX_BODY: Final = 1000  # characters; the whole payload may have 4,096 bytes


class NoAccess(Exception):
    """The token endpoint gave no access token."""


@dataclass(frozen=True)
class TokenAnswer:
    """An answer of the token endpoint as google-auth reads one; `data` is JSON."""

    data: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class AccessToken:
    """The service account's bearer token: fetched once, kept until shortly before its end.

    google-auth signs the request and keeps the token; our client sends it.
    """

    def __init__(self, credentials: dict[str, str], http: HttpClient) -> None:
        from google.oauth2 import service_account  # 3 MB that web servers do without

        self._account = service_account.Credentials.from_service_account_info(
            credentials, scopes=[SCOPE], additional_claims={"aud": credentials["token_uri"]}
        )
        self._http = http
        self._lock = threading.Lock()

    def get(self) -> str:
        """Raises `NoAccess`, and what the HTTP client raises."""
        with self._lock:
            if not self._account.valid:
                self._account.refresh(self._request)
            return str(self._account.token)

    def forget(self, value: str) -> None:
        """Fetch a new one next time, unless another thread already did."""
        with self._lock:
            if value == self._account.token:
                self._account.token = None

    def _request(
        self, url: str, method: str, body: bytes, headers: Mapping[str, str], **_more: Any
    ) -> TokenAnswer:
        """google-auth's transport. What it would try again or fail on is `NoAccess` here."""
        response = self._http.request(method, url, body=body, headers=headers)
        if response.status != 200:
            raise NoAccess(f"The token endpoint answered {response.status}.")
        answer = response.object()
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            raise NoAccess("The token endpoint answered without a token.")
        lasts = seconds if isinstance(seconds, int) and 0 < seconds < 10**6 else TOKEN_SECONDS
        return TokenAnswer(json.dumps({"access_token": token, "expires_in": lasts}))


class FcmChannel(HttpChannel):
    """One message per token: version 1 of the interface knows no batches on the wire."""

    name = ChannelName.PUSH

    def __init__(self) -> None:
        super().__init__(
            concurrency=settings.NOTIFICATIONS["PUSH_CONCURRENCY"], origins=self._origins
        )
        self._token: AccessToken | None = None
        self._url = ""
        self._token_uri = ""

    def _origins(self) -> list[str]:
        """FCM's, and the token endpoint that the key file names: both chosen by the operator."""
        return [settings.FCM_URL, self._token_uri]

    def is_configured(self) -> bool:
        return bool(settings.FCM_CREDENTIALS_FILE)

    def prepare(self) -> SendResult | None:
        try:
            self._open().get()
        except NoAccess as error:
            # Wrong credentials are the operator's to mend: nobody's message is thrown away.
            return SendResult(status=SendStatus.DOWN, error=str(error))
        except Exception as error:
            return SendResult(
                status=SendStatus.DOWN, error=f"FCM credentials: {type(error).__name__}"
            )
        return None

    def _open(self) -> AccessToken:
        if self._token is None:
            credentials = json.loads(Path(settings.FCM_CREDENTIALS_FILE).read_text())
            project = quote(credentials["project_id"], safe="")
            self._url = f"{settings.FCM_URL.rstrip('/')}/v1/projects/{project}/messages:send"
            self._token_uri = credentials["token_uri"]
            self._token = AccessToken(credentials, self.http)
        return self._token

    def send(self, outgoing: OutgoingMessage) -> SendResult:
        token = self._open()
        body = json.dumps({"message": message_of(outgoing)}).encode()
        for _try in range(2):  # a second time with a fresh token
            try:
                bearer = token.get()
            except NoAccess as error:
                return SendResult(status=SendStatus.DOWN, error=str(error))
            response = self.http.request(
                "POST",
                self._url,
                body=body,
                headers={
                    "Authorization": f"Bearer {bearer}",
                    "Content-Type": "application/json; charset=UTF-8",
                },
            )
            if response.status != 401:
                break
            token.forget(bearer)
        if response.status != 200:
            return refusal(response)
        name = response.object().get("name")
        if not isinstance(name, str):
            return self.odd("200 without a name")
        return SendResult(status=SendStatus.SENT, provider_id=name)


def message_of(outgoing: OutgoingMessage) -> dict[str, Any]:
    """The `Message` of FCM. The tag lets a second copy replace the first on the device."""
    return {
        "token": outgoing.address,
        "notification": {"title": outgoing.title, "body": outgoing.body[:MAX_BODY]},
        "data": {
            **{key: str(value) for key, value in outgoing.data.items()},
            "kind": outgoing.kind,
            "tag": outgoing.tag,
        },
        "android": {
            "priority": "HIGH",
            "ttl": TIME_TO_LIVE,
            "collapse_key": outgoing.tag,
            "notification": {"tag": outgoing.tag},
        },
        "apns": {
            "headers": {"apns-collapse-id": outgoing.tag, "apns-priority": "10"},
            "payload": {"aps": {"sound": "default"}},
        },
    }


def refusal(answer: HttpAnswer) -> SendResult:
    """What an answer other than 200 means for this message and for its token."""
    found = answer.object().get("error")
    error = found if isinstance(found, dict) else {}
    listed = error.get("details")
    details = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    code = next((d["errorCode"] for d in details if "errorCode" in d), error.get("status", ""))
    message = str(error.get("message", ""))
    text = f"{answer.status} {code}: {message}"
    if answer.status == 429 or answer.status >= 500:
        return temporary(answer, text)
    if answer.status == 401:
        return SendResult(status=SendStatus.DOWN, error=text)
    if code in ("UNREGISTERED", "SENDER_ID_MISMATCH") or _blames_token(code, message, details):
        return SendResult(status=SendStatus.GONE, error=text)
    if answer.status == 403:  # the service account lacks the right: the operator's to mend
        return SendResult(status=SendStatus.DOWN, error=text)
    return SendResult(status=SendStatus.REJECTED, error=text)


def _blames_token(code: Any, message: str, details: list[dict[str, Any]]) -> bool:
    """INVALID_ARGUMENT is also said of a bad payload, which is no reason to retire a token."""
    if code != "INVALID_ARGUMENT":
        return False
    listed = [detail.get("fieldViolations") for detail in details]
    rows = [row for rows in listed if isinstance(rows, list) for row in rows]
    fields = [row.get("field") for row in rows if isinstance(row, dict)]
    return "message.token" in fields or "registration token" in message.lower()
