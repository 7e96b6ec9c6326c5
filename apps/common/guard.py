"""The first look at a request: what nothing behind it could read is refused here.

Stands before sessions, sign-in and views. Refuses with 400 `bad_text` what cannot be stored (NUL in
an address, a header or a form), with 413 `too_large` bodies beyond the limit, however they are
sent, with 415 other character sets than UTF-8, and with the codes of `strict_json` what the sign-in
API is sent: its own reader crashes on deep nesting.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from django.utils import translation
from django.utils.translation import gettext as _

from apps.common.bodies import is_storable_form
from apps.common.bodiless import check_body_is_expected
from apps.common.error_views import refused
from apps.common.errors import Invalid, Refused
from apps.common.languages import spoken
from apps.common.strict_json import FORMS, UnreadableJSON, bad_text, loads
from apps.common.texts import is_storable

SIGN_IN_API: Final = "/_allauth/"
FORM_OF_IT: Final = "/auth/provider/redirect"  # its one address that a page sends a form to
UTF_8: Final = ("utf-8", "utf8", "us-ascii", "ascii")


class RequestGuard:
    """Middleware; the first that reads anything of a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            check_head(request)
            _check_size(request)
            if request.path.startswith(SIGN_IN_API):
                _check_json(request)
        except Refused as refusal:
            return _answer(request, refusal)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], *_arguments: Any
    ) -> HttpResponse | None:
        """Forms, which are read only now: before the view, after everything that may do without."""
        try:
            if request.method == "POST" and request.content_type in FORMS:
                _check_form(request)
            check_body_is_expected(request, view)
        except (MultiPartParserError, SuspiciousOperation, UnreadablePostError) as error:
            return _answer(request, unreadable(error))
        except Refused as refusal:
            return _answer(request, refusal)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A form with files, where a view reads the body itself: its parts were read before."""
        if not isinstance(exception, RawPostDataException):
            return None
        response = _answer(request, unreadable(exception))
        response.undoes = True  # type: ignore[attr-defined]  # see `CampusMiddleware`
        return response


def too_large() -> Refused:
    return Refused("too_large", _("This is too large to be sent at once."), status=413)


def unreadable(error: Exception) -> Refused:
    """The refusal for a body at which Django gave up."""
    if isinstance(error, RequestDataTooBig):
        return too_large()
    return Invalid("bad_request", _("This request could not be read."))


def _unreadable_text() -> Refused:
    error = bad_text()
    return Invalid(error.code, error.message)


def _answer(request: HttpRequest, refusal: Refused) -> HttpResponse:
    with translation.override(spoken(translation.get_language_from_request(request))):
        return refused(request, refusal)


def check_head(request: HttpRequest) -> None:
    """Path, query, headers and cookies; a cookie may carry a NUL in disguise (`\\000`)."""
    query = request.META.get("QUERY_STRING", "")
    heads = (value for name, value in request.META.items() if name.startswith("HTTP_"))
    texts = (request.path_info, query, *heads, *request.COOKIES.values())
    if "%00" in query or not all(is_storable(text) for text in texts if isinstance(text, str)):
        raise _unreadable_text()
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.lower() not in UTF_8:
        raise Refused("unsupported_charset", _("Only UTF-8 can be read."), status=415)


def _check_size(request: HttpRequest) -> None:
    """Bodies are bounded by what they say and, where they do not say, by what comes."""
    limit = _limit_of(request)
    said = request.META.get("CONTENT_LENGTH") or ""
    if said:
        if not said.isascii() or not said.isdecimal():
            raise Invalid("bad_request", _("This request could not be read."))
        if int(said.lstrip("0")[:20] or 0) > limit:
            raise too_large()
    elif _comes_without_length(request):
        _gather(request, limit)


def _comes_without_length(request: HttpRequest) -> bool:
    """In pieces, as HTTP/1.1 says in a header and HTTP/2 does without a word."""
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return True
    newer = request.META.get("SERVER_PROTOCOL", "").startswith(("HTTP/2", "HTTP/3"))
    return newer and request.method not in ("GET", "HEAD")


def _limit_of(request: HttpRequest) -> int:
    larger: dict[str, int] = settings.LARGER_BODIES
    found = (size for path, size in larger.items() if request.path.startswith(path))
    return getattr(request, "admitted", 0) or next(found, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _gather(request: HttpRequest, limit: int) -> None:
    """Read a body without a length; Django would take it for an empty one."""
    source = request.META["wsgi.input"]
    body = bytearray()
    while len(body) <= limit and (part := source.read(min(65_536, limit + 1 - len(body)))):
        body += part
    if len(body) > limit:
        raise too_large()
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


def _check_form(request: HttpRequest) -> None:
    if not is_storable_form(request.POST, request.FILES):
        raise _unreadable_text()


def _check_json(request: HttpRequest) -> None:
    """Whatever it calls itself: the sign-in API reads every body as JSON, and no forms."""
    if request.method == "GET" or request.path.endswith(FORM_OF_IT):
        return
    try:
        if request.body and not isinstance(loads(request.body), dict):
            raise Invalid("parse_error", _("A JSON object is expected."))
    except UnreadableJSON as error:
        raise Invalid(error.code, error.message) from error
    except UnreadablePostError as error:
        raise unreadable(error) from error
