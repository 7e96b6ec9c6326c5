"""HTTP in both directions: facts about a request to us, and the one client for requests of ours.

Its connections are in `connections`; no other module opens any (`tests/common/test_outgoing.py`).
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlencode

import requests
from django.conf import settings
from django.http import HttpRequest
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import parse_url

from apps.common.answers import AddressRefused, HttpAnswer, Limits, NoAnswer
from apps.common.connections import pools_for, until

PORTS: Final = {"https": 443, "http": 80}
NAME: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
CHUNK: Final = 1 << 16  # bytes
SessionError = requests.RequestException  # what `HttpClient.session()` raises

# What proxies add, each of them at least one.
FORWARDED: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP")

IPV6_PREFIX: Final = 64  # what one customer gets at least: anyone who has one address has them all
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


def is_from_this_machine(request: HttpRequest) -> bool:
    """Whether the caller runs on this machine: what a proxy on it forwards does not."""
    if settings.TRUSTED_PROXY_COUNT or any(name in request.headers for name in FORWARDED):
        return False
    peer = parsed_address(request.META.get("REMOTE_ADDR") or "")
    return peer is not None and ipaddress.ip_address(peer).is_loopback


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
    return request.path.startswith(("/api/", "/_allauth/", "/scim/", "/ims/"))


# --- Requests to others ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a request goes, as the connection itself understands the address."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> "Target":
        """Raises `AddressRefused`."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise AddressRefused("An address is written in ASCII, without spaces and backslashes.")
        try:
            parts = parse_url(url)
        except LocationParseError as error:
            raise AddressRefused("This is no address.") from error
        if parts.scheme not in PORTS or not parts.host or parts.auth or parts.fragment:
            raise AddressRefused("An address is https://host/path, without user and fragment.")
        port = PORTS[parts.scheme] if parts.port is None else parts.port
        return cls(scheme=parts.scheme, host=parts.host, port=port, path=parts.request_uri)

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        usual = self.port == PORTS[self.scheme]
        return f"{self.scheme}://{self.host}" if usual else f"{self.scheme}://{self.place}"

    def lies_in(self, origin: str) -> bool:
        """Whether this is that origin, or (`https://*.example.org`) a name below it."""
        try:
            known = Target.of(origin.replace("://*.", "://", 1))
        except AddressRefused:  # no origin: nothing lies in it
            return False
        if (self.scheme, self.port) != (known.scheme, known.port):
            return False
        if "://*." in origin:
            return self.host.endswith(f".{known.host}") and bool(NAME.fullmatch(self.host))
        return self.host == known.host


class HttpClient:
    """Sends every request that leaves the platform, over connections that are kept open.

    The address is parsed once, by the connection's own parser. `origins()` names what may be
    asked (`https://host`, `https://*.host`); None: any host. The name is resolved once and the
    connection made to an address that was checked: public ones only, and https only, unless
    `OUTGOING_PRIVATE_ADDRESSES` names exactly this host:port or the caller is `trusted`, that is,
    an operator typed the address. Redirects are answers like any other. `limits` hold for the
    whole request, however slowly bytes drip. Proxies of the environment are not used.
    """

    def __init__(
        self,
        *,
        origins: Callable[[], Iterable[str]] | None = None,
        trusted: bool = False,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        connections: int = 1,
    ) -> None:
        self._origins = origins
        self._trusted = trusted
        self._limits = limits
        self._pools = PoolManager(maxsize=connections, block=True)
        self._pools.pool_classes_by_scheme = pools_for(self.may_be_private)

    def may_be_private(self, place: str) -> bool:
        return self._trusted or place in settings.OUTGOING_PRIVATE_ADDRESSES

    def allows(self, url: str) -> bool:
        try:
            self.target(url)
        except AddressRefused:
            return False
        return True

    def target(self, url: str) -> Target:
        """The parsed address, if requests may go there; raises `AddressRefused`."""
        target = Target.of(url)
        if target.scheme != "https" and not self.may_be_private(target.place):
            raise AddressRefused(f"{target.host} is not asked without TLS.")
        if self._origins is not None and not any(
            map(target.lies_in, filter(None, self._origins()))
        ):
            raise AddressRefused(f"{target.origin} is none of the addresses that we know.")
        return target

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        on_bytes: Callable[[int, int], None] | None = None,
    ) -> HttpAnswer:
        """Ask once; `on_bytes(so far, expected)` is called as the body arrives.

        Raises `AddressRefused` and `NoAnswer`.
        """
        target = self.target(url)
        with until(self._limits):
            try:
                pool = self._pools.connection_from_host(target.host, target.port, target.scheme)
                response = pool.urlopen(
                    method,
                    target.path,
                    body=body,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    pool_timeout=math.ceil(self._limits.whole),
                )
                content = self._body(response, on_bytes)
            except (HTTPError, HTTPException, OSError) as error:
                raise NoAnswer(f"{target.host}: {type(error).__name__}") from error
        return HttpAnswer(status=response.status, headers=response.headers, body=content)

    def post_form(
        self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        form = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.request("POST", url, body=urlencode(fields).encode(), headers=form)

    def session(self) -> requests.Session:
        """This client for code that wants a session of `requests`; raises what that raises."""
        session = requests.Session()
        session.trust_env = False
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "identity"  # a body is handed on as it came
        for scheme in PORTS:
            session.mount(f"{scheme}://", Adapter(self))
        return session

    def _body(self, response: Any, on_bytes: Callable[[int, int], None] | None) -> bytes:
        expected = response.headers.get("Content-Length", "")
        content = bytearray()
        try:
            while chunk := response.read(CHUNK, decode_content=False):
                content += chunk
                if len(content) > self._limits.body:
                    raise NoAnswer("the answer is too large")
                if on_bytes:
                    on_bytes(len(content), int(expected[:18]) if expected.isdecimal() else 0)
        except ValueError as error:  # a part with less than no bytes
            response.close()
            raise NoAnswer("the answer cannot be read") from error
        except BaseException:
            response.close()
            raise
        finally:
            response.release_conn()
        return bytes(content)


class Adapter(requests.adapters.BaseAdapter):
    """Carries the requests of a `requests.Session` over our client."""

    def __init__(self, client: HttpClient) -> None:
        super().__init__()
        self._client = client

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            answer = self._client.request(
                request.method or "GET", request.url or "", body=body, headers=request.headers
            )
        except (NoAnswer, AddressRefused) as error:
            raise requests.ConnectionError(str(error), request=request) from error
        response = requests.Response()
        response.status_code, response.request = answer.status, request
        response.headers = requests.structures.CaseInsensitiveDict(answer.headers)
        response.url, response._content = request.url or "", answer.body
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        return response

    def close(self) -> None:
        """The client keeps its connections for the next session."""
