"""`Authorization: Bearer camera_…`: a device that says what it has seen, and may nothing else."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

from apps.api_keys.bearer import BearerAuthentication, bearer_scheme
from apps.cameras.models import Camera
from apps.cameras.selectors import camera_by_token
from apps.cameras.tokens import CameraToken


class CameraAuthentication(BearerAuthentication):
    """The request has no person; `request.auth` is the camera."""

    token = CameraToken

    def admitted(self, request: Any, text: str) -> tuple[AnonymousUser, Camera]:
        camera = camera_by_token(text)
        if camera is None:
            message = _("This key is unknown, replaced, or its camera is switched off.")
            raise AuthenticationFailed(message, code="invalid_camera")
        return AnonymousUser(), camera


class IsCamera(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return isinstance(request.auth, Camera)


class CameraAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the API's description names these keys."""

    target_class = CameraAuthentication
    name = "camera"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return bearer_scheme("Key of a camera")
