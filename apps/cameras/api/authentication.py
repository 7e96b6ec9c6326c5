"""`Authorization: Bearer camera_…`: a device that says what it has seen, and may nothing else."""

from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

from apps.cameras.models import Camera
from apps.cameras.selectors import camera_by_token
from apps.cameras.tokens import CameraToken

SCHEME: Final = "Bearer"


class CameraAuthentication(BaseAuthentication):
    """The request has no person; `request.auth` is the camera."""

    def authenticate(self, request: Any) -> tuple[AnonymousUser, Camera] | None:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        text = text.strip()
        if scheme.lower() != SCHEME.lower() or not text.startswith(CameraToken.prefix):
            return None
        camera = camera_by_token(text)
        if camera is None:
            message = _("This key is unknown, replaced, or its camera is switched off.")
            raise AuthenticationFailed(message, code="invalid_camera")
        return AnonymousUser(), camera

    def authenticate_header(self, request: Any) -> str:
        return SCHEME


class IsCamera(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return isinstance(request.auth, Camera)


class CameraAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the API's description names these keys."""

    target_class = CameraAuthentication
    name = "camera"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Key of a camera"}
