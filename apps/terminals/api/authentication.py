"""`Authorization: Bearer terminal_…`: a reader that says what it has read, and may nothing else."""

from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

from apps.terminals.models import CardTerminal
from apps.terminals.selectors import terminal_by_token
from apps.terminals.tokens import TerminalToken

SCHEME: Final = "Bearer"


class TerminalAuthentication(BaseAuthentication):
    """The request has no person; `request.auth` is the terminal."""

    def authenticate(self, request: Any) -> tuple[AnonymousUser, CardTerminal] | None:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        text = text.strip()
        if scheme.lower() != SCHEME.lower() or not text.startswith(TerminalToken.prefix):
            return None
        kind = CardTerminal.Kind.REST
        terminal = terminal_by_token(text, now=timezone.now(), kind=kind)
        if terminal is None:
            message = _("This token is unknown, replaced, or its terminal is switched off.")
            raise AuthenticationFailed(message, code="invalid_terminal")
        return AnonymousUser(), terminal

    def authenticate_header(self, request: Any) -> str:
        return SCHEME


class IsTerminal(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return isinstance(request.auth, CardTerminal)


class TerminalAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the API's description names these tokens."""

    target_class = TerminalAuthentication
    name = "terminal"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Token of a terminal"}
