"""One JSON shape for every error of the API."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import UnreadablePostError
from drf_standardized_errors.handler import ExceptionHandler

from apps.common.api import RefusedResponse
from apps.common.deadlocks import note_failure
from apps.common.errors import Refused
from apps.common.guard import unreadable


class CampusExceptionHandler(ExceptionHandler):
    """{type, errors: [{code, detail, attr}]}: domain refusals keep their own status and code."""

    def convert_unhandled_exceptions(self, exc: Exception) -> Any:
        request = self.context.get("request")
        if request is not None:
            note_failure(request._request, exc)
        return super().convert_unhandled_exceptions(exc)

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, Refused):
            return RefusedResponse(exc)
        if isinstance(exc, SuspiciousOperation | UnreadablePostError):
            return RefusedResponse(unreadable(exc))
        return super().convert_known_exceptions(exc)
