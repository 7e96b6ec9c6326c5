"""`Authorization: Bearer campus_…`: a script that acts as the person whose key it has."""

from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS

from apps.api_keys.bearer import BearerAuthentication, bearer_scheme
from apps.api_keys.models import ApiKey
from apps.api_keys.selectors import key_found
from apps.api_keys.services import key_used, may_have_keys
from apps.api_keys.tokens import ApiKeyToken
from apps.common.errors import Forbidden
from apps.signin.middleware import password_change_required

# What belongs to a person's own sign-ins and phones, and is never a script's.
CLOSED: Final = ("api/v1/me/", "api/v1/check-in")


class KeyAuthentication(BearerAuthentication):
    """Stands before the tokens of phones, and leaves to them whatever is no key of ours."""

    token = ApiKeyToken

    def admitted(self, request: Any, text: str) -> tuple[Any, ApiKey]:
        now = timezone.now()
        key = key_found(text=text, now=now)
        if key is None or not key.user.is_active or not may_have_keys(key.user):
            message = _("This key is unknown, over or revoked.")
            raise AuthenticationFailed(message, code="invalid_key")
        if key.user.must_change_password:
            raise password_change_required()
        _within(request, key)
        key_used(key=key, now=now)
        return key.user, key


def _within(request: Any, key: ApiKey) -> None:
    route = request.resolver_match.route if request.resolver_match else ""
    if route.startswith(CLOSED):
        raise Forbidden("not_by_key", _("This is for people who are signed in, not for keys."))
    if key.scope == ApiKey.Scope.READ and request.method not in SAFE_METHODS:
        raise Forbidden("key_reads_only", _("This key may read and change nothing."))


class KeyAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the API's description names these keys."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return bearer_scheme("API key")
