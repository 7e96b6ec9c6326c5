"""`Authorization: Bearer <prefix>…`: what programs show, each kind with a prefix of its own."""

from abc import abstractmethod
from typing import Any, ClassVar, Final

from rest_framework.authentication import BaseAuthentication

from apps.tenants.key_tokens import KeyToken

SCHEME: Final = "Bearer"


def bearer_of(request: Any) -> str:
    """What the request shows as its bearer; empty without."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == SCHEME.lower() else ""


class BearerAuthentication(BaseAuthentication):
    """Admits by a token of one kind, and leaves whatever is none of it to those that follow."""

    token: ClassVar[type[KeyToken]]

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        text = bearer_of(request)
        return self.admitted(request, text) if text.startswith(self.token.prefix) else None

    @abstractmethod
    def admitted(self, request: Any, text: str) -> tuple[Any, Any]:
        """`request.user` and `request.auth`; raises `AuthenticationFailed`, and `Refused`."""

    def authenticate_header(self, request: Any) -> str:
        return SCHEME


def bearer_scheme(description: str) -> dict[str, str]:
    """How the API's description says it."""
    return {"type": "http", "scheme": "bearer", "description": description}
