"""Facts about a request that more than one app needs."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The caller's IP address (v4 or v6), or None over a unix socket.

    `X-Forwarded-For` is believed only for as many hops as `TRUSTED_PROXY_COUNT` proxies add,
    counted from the right, so that a client cannot choose its own address.
    """
    hops = settings.TRUSTED_PROXY_COUNT
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    candidate = forwarded[-hops] if 0 < hops <= len(forwarded) else request.META.get("REMOTE_ADDR")
    try:
        return str(ipaddress.ip_address(candidate or ""))
    except ValueError:
        return None


def wants_json(request: HttpRequest) -> bool:
    """API paths answer errors as JSON, pages answer them as pages."""
    return request.path.startswith(("/api/", "/_allauth/"))
