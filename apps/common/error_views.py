"""What is answered where no view is reached: JSON under the API, pages for people."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults

from apps.common.api import error_body
from apps.common.errors import Invalid, NotFound, Refused
from apps.common.http import wants_json
from apps.common.log_context import request_id


def _json(refusal: Refused) -> JsonResponse:
    return JsonResponse(error_body(refusal), status=refusal.status)


def _page(template: str, *, status: int) -> HttpResponse:
    """Without the request: whatever failed may fail again while the page asks for more."""
    page = render_to_string(template, {"request_id": request_id()})
    return HttpResponse(page, status=status)


def refused(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """A refusal before anything is known of the request: no session, no campus, no person."""
    if wants_json(request):
        return _json(refusal)
    page = render_to_string("refused.html", {"refusal": refusal, "request_id": request_id()})
    return HttpResponse(page, status=refusal.status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return _json(Invalid("bad_request", _("This request could not be read.")))
    return _page("400.html", status=400)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return _json(NotFound("not_found", _("There is nothing at this address.")))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        message = _("Something went wrong on the server. Nothing was saved.")
        return _json(Refused("server_error", message, status=500))
    return _page("500.html", status=500)
