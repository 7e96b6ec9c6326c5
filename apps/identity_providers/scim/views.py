"""SCIM 2.0 (RFC 7644) below `/scim/v2/`: who is here, and above all who has left."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from apps.accounts.services import student_create
from apps.api_keys.bearer import bearer_of
from apps.audit.services import Actor
from apps.common.errors import Refused
from apps.common.http import client_address
from apps.common.strict_json import UnreadableJSON, loads
from apps.identity_providers.models import ScimClient
from apps.identity_providers.scim.documents import provider_config, resource_types, schemas
from apps.identity_providers.scim.people import ScimUser, listed, scim_user, scim_users, written
from apps.identity_providers.scim.problems import ScimError
from apps.identity_providers.scim.requests import (
    Newcomer,
    Wish,
    filter_of,
    newcomer_of,
    page_of,
    patch_of,
    put_of,
)
from apps.identity_providers.scim_keys import client_found
from apps.identity_providers.services import (
    external_id_set,
    person_leaves,
    person_returns,
    scim_client_used,
)
from apps.tenants.addresses import asked_host, campus_url
from apps.tenants.scope import entered_campus_id

MEDIA: Final = "application/scim+json"
KINDS: Final = {
    "uniqueness": "uniqueness",
    "last_administrator": "mutability",
    "closed_by_hand": "mutability",
    "person_exists": "uniqueness",
    "invalid_person": "invalidValue",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request of a directory whose key was right."""

    request: HttpRequest
    client: ScimClient
    now: datetime
    base: str

    @property
    def actor(self) -> Actor:
        return Actor(
            id=f"scim:{self.client.pk}",
            label=f"SCIM: {self.client.name}",
            address=client_address(self.request),
            user_agent=self.request.headers.get("User-Agent", ""),
        )

    @property
    def body(self) -> Any:
        try:
            return loads(self.request.body)
        except UnreadableJSON as error:
            raise ScimError(400, error.message, "invalidSyntax") from error


View = Callable[..., HttpResponse]


def scim(*methods: str) -> Callable[[View], Callable[..., HttpResponse]]:
    """A view of these methods for directories with a key; everything that goes wrong is SCIM's.

    What a refused request did is undone. A key is no cookie: no page can send it.
    """

    def decorate(view: View) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @never_cache
        @wraps(view)
        def answer(request: HttpRequest, **arguments: str) -> HttpResponse:
            try:
                call = _call(request)
                if request.method not in methods:
                    raise ScimError(405, f"Here one may {', '.join(methods)}.")
                with transaction.atomic():
                    return view(call, **arguments)
            except ScimError as error:
                return _failed(error)
            except Refused as refusal:
                kind = KINDS.get(refusal.code, "")
                return _failed(ScimError(refusal.status, refusal.message, kind))

        return answer

    return decorate


def _call(request: HttpRequest) -> Call:
    if entered_campus_id() is None:
        raise ScimError(404, "No campus lives at this address.")
    client = client_found(text=bearer_of(request))
    if client is None:
        raise ScimError(401, "A bearer token is needed: the key of a SCIM client of the campus.")
    now = timezone.now()
    scim_client_used(client=client, now=now)
    base = campus_url("/scim/v2", host=asked_host(request))
    return Call(request=request, client=client, now=now, base=base)


def _failed(error: ScimError) -> HttpResponse:
    response = reply(error.body(), status=error.status)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def reply(body: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return JsonResponse(body, status=status, content_type=MEDIA)


@scim("GET", "POST")
def users(call: Call) -> HttpResponse:
    if call.request.method == "POST":
        return _enter(call, newcomer_of(call.body))
    query = {name: str(value) for name, value in call.request.GET.items()}
    page = page_of(query)
    total, found = scim_users(call.client, filter_of(query.get("filter", "")), page)
    rows = (written(call.client, one, base=call.base) for one in found)
    return reply(listed(rows, total=total, start=page.start))


@scim("GET", "PUT", "PATCH", "DELETE")
def user(call: Call, person_id: str) -> HttpResponse:
    found = _person(call, person_id)
    method = call.request.method
    if method == "DELETE":  # nothing is deleted: the register needs them
        _change(call, found, Wish(active=False))
        return HttpResponse(status=204)
    if method in ("PUT", "PATCH"):
        _change(call, found, (put_of if method == "PUT" else patch_of)(call.body))
        found = _person(call, person_id)
    return reply(written(call.client, found, base=call.base))


def _person(call: Call, person_id: str) -> ScimUser:
    found = scim_user(call.client, person_id)
    if found is None:
        raise ScimError(404, "No such person on this campus.")
    return found


def _change(call: Call, found: ScimUser, wish: Wish) -> None:
    person = found.member.user
    if wish.external_id is not None:
        external_id_set(
            client=call.client,
            user=person,
            external_id=wish.external_id,
            now=call.now,
            actor=call.actor,
        )
    if wish.active is not None:
        act = person_returns if wish.active else person_leaves
        act(user=person, now=call.now, actor=call.actor)


def _enter(call: Call, newcomer: Newcomer) -> HttpResponse:
    """A new student, where the campus lets the directory enter any."""
    _total, known = scim_users(call.client, ("user_name", newcomer.user_name), page_of({}))
    if known:
        raise ScimError(409, "This person is here already.", "uniqueness")
    if not call.client.creates:
        raise ScimError(403, "People are entered by the office: this directory enters nobody.")
    by_number = call.client.user_name == ScimClient.UserName.NUMBER
    student = student_create(
        code=newcomer.user_name if by_number else newcomer.number,
        first_name=newcomer.first_name,
        last_name=newcomer.last_name,
        email=newcomer.email,
        now=call.now,
        actor=call.actor,
    )
    if student.user is None:
        return _failed(
            ScimError(409, "Entered, and invited: the account is the owner's.", "uniqueness")
        )
    _total, [made] = scim_users(call.client, ("account", str(student.user.pk)), page_of({}))
    _change(call, made, Wish(external_id=newcomer.wish.external_id))
    if newcomer.wish.active is False:
        person_leaves(user=student.user, now=call.now, actor=call.actor)
    body = written(call.client, _person(call, str(made.member.pk)), base=call.base)
    response = reply(body, status=201)
    response["Location"] = body["meta"]["location"]
    return response


@scim("GET")
def config(call: Call) -> HttpResponse:
    return reply(provider_config(call.base))


@scim("GET")
def types(call: Call) -> HttpResponse:
    found = resource_types(call.base)
    return reply(listed(found, total=len(found), start=1))


@scim("GET")
def schema_list(call: Call) -> HttpResponse:
    found = schemas(call.base)
    return reply(listed(found, total=len(found), start=1))


@scim("GET")
def document(call: Call, name: str) -> HttpResponse:
    """One type or schema by its name."""
    for one in (*resource_types(call.base), *schemas(call.base)):
        if one["id"] == name:
            return reply(one)
    raise ScimError(404, "There is no such resource.")


@scim("GET", "POST", "PUT", "PATCH", "DELETE")
def nothing(call: Call, rest: str) -> HttpResponse:
    """Groups for one: sections and courses come by imports."""
    raise ScimError(404, "There is no such resource.")
