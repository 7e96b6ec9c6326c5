"""Errors are sent nowhere by default; what is sent says nothing about people."""

import json
import logging
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from apps.common.log_context import log_context
from campus.settings.base import SENTRY_DSN
from campus.settings.errors import start_error_tracking

SECRETS = ("ada@north.example", "a-password-of-hers", "Bearer abcdefghijk", "203.0.113.9")


class Kept(Transport):
    """Keeps what would be sent."""

    sent: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.sent.extend(item.payload.json for item in envelope.items if item.payload.json)


def test_it_is_off_by_default() -> None:
    assert SENTRY_DSN == ""
    assert not start_error_tracking("")
    assert not sentry_sdk.get_client().is_active()


def test_an_error_is_sent_without_values() -> None:
    Kept.sent.clear()
    assert start_error_tracking("https://key@errors.example/1", transport=Kept)
    try:
        with log_context(request_id="0123456789abcdef", campus_id=7):
            email, password, *_ = SECRETS
            sentry_sdk.set_user({"email": email, "ip_address": SECRETS[3]})
            logging.getLogger("x").info("before it %s", password)
            try:
                raise RuntimeError(f"Authorization: {SECRETS[2]}")
            except RuntimeError as error:
                sentry_sdk.capture_exception(error)
    finally:
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)
    (event,) = Kept.sent
    written = json.dumps(event)
    for secret in SECRETS:
        assert secret not in written
    assert event["exception"]["values"][0]["type"] == "RuntimeError"
    assert event["tags"] == {"request_id": "0123456789abcdef", "campus_id": "7"}
    assert "breadcrumbs" not in event


def test_without_the_extra_a_dsn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentry_sdk", None)
    with pytest.raises(Exception, match="install the extra"):
        start_error_tracking("https://key@errors.example/1")
