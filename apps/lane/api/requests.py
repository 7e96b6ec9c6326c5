"""Which requests the lane takes, and what it reads of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, UnreadablePostError

from apps.common.api import COUNTED
from apps.common.errors import Refused
from apps.common.guard import check_head
from apps.common.log_context import log_also
from apps.common.route_limits import is_within
from apps.common.strict_json import UnreadableJSON, loads
from apps.lane.api.sign_in import Bearer, bearer_of
from apps.tenants.addresses import asked_host
from apps.tenants.selectors import campus_by_host

HOSTS_KEPT: Final = 1_000
LONGEST: Final = 64 * 1024  # bytes: evidence is 16 K characters at most, and photos go the long way
MOST_DIGITS: Final = 9  # of a length: zeros before it would hide the rest
# What apps and scripts send. Anything else may ask for another form of the answer.
ACCEPTED: Final = frozenset(
    ("", "*/*", "application/json", "application/json, text/plain, */*", "application/json, */*")
)


@dataclass(frozen=True, kw_only=True)
class LaneRequest:
    """A request that the lane may answer: sent to a campus with a genuine token of it."""

    request: HttpRequest
    host: str
    bearer: Bearer
    body: Mapping[str, Any]

    @property
    def campus_id(self) -> int:
        return self.bearer.campus_id

    def is_within(self, scope: str) -> bool:
        """Count it, once: the view that it may be left to does not count it again."""
        within = is_within(scope, self.bearer.user_id)
        setattr(self.request, COUNTED, {scope: within})
        return within


def asked_of(request: HttpRequest) -> LaneRequest | None:
    """What the lane needs to know; None for whatever is odd. The request stays as it was."""
    if not _is_plain(request) or (settings.SECURE_SSL_REDIRECT and not request.is_secure()):
        return None
    try:
        check_head(request)
        host = asked_host(request).lower()
    except (DisallowedHost, Refused):
        return None
    bearer = bearer_of(request.META["HTTP_AUTHORIZATION"])
    if bearer is None or _campus_at(host, bearer.campus_id) != bearer.campus_id:
        return None
    body = _body_of(request)
    if body is None:
        return None
    log_also(campus_id=bearer.campus_id)
    return LaneRequest(request=request, host=host, bearer=bearer, body=body)


# Which campus a host name led to the last time. The lane's statement asks whether it still does and
# is open; where it is not, the request goes the ordinary way and the host is looked up again.
_campus_of_host: dict[str, int] = {}


def _campus_at(host: str, expected: int) -> int | None:
    if _campus_of_host.get(host) == expected:
        return expected
    campus_id = campus_by_host(host=host)
    if campus_id is not None and len(_campus_of_host) < HOSTS_KEPT:
        _campus_of_host[host] = campus_id
    return campus_id


def forget_host(host: str) -> None:
    _campus_of_host.pop(host, None)


def _is_plain(request: HttpRequest) -> bool:
    """A POST of JSON of a known length, with a token and without a session in a cookie."""
    meta = request.META
    cookies = request.COOKIES if "HTTP_COOKIE" in meta else {}
    length = meta.get("CONTENT_LENGTH") or ""
    return (
        request.method == "POST"
        and not meta.get("QUERY_STRING")
        and meta.get("CONTENT_TYPE") == "application/json"
        and "HTTP_AUTHORIZATION" in meta
        and meta.get("HTTP_ACCEPT", "") in ACCEPTED
        and "HTTP_TRANSFER_ENCODING" not in meta
        and length.isascii()
        and length.isdecimal()
        and len(length) <= MOST_DIGITS
        and 0 < int(length) <= LONGEST
        and settings.SESSION_COOKIE_NAME not in cookies
        and settings.LANGUAGE_COOKIE_NAME not in cookies
    )


def _body_of(request: HttpRequest) -> Mapping[str, Any] | None:
    try:
        text = request.read()
    except UnreadablePostError:
        return None
    again: Any = request  # to be read from its beginning
    again._stream, again._read_started = BytesIO(text), False
    try:
        body = loads(text)
    except UnreadableJSON:
        return None
    return body if isinstance(body, dict) else None
