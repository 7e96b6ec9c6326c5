"""One request of a reader whose token was right, and answers in the standard's shapes."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final
from urllib.parse import unquote_plus, urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from apps.api_keys.bearer import bearer_of
from apps.audit.services import Actor
from apps.common.http import client_address
from apps.common.route_limits import is_within, rate_of
from apps.oneroster.asked import AskedPage
from apps.oneroster.models import OneRosterClient
from apps.oneroster.problems import BUSY, FORBIDDEN, UNAUTHORISED, RosterError
from apps.oneroster.selectors import client_of_token, scopes_of
from apps.oneroster.services.clients import client_used
from apps.oneroster.tokens import token_of
from apps.tenants.addresses import asked_origin

PATH: Final = "/ims/oneroster"
LIMIT: Final = "oneroster_client"


@dataclass(frozen=True, kw_only=True)
class RosterCall:
    """`scopes`: what token and reader both allow. `base`: the address before the services."""

    request: HttpRequest
    client: OneRosterClient
    scopes: frozenset[str]
    base: str

    @property
    def query(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.request.GET.items()}

    def needs(self, *scopes: str) -> None:
        """Raises `RosterError` unless one of these is among its own."""
        if not self.scopes.intersection(scopes):
            said = f"This needs the scope {' or '.join(scopes)}."
            raise RosterError(403, FORBIDDEN, said)


View = Callable[..., HttpResponse]


def oneroster(view: View) -> Callable[..., HttpResponse]:
    """A view for readers with a token; everything that goes wrong is answered in OneRoster's shape.

    A token is no cookie: no page can send it.
    """

    @csrf_exempt
    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, **arguments: str) -> HttpResponse:
        try:
            call = _call(request)
            if request.method not in ("GET", "HEAD"):
                raise RosterError(
                    405, FORBIDDEN, "Here one may read alone.", headers={"Allow": "GET, HEAD"}
                )
            return view(call, **arguments)
        except RosterError as error:
            return JsonResponse(error.body(), status=error.status, headers=error.headers)

    return answer


def _call(request: HttpRequest) -> RosterCall:
    now = timezone.now()
    token = token_of(bearer_of(request), now=now)
    client = client_of_token(token) if token else None
    if token is None or client is None:
        raise RosterError(
            401,
            UNAUTHORISED,
            f"A token is needed: ask for one at {PATH}/token with the client id and the secret.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not is_within(LIMIT, client.pk):
        wait = str(rate_of(LIMIT)[1])
        raise RosterError(
            429, BUSY, "Too many requests; wait a minute.", headers={"Retry-After": wait}
        )
    client_used(client=client, now=now)
    return RosterCall(
        request=request,
        client=client,
        scopes=frozenset(token.scopes) & frozenset(scopes_of(client)),
        base=asked_origin(request) + PATH,
    )


def client_actor(request: HttpRequest, client: OneRosterClient) -> Actor:
    return Actor(
        id=f"oneroster:{client.pk}",
        label=f"OneRoster: {client.name}",
        address=client_address(request),
        user_agent=request.headers.get("User-Agent", ""),
    )


def listed(call: RosterCall, name: str, objects: list[Any], asked: AskedPage, total: int) -> Any:
    """A page, with how many there are and where the others lie (RFC 8288)."""
    response = JsonResponse({name: objects})
    response["X-Total-Count"] = str(total)
    response["Link"] = ", ".join(
        f'<{_address(call, asked, offset)}>; rel="{kind}"'
        for kind, offset in _others(asked, total).items()
    )
    return response


def _others(asked: AskedPage, total: int) -> dict[str, int]:
    last = max(0, (total - 1) // asked.limit * asked.limit)
    found = {"first": 0, "last": last}
    if asked.offset + asked.limit < total:
        found["next"] = asked.offset + asked.limit
    if asked.offset > 0:
        found["prev"] = max(0, asked.offset - asked.limit)
    return found


def _address(call: RosterCall, asked: AskedPage, offset: int) -> str:
    query = {**call.query, "limit": str(asked.limit), "offset": str(offset)}
    path = call.request.path.removeprefix(PATH)
    return f"{call.base}{path}?{urlencode(query)}"


def credentials_of(request: HttpRequest) -> tuple[str, str]:
    """Client id and secret: HTTP Basic, each written as in a form (RFC 6749 §2.3.1), or fields of
    the form. Empty where there are none."""
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request.POST.get("client_id", ""), request.POST.get("client_secret", "")
    try:
        text = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _colon, secret = text.partition(":")
    return unquote_plus(name), unquote_plus(secret)
