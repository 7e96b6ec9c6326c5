"""One JSON shape for every error of the API."""

from drf_standardized_errors.handler import ExceptionHandler

from apps.common.api import RefusedResponse
from apps.common.errors import Refused


class CampusExceptionHandler(ExceptionHandler):
    """{type, errors: [{code, detail, attr}]}: domain refusals keep their own status and code."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refused):
            return RefusedResponse(exc)
        return super().convert_known_exceptions(exc)
