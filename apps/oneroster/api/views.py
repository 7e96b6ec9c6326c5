"""OneRoster 1.2 below `/ims/oneroster/`: our roster and our attendance for others, to be read."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from apps.oneroster.api.calls import (
    RosterCall,
    client_actor,
    credentials_of,
    listed,
    oneroster,
)
from apps.oneroster.asked import asked_of
from apps.oneroster.catalogue import (
    GRADEBOOK_LISTS,
    LISTS_OF,
    ROSTER_CORE,
    ROSTER_LISTS,
    Collection,
    found_in,
    narrowed,
    page_of,
    written,
)
from apps.oneroster.problems import UNKNOWN, RosterError, TokenError
from apps.oneroster.selectors import client_by_id
from apps.oneroster.services.clients import client_token, token_refused
from apps.oneroster.tokens import CORE, GRADEBOOK, LIFETIME, ROSTER, OneRosterSecret

# What of the gradebook service is a list of an object of the roster.
OF_ROSTER: Final = frozenset(("classes", "students"))
LONGEST: Final = 20  # scopes that a request names


@csrf_exempt
@never_cache
def token(request: HttpRequest) -> HttpResponse:
    """OAuth 2.0 client credentials (RFC 6749 §4.4)."""
    try:
        return _token(request)
    except TokenError as error:
        response = JsonResponse(error.body(), status=error.status)
        if error.status == 401:
            response["WWW-Authenticate"] = 'Basic realm="OneRoster"'
        return response


def _token(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        raise TokenError("invalid_request", "Tokens are asked for by POST.", status=405)
    if request.POST.get("grant_type") != "client_credentials":
        raise TokenError("unsupported_grant_type", "The grant type is client_credentials.")
    name, secret = credentials_of(request)
    now = timezone.now()
    client = client_by_id(name)
    given = OneRosterSecret.of(secret)
    refused = TokenError("invalid_client", "No client has this id and this secret.", status=401)
    if client is None:
        raise refused
    actor = client_actor(request, client)
    if given is None or given.lookup != client.lookup or not given.proves(client.digest):
        token_refused(client=client, now=now, actor=actor)
        raise refused
    asked = request.POST.get("scope", "").split()[:LONGEST]
    text, made = client_token(client=client, asked=asked, now=now, actor=actor)
    body = {
        "access_token": text,
        "token_type": "Bearer",
        "expires_in": int(LIFETIME.total_seconds()),
        "scope": " ".join(made.scopes),
    }
    return JsonResponse(body)


@oneroster
def roster_list(call: RosterCall, name: str) -> HttpResponse:
    return _list(call, _roster(call, name))


@oneroster
def roster_object(call: RosterCall, name: str, sourced_id: str) -> HttpResponse:
    return _one(call, _roster(call, name), sourced_id)


@oneroster
def roster_inner(call: RosterCall, name: str, sourced_id: str, inner: str) -> HttpResponse:
    """The classes of a student, the students of a class."""
    call.needs(ROSTER)
    return _list(call, _named(ROSTER_LISTS, inner), (name, sourced_id, inner))


@oneroster
def roster_inmost(
    call: RosterCall, name: str, sourced_id: str, inner: str, inner_id: str, inmost: str
) -> HttpResponse:
    """The students of a class of a school."""
    call.needs(ROSTER)
    if (name, inner) != ("schools", "classes"):
        raise _nothing()
    _key(call, ROSTER_LISTS, name, sourced_id)
    return _list(call, _named(ROSTER_LISTS, inmost), (inner, inner_id, inmost))


@oneroster
def gradebook_list(call: RosterCall, name: str) -> HttpResponse:
    call.needs(GRADEBOOK)
    return _list(call, _named(GRADEBOOK_LISTS, name))


@oneroster
def gradebook_object(call: RosterCall, name: str, sourced_id: str) -> HttpResponse:
    call.needs(GRADEBOOK)
    return _one(call, _named(GRADEBOOK_LISTS, name), sourced_id)


@oneroster
def gradebook_inner(call: RosterCall, name: str, sourced_id: str, inner: str) -> HttpResponse:
    call.needs(GRADEBOOK)
    return _list(call, _named(GRADEBOOK_LISTS, inner), (name, sourced_id, inner))


@oneroster
def gradebook_inmost(
    call: RosterCall, name: str, sourced_id: str, inner: str, inner_id: str, inmost: str
) -> HttpResponse:
    """The results of a line item, or of a student, in a class."""
    call.needs(GRADEBOOK)
    if name != "classes" or inner not in ("lineItems", "students") or inmost != "results":
        raise _nothing()
    return _list(
        call,
        _named(GRADEBOOK_LISTS, inmost),
        (name, sourced_id, inmost),
        (inner, inner_id, inmost),
    )


@oneroster
def nothing(call: RosterCall, rest: str) -> HttpResponse:
    """Demographics and resources for two: they are not offered."""
    raise _nothing()


def _roster(call: RosterCall, name: str) -> Collection:
    found = _named(ROSTER_LISTS, name)
    call.needs(*((CORE, ROSTER) if name in ROSTER_CORE else (ROSTER,)))
    return found


def _named(lists: dict[str, Collection], name: str) -> Collection:
    if name not in lists:
        raise _nothing()
    return lists[name]


def _nothing() -> RosterError:
    return RosterError(404, UNKNOWN, "There is nothing at this address.")


def _shown(call: RosterCall, collection: Collection) -> Collection:
    """Without what the campus does not give this reader: not to be filtered by either."""
    return collection if call.client.gives_email else collection.without("email")


def _list(call: RosterCall, collection: Collection, *of: tuple[str, str, str]) -> HttpResponse:
    """`of`: the objects whose list it is: their collection, their id, the name of the list."""
    collection = _shown(call, collection)
    kinds = {name: kind for name, (_field, kind) in collection.queried().items()}
    asked = asked_of(call.query, kinds=kinds, shown=set(collection.shown().values()))
    parts = narrowed(collection, *(_narrowing(call, *one) for one in of))
    page = page_of(collection, parts, asked)
    objects = [written(collection, row, base=call.base, only=asked.fields) for row in page.rows]
    return listed(call, collection.many, objects, asked, page.total)


def _narrowing(call: RosterCall, name: str, sourced_id: str, inner: str) -> Any:
    allowed = LISTS_OF.get(name, {}).get(inner)
    lists = GRADEBOOK_LISTS if name in GRADEBOOK_LISTS else ROSTER_LISTS
    if name == "users" and inner == "classes":
        return _classes_of_user(call, sourced_id)
    if allowed is None:
        raise _nothing()
    return allowed(_key(call, lists, name, sourced_id)[1])


def _classes_of_user(call: RosterCall, sourced_id: str) -> Any:
    """Of a student or of a teacher, as the person is one."""
    place, pk = _key(call, ROSTER_LISTS, "users", sourced_id)
    return LISTS_OF["teachers" if place else "students"]["classes"](pk)


def _key(
    call: RosterCall, lists: dict[str, Collection], name: str, sourced_id: str
) -> tuple[int, int]:
    collection = lists[name]
    found = found_in(collection, collection.parts(), sourced_id)
    if found is None:
        raise RosterError(404, UNKNOWN, "There is no object with this sourcedId.")
    return found[0], found[1]


def _one(call: RosterCall, collection: Collection, sourced_id: str) -> HttpResponse:
    collection = _shown(call, collection)
    query = {"fields": call.query.get("fields", "")}
    asked = asked_of(query, kinds={}, shown=set(collection.shown().values()))
    found = found_in(collection, collection.parts(), sourced_id)
    if found is None:
        raise RosterError(404, UNKNOWN, "There is no object with this sourcedId.")
    return JsonResponse(
        {collection.one: written(collection, found[2], base=call.base, only=asked.fields)}
    )
