"""What every answer says to browsers and caches between us and them."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from apps.common.log_context import REQUEST_ID_HEADER, log_context, new_request_id
from apps.common.measures import count, observe

# Ours alone where a page needs it; nobody else's frame or script gets any of it.
FEATURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "accelerometer",
                "autoplay",
                "bluetooth",
                "browsing-topics",
                "clipboard-read",
                "display-capture",
                "encrypted-media",
                "gyroscope",
                "hid",
                "idle-detection",
                "local-fonts",
                "magnetometer",
                "microphone",
                "midi",
                "payment",
                "picture-in-picture",
                "serial",
                "usb",
                "window-management",
                "xr-spatial-tracking",
            ),
            "()",
        ),
        # The check-in, passkeys, and the projector.
        **dict.fromkeys(
            (
                "camera",
                "clipboard-write",
                "fullscreen",
                "geolocation",
                "publickey-credentials-create",
                "publickey-credentials-get",
                "screen-wake-lock",
            ),
            "(self)",
        ),
    }
)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# allauth's own limits, all of them per minute, do not say when to come back.
LIBRARY_LIMIT_SECONDS: Final = 60
POLICY: Final = ", ".join(f"{name}={who}" for name, who in sorted(FEATURES.items()))


class RequestIdMiddleware:
    """Gives each request an id: in its log lines, its answer's header, its tasks, error pages.

    A proxy in front may give it (TRUSTED_PROXY_COUNT); what clients send is not believed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        found = new_request_id(given, trusted=settings.TRUSTED_PROXY_COUNT > 0)
        request.request_id = found  # type: ignore[attr-defined]
        started = time.perf_counter()
        with log_context(request_id=found, request=request):
            response = self.get_response(request)
        measure(request, response, time.perf_counter() - started)
        response[REQUEST_ID_HEADER] = found
        return response


def measure(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """By route, never by path: paths have no end, and tokens in them."""
    match = request.resolver_match
    route = match.route if match else "none"
    method = request.method if request.method in METHODS else "other"
    count("campus_requests", str(method), route, str(response.status_code))
    observe("campus_request_seconds", seconds, route)


class AnswerHeadersMiddleware:
    """`Cache-Control: no-store`, `Permissions-Policy`, and `Retry-After` with every 429.

    Also what Django's middlewares say, for answers that come before them: a request by http or for
    a host that is not ours.

    An answer is about a person unless its view says that it is public: nothing on the way keeps a
    copy of it, the browser's own cache of a computer with many users included. A view that only
    forbids keeping it unasked ("private, no-cache") is overruled; `ETag` works all the same.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Permissions-Policy"] = POLICY
        for name, value in usual_headers().items():
            response.setdefault(name, value)
        if getattr(response, "xframe_options_exempt", False):  # its policy names who may frame it
            del response["X-Frame-Options"]
        if response.status_code == 429 and "Retry-After" not in response:
            response["Retry-After"] = str(LIBRARY_LIMIT_SECONDS)
        if "public" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "private, no-store"
        return response


def usual_headers() -> dict[str, str]:
    return {
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
    }


# What people read. Files that are compressed already (PDF, XLSX, images) gain nothing.
COMPRESSED: Final = ("text/", "application/json", "application/javascript", "image/svg+xml")
SECRETS: Final = ("/_allauth/", "/form-token")  # answers that bring tokens


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages, JSON, scripts and styles.

    Not what another site had the browser ask for: somebody who sees the lengths of such answers and
    chooses what is repeated in them can read what else is in them (BREACH). Django adds a random
    length to the others, and masks the forms' tokens anew each time.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not self._may_compress(request, response):
            return response
        return super().process_response(request, response)

    @staticmethod
    def _may_compress(request: HttpRequest, response: HttpResponseBase) -> bool:
        asked_by = request.headers.get("Sec-Fetch-Site", "none")
        return (
            asked_by in ("none", "same-origin")
            and not request.path.startswith(SECRETS)
            and response.status_code != 206
            and response.get("Content-Type", "").startswith(COMPRESSED)
        )
