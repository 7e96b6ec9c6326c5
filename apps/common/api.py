"""What every REST endpoint shares: error shape, paging, and base serializers."""

from typing import Any

from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination

from apps.common.errors import Refused


class RefusedResponse(exceptions.APIException):
    """Carries a domain refusal through DRF with its own status and code."""

    def __init__(self, refusal: Refused) -> None:
        self.status_code = refusal.status
        super().__init__(detail=refusal.message, code=refusal.code)


class CampusExceptionHandler(ExceptionHandler):
    """One JSON shape for all errors: {type, errors: [{code, detail, attr}]}."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refused):
            return RefusedResponse(exc)
        return super().convert_known_exceptions(exc)


class Pages(PageNumberPagination):
    """Page-number paging: 50 rows by default, 200 at most."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"


def error_body(refusal: Refused) -> dict[str, Any]:
    """The body DRF gives for this refusal, for answers written outside DRF."""
    kind = "server_error" if refusal.status >= 500 else "client_error"
    return {
        "type": kind,
        "errors": [{"code": refusal.code, "detail": str(refusal.message), "attr": None}],
    }
