"""Facts about a request that more than one app needs."""

import ipaddress
import re
from typing import Final

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX: Final = 64  # what one customer gets at least: whoever has one address has them all
_BRACKETED: Final = re.compile(r"^\[([^\]]*)\](?::\d*)?$")
_IPV4_WITH_PORT: Final = re.compile(r"^([0-9.]+):\d*$")


def client_address(request: HttpRequest) -> str | None:
    """The caller's IP address (v4 or v6), or None where it cannot be told.

    The one place that decides it, for limits, audit and lists of sessions alike.
    `X-Forwarded-For` is believed only for as many hops as `TRUSTED_PROXY_COUNT` proxies add,
    counted from the right, so that a client cannot choose its own address.
    """
    hops = settings.TRUSTED_PROXY_COUNT
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    if hops and forwarded != [""] and len(forwarded) >= hops:
        return parsed_address(forwarded[-hops])
    return parsed_address(request.META.get("REMOTE_ADDR") or "")


def parsed_address(text: str) -> str | None:
    """The address in `1.2.3.4:50000`, `[2001:db8::1]:443`, `fe80::1%eth0`; None if there is none.

    An IPv4 address written as an IPv6 one (`::ffff:1.2.3.4`) is the IPv4 address.
    """
    text = text.strip().strip('"')
    written = _BRACKETED.match(text) or _IPV4_WITH_PORT.match(text)
    try:
        address = ipaddress.ip_address((written[1] if written else text).partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def address_group(address: str | None) -> str | None:
    """What limits count by: the IPv4 address, or the /64 of an IPv6 one.

    None for an unknown address: nobody's bucket, for it would be everybody's.
    """
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/{IPV6_PREFIX}", strict=False))


def wants_json(request: HttpRequest) -> bool:
    """API paths answer errors as JSON, pages answer them as pages."""
    return request.path.startswith(("/api/", "/_allauth/"))
