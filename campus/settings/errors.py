"""Unexpected errors to Sentry, or what speaks its language; off without SENTRY_DSN."""

import os
from typing import Any

from django.core.exceptions import ImproperlyConfigured

SENTRY_DSN = os.environ.get("SENTRY_DSN", "")
SENTRY_ENVIRONMENT = os.environ.get("SENTRY_ENVIRONMENT", "production")
# Of a request: who sent it, what it said and what it was about stay here.
KEPT_OF_REQUEST = ("method",)
KEPT_OF_EVENT = (
    *("event_id", "timestamp", "level", "logger", "platform", "environment", "release"),
    *("exception", "transaction", "tags", "request", "sdk", "server_name", "type"),
)


def scrubbed(event: dict[str, Any], _hint: Any = None) -> dict[str, Any]:
    """The event without values of variables, bodies, headers, addresses, people or breadcrumbs."""
    from apps.common.log_context import logged_fields
    from apps.common.logs import without_secrets

    kept = {name: event[name] for name in KEPT_OF_EVENT if name in event}
    if "request" in kept:
        request = kept["request"]
        kept["request"] = {name: request[name] for name in KEPT_OF_REQUEST if name in request}
    for error in (kept.get("exception") or {}).get("values", []):
        error["value"] = without_secrets(str(error.get("value", "")))
        for frame in (error.get("stacktrace") or {}).get("frames", []):
            frame.pop("vars", None)
    kept["tags"] = {name: str(value) for name, value in logged_fields().items()}
    return kept


def start_error_tracking(dsn: str, *, transport: Any = None) -> bool:
    """Whether errors are sent from now on. Raises where the extra is not installed."""
    if not dsn:
        return False
    try:
        import sentry_sdk
    except ImportError as error:
        message = "SENTRY_DSN is set: install the extra, pip install campus-platform[errors]."
        raise ImproperlyConfigured(message) from error
    sentry_sdk.init(
        dsn=dsn,
        environment=SENTRY_ENVIRONMENT,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        traces_sample_rate=0.0,
        before_send=scrubbed,  # type: ignore[arg-type]
        transport=transport,
    )
    return True


start_error_tracking(SENTRY_DSN)
