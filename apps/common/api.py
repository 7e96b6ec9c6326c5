"""What REST endpoints share: refusals, paging, downloads, throttles.

DRF loads this while it loads its own views: nothing here may import `rest_framework.views`.
"""

from typing import Any, Final

from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.throttling import BaseThrottle

from apps.common.errors import Refused, TooMany
from apps.common.route_limits import is_within, rate_of, scope_of, who_asks

# What the lean lane counted of a request that it then left to its view: within the limit or not.
COUNTED: Final = "counted_within"


class RefusedResponse(exceptions.APIException):
    """Carries a domain refusal through DRF with its own status and code."""

    def __init__(self, refusal: Refused) -> None:
        self.status_code = refusal.status
        self.wait = refusal.retry_after if isinstance(refusal, TooMany) else None
        super().__init__(detail=refusal.message, code=refusal.code)


class Pages(PageNumberPagination):
    """Page-number paging: 50 rows by default, 200 at most."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"


def paged(view: Any) -> Any:
    """Says of a function view that its list comes in `Pages`; belongs above `@api_view`."""
    view.cls.pagination_class = Pages
    return view


class AnyAccept(DefaultContentNegotiation):
    """For downloads: the file is the answer whatever was asked for, and errors are JSON."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def download(view: Any) -> Any:
    """Says of a function view that it answers with a file; belongs above `@api_view`."""
    view.cls.content_negotiation_class = AnyAccept
    return view


def error_body(refusal: Refused) -> dict[str, Any]:
    """The body DRF gives for this refusal, for answers written outside DRF."""
    kind = "server_error" if refusal.status >= 500 else "client_error"
    return {
        "type": kind,
        "errors": [
            {
                "code": refusal.code,
                "detail": str(refusal.message),
                "attr": refusal.extra.get("field"),
            }
        ],
    }


class Throttled(BaseThrottle):
    """At most n requests per user in a window that starts with the first of them.

    Counted in the cache, atomically, so that the limit holds across processes.
    """

    scope = ""

    def allow_request(self, request: Any, view: Any) -> bool:
        known = getattr(request, COUNTED, {}).get(self.scope)
        return is_within(self.scope, who_asks(request)) if known is None else known

    def wait(self) -> float:
        return rate_of(self.scope)[1]


class RouteThrottle(Throttled):
    """The default of every view: what `route_limits` says of its address."""

    def allow_request(self, request: Any, view: Any) -> bool:
        match = request.resolver_match
        self.scope = scope_of(request.method, match.route) if match else ""
        return not self.scope or super().allow_request(request, view)


def throttle(scope: str) -> type[Throttled]:
    """A throttle class for this scope of DEFAULT_THROTTLE_RATES."""
    return type(f"Throttled_{scope}", (Throttled,), {"scope": scope})
