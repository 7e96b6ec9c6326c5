"""Django's handlers with requests whose `Content-Type` may be anything at all.

Django follows the character set that a request names while it makes the request, before any
middleware, and fails there on what cannot be followed: `charset=idna`, `charset=zlib`,
`charset*=a'b'c`. We read UTF-8 alone; `RequestGuard` refuses every other set with 415.
"""

from collections.abc import Mapping
from typing import Any, Final

import django
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest
from django.utils.http import parse_header_parameters

UNREADABLE: Final = {"charset": "unreadable"}  # in the place of parameters that make no sense


class _AnyContentType(HttpRequest):
    """Mixed into both kinds of request."""

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        try:
            found = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (ValueError, LookupError):
            found = "", UNREADABLE
        self.content_type, self.content_params = found[0], dict(found[1])


class Request(_AnyContentType, WSGIRequest):
    pass


class AsyncRequest(_AnyContentType, ASGIRequest):
    pass


class Handler(WSGIHandler):
    request_class = Request


class AsyncHandler(ASGIHandler):
    request_class = AsyncRequest


def wsgi_handler() -> Handler:
    django.setup(set_prefix=False)
    return Handler()


def asgi_handler() -> AsyncHandler:
    django.setup(set_prefix=False)
    return AsyncHandler()
