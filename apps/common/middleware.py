"""What every answer says to browsers and caches between us and them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from django.http import HttpRequest, HttpResponse

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
# allauth's own limits, all of them per minute, do not say when to come back.
LIBRARY_LIMIT_SECONDS: Final = 60
POLICY: Final = ", ".join(f"{name}={who}" for name, who in sorted(FEATURES.items()))


class AnswerHeadersMiddleware:
    """`Cache-Control: no-store`, `Permissions-Policy`, and `Retry-After` with every 429.

    An answer is about a person unless its view says that it is public: nothing on the way keeps a
    copy of it, the browser's own cache of a computer with many users included. A view that only
    forbids keeping it unasked ("private, no-cache") is overruled; `ETag` works all the same.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Permissions-Policy"] = POLICY
        if response.status_code == 429 and "Retry-After" not in response:
            response["Retry-After"] = str(LIBRARY_LIMIT_SECONDS)
        if "public" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "private, no-store"
        return response
