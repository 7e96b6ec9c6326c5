"""Bearer tokens of phones: the token's campus, its live session, its user."""

from typing import Any

from allauth.headless.contrib.rest_framework.authentication import JWTTokenAuthentication
from allauth.headless.tokens.strategies.jwt import internal
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed

from apps.signin.api.tokens import CAMPUS_CLAIM
from apps.signin.middleware import password_change_required
from apps.tenants.scope import entered_campus_id
from apps.tenants.selectors import campus_is_open

SCHEME = "bearer "


def by_token(request: HttpRequest) -> int | None:
    """Campus resolver for hosts that belong to no campus: the one in the (verified) token."""
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(SCHEME):
        return None
    payload = internal.decode_token(header[len(SCHEME) :].strip(), "access")
    campus_id = payload.get(CAMPUS_CLAIM) if payload else None
    return campus_id if campus_id and campus_is_open(campus_id=campus_id) else None


class PhoneAuthentication(JWTTokenAuthentication):
    """A token is good on its own campus only, while its session lives and its user is active."""

    def authenticate_credentials(self, key: str) -> Any:
        validated = internal.validate_access_token(key)
        if validated is None:
            raise AuthenticationFailed(_("Sign in again."), code="invalid_token")
        user, payload = validated
        if payload.get(CAMPUS_CLAIM) != entered_campus_id():
            raise AuthenticationFailed(
                _("This sign-in belongs to another campus."), code="other_campus"
            )
        if user.must_change_password:
            raise password_change_required()
        return user, payload


class PhoneAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the API's description names these tokens."""

    target_class = PhoneAuthentication
    name = "phone"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
