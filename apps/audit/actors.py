"""The person behind a request, as the audit log remembers them."""

from django.http import HttpRequest

from apps.audit.services import Actor
from apps.common.http import client_address


def request_actor(request: HttpRequest) -> Actor:
    """Who is signed in (name or e-mail, and id) and from where; nobody is “anonymous”."""
    user = request.user
    known = user.is_authenticated
    return Actor(
        id=f"user:{user.pk}" if known else "",
        label=str(user) if known else "anonymous",
        address=client_address(request),
        user_agent=request.headers.get("User-Agent", ""),
    )
