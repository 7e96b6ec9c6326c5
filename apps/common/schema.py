"""The API's description: every operation names all the errors it can answer, in one shape.

What a view cannot know is added here: sign-in, content negotiation, throttles, and the refusals
of the middleware before it. What only the view knows (409, 410 …) it declares itself with an
`OpenApiResponse` or `conflict`; the shape of the body is filled in.
"""

from typing import Any, Final

from django.db.models import TextChoices
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiResponse, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from apps.common.api import AnyAccept, RouteThrottle
from apps.common.inputs import Strict
from apps.common.route_limits import scope_of

# What a status means wherever the view does not say more.
MEANINGS: Final[dict[int, str]] = {
    400: "The input is wrong: `errors` names what, and where (`attr`).",
    401: "Not signed in, or no longer: refresh the token or sign in again.",
    403: "Your role does not allow this.",
    404: "No such thing here, or no campus lives at this address (`unknown_campus`).",
    406: "Only the content type below can be given.",
    409: "A rule says no; `code` says which.",
    410: "It is over.",
    413: "The body is larger than 12 MB (`too_large`).",
    415: "The body's content type cannot be read.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    503: "The database or the storage does not answer; nothing was saved, try again shortly.",
}
ALWAYS: Final = (400, 403, 404, 503)
UNSAID: Final = "No response body"  # drf-spectacular's words for a response without description


class ErrorType(TextChoices):
    VALIDATION = "validation_error"
    CLIENT = "client_error"
    SERVER = "server_error"


@extend_schema_serializer(component_name="Error")
class ErrorOutput(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable; for programs.")
    detail = serializers.CharField(help_text="In the reader's language; for people.")
    attr = serializers.CharField(allow_null=True, help_text="The field at fault, dotted, or null.")


@extend_schema_serializer(component_name="Errors")
class ErrorsOutput(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=ErrorType.choices)
    errors = ErrorOutput(many=True)  # type: ignore[assignment]


def conflict(*codes: str) -> dict[int, Any]:
    """A 409 with these codes, to be added to an operation's `responses`."""
    return {409: OpenApiResponse(description=f"`code` is {' or '.join(codes)}.")}


class ClockTime(OpenApiSerializerFieldExtension):
    """Times of day on the campus's clock: OpenAPI's own format would want an offset from UTC."""

    target_class = "rest_framework.serializers.TimeField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        clock = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"
        return {"type": "string", "pattern": clock, "example": "08:30:00"}


class CampusSchema(AutoSchema):
    """Documents the errors of every operation; views add only their own."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation:
            described = operation["responses"]
            for status in self._error_statuses(operation) | _declared_errors(described):
                described[str(status)] = self._error(status, described.get(str(status), {}))
            operation["responses"] = dict(sorted(described.items()))
            about = operation.get("description", "")
            operation.setdefault("summary", about.partition(". ")[0].rstrip("."))
        return operation

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """Inputs are closed: what they do not name is refused."""
        described = super()._map_basic_serializer(serializer, direction)
        if isinstance(force_instance(serializer), Strict):
            described["additionalProperties"] = False
        return described

    def _error_statuses(self, operation: dict[str, Any]) -> set[int]:
        """What stands before the view or around it may answer."""
        found = set(ALWAYS)
        if not any(isinstance(rule, AllowAny) for rule in self.view.get_permissions()):
            found.add(401)
        if not isinstance(self.view.get_content_negotiator(), AnyAccept):
            found.add(406)
        # The check of a browser's CSRF token reads the body of every POST.
        if "requestBody" in operation or self.method == "POST":
            found |= {413, 415}
        own = [rule for rule in self.view.get_throttles() if not isinstance(rule, RouteThrottle)]
        if own or scope_of(self.method, self.path):
            found.add(429)
        return found

    def _error(self, status: int, declared: dict[str, Any]) -> dict[str, Any]:
        said = declared.get("description", UNSAID)
        shape = self.resolve_serializer(ErrorsOutput, "response").ref
        return {
            "description": MEANINGS[status] if said in ("", UNSAID) else said,
            "content": {"application/json": {"schema": shape}},
        }


def _declared_errors(responses: dict[str, Any]) -> set[int]:
    return {int(status) for status in responses if int(status) >= 400}
