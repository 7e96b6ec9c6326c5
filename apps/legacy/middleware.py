"""Large uploads: from pages that were shown to somebody who may send them, and no others."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse

TICKET: Final = "ticket"  # the parameter of the address
TICKET_SECONDS: Final = 6 * 3600
_signer: Final = TimestampSigner(salt="campus.large-upload")


def upload_ticket(path: str) -> str:
    """The address of a form whose body may be as large as TICKETED_BODIES says; good for six hours.

    Bodies are read before anybody's sign-in is looked at: a signature needs neither.
    """
    return f"{path}?{urlencode({TICKET: _signer.sign(path)})}"


class LargeUploadMiddleware:
    """Before the guard of requests (`apps.common.guard`), which asks how much is `admitted`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        largest = settings.TICKETED_BODIES.get(request.path)
        if largest and _has_ticket(request):
            request.admitted = largest  # type: ignore[attr-defined]
        return self.get_response(request)


def _has_ticket(request: HttpRequest) -> bool:
    try:
        signed = request.GET.get(TICKET, "")
        return _signer.unsign(signed, max_age=TICKET_SECONDS) == request.path
    except BadSignature:
        return False
