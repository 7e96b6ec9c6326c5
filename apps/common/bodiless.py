"""Operations of the API that take no body: what is sent to them all the same is refused by name.

An operation takes none when its description says so (`@extend_schema(request=None)`) or when it
is a DELETE.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.permissions import SAFE_METHODS

from apps.common.errors import Invalid
from apps.common.inputs import OF_FORMS
from apps.common.strict_json import FORMS, UnreadableJSON, loads


def check_body_is_expected(request: HttpRequest, view: Callable[..., Any]) -> None:
    """Raises Invalid `unknown_field` for the first field that is sent where none is read."""
    operation = getattr(view, "cls", None)
    if operation is None or request.method in SAFE_METHODS:
        return
    if takes_body(operation, str(request.method)):
        return
    if name := next(iter(_names_in(request)), None):
        raise Invalid("unknown_field", _("There is no such field here."), field=name[:100])


@lru_cache(maxsize=1024)
def takes_body(operation: Any, method: str) -> bool:
    """Whether the description of this view class names a body for the method."""
    handler = getattr(operation, method.lower(), None)
    if handler is None or method == "DELETE":
        return handler is None  # another method is refused by the view itself
    described = getattr(handler, "kwargs", {}).get("schema")
    if described is None:
        return True
    schema = described()
    schema.view, schema.method = operation(request=None, kwargs={}), method
    return schema.get_request_serializer() is not None


def _names_in(request: HttpRequest) -> list[str]:
    if request.content_type in FORMS:
        return [name for name in (*request.POST, *request.FILES) if name != OF_FORMS]
    if not request.body.strip():
        return []
    try:
        sent = loads(request.body)
    except UnreadableJSON as error:
        raise Invalid(error.code, error.message) from error
    if not isinstance(sent, dict):
        raise Invalid("invalid", _("A JSON object is expected."))
    return list(sent)
