"""`Authorization: Bearer terminal_…`: a reader that says what it has read, and may nothing else."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

from apps.api_keys.bearer import BearerAuthentication, bearer_scheme
from apps.terminals.models import CardTerminal
from apps.terminals.selectors import terminal_by_token
from apps.terminals.tokens import TerminalToken


class TerminalAuthentication(BearerAuthentication):
    """The request has no person; `request.auth` is the terminal."""

    token = TerminalToken

    def admitted(self, request: Any, text: str) -> tuple[AnonymousUser, CardTerminal]:
        kinds = [CardTerminal.Kind.REST]
        terminal = terminal_by_token(text, now=timezone.now(), kinds=kinds)
        if terminal is None:
            message = _("This token is unknown, replaced, or its terminal is switched off.")
            raise AuthenticationFailed(message, code="invalid_terminal")
        return AnonymousUser(), terminal


class IsTerminal(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return isinstance(request.auth, CardTerminal)


class TerminalAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the API's description names these tokens."""

    target_class = TerminalAuthentication
    name = "terminal"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return bearer_scheme("Token of a terminal")
