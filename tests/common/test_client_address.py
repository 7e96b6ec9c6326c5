"""One function tells a client's address, and limits count IPv6 by the /64."""

import re
from pathlib import Path

import pytest
from django.test import RequestFactory, override_settings

from apps.common.http import address_group, client_address, parsed_address

ROOT = Path(__file__).resolve().parents[2]
FORWARDED = re.compile(r"REMOTE_ADDR|X[-_]FORWARDED[-_]FOR|X-Real-IP|ipware", re.IGNORECASE)
OWN_HOST = re.compile(r"\.get_host\(|build_absolute_uri|get_current_site")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.8", "203.0.113.8"),
        ("203.0.113.8:50000", "203.0.113.8"),
        (" 203.0.113.8 ", "203.0.113.8"),
        ("[2001:db8:1:3::9]:40000", "2001:db8:1:3::9"),
        ("[2001:db8:1:3::9]", "2001:db8:1:3::9"),
        ('"[2001:db8::9]:443"', "2001:db8::9"),
        ("2001:DB8:0:0::9", "2001:db8::9"),
        ("::ffff:203.0.113.8", "203.0.113.8"),
        ("[::ffff:203.0.113.8]:80", "203.0.113.8"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("_hidden", None),
        ("", None),
        ("203.0.113.8:port", None),
        ("999.0.113.8:80", None),
        ("[2001:db8::9", None),
        ("unix:", None),
    ],
)
def test_an_address_is_read_in_every_spelling(text: str, address: str | None) -> None:
    assert parsed_address(text) == address


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, "192.0.2.77", "127.0.0.1"),
        (1, "192.0.2.77", "192.0.2.77"),
        (1, "192.0.2.77:1234", "192.0.2.77"),
        (1, "10.0.0.1, 192.0.2.77:1234", "192.0.2.77"),
        (2, "10.9.9.9, 192.0.2.77, 192.0.2.1", "192.0.2.77"),
        (1, "10.0.0.1, unknown", None),
        (1, "10.0.0.1,", None),
        (2, "192.0.2.77", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_the_trusted_proxies_decide(hops: int, forwarded: str, address: str | None) -> None:
    request = RequestFactory().get("/", headers={"x-forwarded-for": forwarded})
    with override_settings(TRUSTED_PROXY_COUNT=hops):
        assert client_address(request) == address


def test_limits_count_a_network_of_ipv6_and_nobody_without_address() -> None:
    assert address_group("2001:db8:1:2::1") == address_group("2001:db8:1:2:ffff::7")
    assert address_group("2001:db8:1:2::1") != address_group("2001:db8:1:3::1")
    assert address_group("203.0.113.8") == "203.0.113.8"
    assert address_group(None) is None


def matching(pattern: re.Pattern[str]) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for folder in ("apps", "campus")
        for path in (ROOT / folder).rglob("*.py")
        if pattern.search(path.read_text())
    }


def test_nothing_else_reads_a_clients_address() -> None:
    assert matching(FORWARDED) == {"apps/common/http.py"}


def test_nothing_else_builds_addresses_from_what_a_request_calls_its_host() -> None:
    assert matching(OWN_HOST) == {"apps/tenants/addresses.py"}
