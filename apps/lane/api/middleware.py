"""The lean lane: two addresses that a whole class asks within a minute, answered early.

`LeanLane` stands in `settings.MIDDLEWARE` behind the request's id, its measures and log lines, and
so keeps them. Of what follows it keeps

- the headers of `KEPT`, which depend on the settings alone: those classes are asked once;
- compression, where a client takes it;
- the guard against what cannot be stored, and https: who does not come by it is led there by the
  ordinary way.

Campus, sign-in, first password and limits are asked in the lane's own statement and services; the
rest is for pages and browsers: sessions in cookies, forms' tokens, messages, static files.

It answers what nearly every request is, a good one. Everything else goes on to the ordinary way
with nothing written: refusals are defined there alone. docs/decisions/0070 says why there is such a
lane, and what keeps both ways equal.
"""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, resolve
from django.utils import timezone, translation
from django.utils.module_loading import import_string

from apps.common.errors import Refused
from apps.common.languages import spoken
from apps.common.middleware import CompressionMiddleware
from apps.lane.api.answers import attempt_body
from apps.lane.api.check_in import check_in
from apps.lane.api.redeem import redeem
from apps.lane.api.requests import LaneRequest, asked_of, forget_host
from apps.lane.api.transactions import LeftToTheView, Unknown
from apps.tenants.fair_shares import HEADERS
from apps.tenants.master_key import MasterKeyRefused

logger = logging.getLogger(__name__)

Answer = Callable[[LaneRequest], tuple[int, dict[str, Any]]]

KEPT: Final = HEADERS
COMPRESSED_FROM: Final = 200  # bytes, Django's own bound


def _redeemed(asked: LaneRequest) -> tuple[int, dict[str, Any]]:
    return 201, redeem(asked, now=timezone.now())


def _checked_in(asked: LaneRequest) -> tuple[int, dict[str, Any]]:
    return 201, attempt_body(check_in(asked, now=timezone.now()))


ADDRESSES: Final[dict[str, Answer]] = {
    "/api/v1/check-in/redeem": _redeemed,
    "/api/v1/check-in": _checked_in,
}


class LeanLane:
    """Middleware; `settings.LEAN_LANE = False` lets every request pass."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.compression = CompressionMiddleware(get_response)
        self.matches: dict[str, ResolverMatch] = {}
        self.allowed: dict[str, str] = {}
        self.usual: dict[bool, list[tuple[str, str]]] = {}  # headers by https

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = ADDRESSES.get(request.path_info) if settings.LEAN_LANE else None
        if answer is None:
            return self.get_response(request)
        return self._answer(request, answer) or self.get_response(request)

    def _answer(self, request: HttpRequest, answer: Answer) -> HttpResponse | None:
        asked = asked_of(request)
        if asked is None:
            return None
        language = translation.get_language_from_request(request)
        try:
            with translation.override(spoken(language)):
                status, body = answer(asked)
        except (LeftToTheView, Refused) as left:
            if isinstance(left, Unknown):
                forget_host(asked.host)
            return None
        except (Error, MasterKeyRefused) as error:
            # What was overtaken or lost its connection is asked again, and answered, by the view.
            logger.info("The lean lane leaves a request to its view: %s", type(error).__name__)
            if (
                isinstance(error, OperationalError | InterfaceError)
                and not connection.in_atomic_block
            ):
                connection.close()  # `together` took it on trust that it lives
            return None
        request.resolver_match = self._match(request.path_info)
        return self._response(request, status, body, language)

    def _match(self, path: str) -> ResolverMatch:
        """For the measures: by which route it came."""
        if path not in self.matches:
            self.matches[path] = resolve(path)
        return self.matches[path]

    def _allowed(self, path: str) -> str:
        """As its view says it, in whichever order."""
        if path not in self.allowed:
            view: Any = self._match(path).func
            self.allowed[path] = ", ".join(view.cls().allowed_methods)
        return self.allowed[path]

    def _response(
        self, request: HttpRequest, status: int, body: dict[str, Any], language: str
    ) -> HttpResponse:
        """As the REST framework and the middlewares that it does not pass would have made it."""
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        response = HttpResponse(content, status=status, content_type="application/json")
        headers = response.headers
        headers["Allow"] = self._allowed(request.path_info)
        headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        headers["Content-Length"] = str(len(content))
        headers["Vary"] = "Accept-Language, Cookie"
        headers["Content-Language"] = language
        self._compress(request, response, len(content))
        secure = request.is_secure()
        if secure not in self.usual:
            self.usual[secure] = _usual_headers(request, set(headers))
        for name, value in self.usual[secure]:
            headers[name] = value
        return response

    def _compress(self, request: HttpRequest, response: HttpResponse, length: int) -> None:
        meta = request.META
        if "HTTP_ACCEPT_ENCODING" in meta or "HTTP_SEC_FETCH_SITE" in meta:
            self.compression.process_response(request, response)
        elif length >= COMPRESSED_FROM:
            response.headers["Vary"] += ", Accept-Encoding"


def _usual_headers(request: HttpRequest, given: set[str]) -> list[tuple[str, str]]:
    """What the kept middlewares add to an answer of this installation."""

    def bare(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(content_type="application/json")

    chain: Callable[[HttpRequest], HttpResponse] = bare
    for path in reversed(KEPT):
        chain = import_string(path)(chain)
    found = chain(request).headers
    return [(name, value) for name, value in found.items() if name not in given]
