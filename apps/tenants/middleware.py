"""Enters the campus that a request belongs to, in one transaction per request."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from apps.common.api import error_body
from apps.common.deadlocks import KeptBody, ended_by, is_overtaken, note_failure
from apps.common.errors import NotFound, Refused, TooMany
from apps.common.http import is_from_this_machine, wants_json
from apps.common.log_context import log_also
from apps.common.measures import count
from apps.common.route_limits import is_within, scope_of, too_many, who_of_page
from apps.common.rows import FixedQuery
from apps.tenants.addresses import asked_host, asked_origin, campus_url, is_loopback
from apps.tenants.master_key import MasterKeyRefused
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_by_host, campus_id_by_slug, campus_is_open

logger = logging.getLogger(__name__)

CHOSEN_CAMPUS = "chosen_campus_id"
CAMPUS_HEADER = "X-Campus"
DATABASE_RETRY_SECONDS = 5
# Whoever holds what a request needs has not ended yet; the server itself could not do it.
UNAVAILABLE: Final = ("locked", "away")
PLATFORM_PATHS = ("/healthz", "/readyz", "/metrics")  # on every host, for machines

_CAMPUS: Final = FixedQuery(Campus, "id = %s")

Resolver = Callable[[HttpRequest], int | None]


def by_choice(request: HttpRequest) -> int | None:
    """The campus that a platform administrator chose in the admin's header."""
    chosen = request.session.get(CHOSEN_CAMPUS)
    if chosen is None or not request.user.is_superuser:
        return None
    return int(chosen) if campus_is_open(campus_id=int(chosen)) else None


def by_host(request: HttpRequest) -> int | None:
    """The campus whose domain the request was sent to."""
    return campus_by_host(host=asked_host(request))


def by_header(request: HttpRequest) -> int | None:
    """The campus that a phone names when it signs in at a host that belongs to none.

    Last of the resolvers: a domain or a token decides before it. Naming a campus opens nothing,
    since only people with a role there get in.
    """
    slug = request.headers.get(CAMPUS_HEADER, "")
    return campus_id_by_slug(slug=slug) if slug else None


class CampusMiddleware:
    """Resolves the campus (settings.CAMPUS_RESOLVERS, first answer wins) and enters its scope.

    Each resolver answers with open campuses only: a campus that is switched off has no host, no
    tokens and no calendars (tests/tenants/test_closed.py walks through them all).

    An answer of 500 or above rolls the request back whole; a refusal (4xx) is committed, because
    a refused attempt is a row, save one that no view expected (`refuse_and_undo`). A request for
    no known campus is a 404, except for the paths in settings.CAMPUS_FREE_PATHS, which run outside
    every scope. What another transaction ended, by a deadlock or by being faster with what must be
    there once, runs once more.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.resolvers: Iterable[Resolver] = [
            import_string(path) for path in settings.CAMPUS_RESOLVERS
        ]
        self.free_paths: tuple[str, ...] = tuple(settings.CAMPUS_FREE_PATHS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(settings.STATIC_URL) or request.path in PLATFORM_PATHS:
            return self.get_response(request)
        try:
            return self._respond(request)
        except (OperationalError, InterfaceError):
            logger.exception("The database did not answer.")
            return self._unavailable(request)
        except MasterKeyRefused as error:  # replaced meanwhile, or not asked at the start
            logger.critical("%s", error)
            return self._set_up_wrongly(request)

    def _respond(self, request: HttpRequest) -> HttpResponse:
        campus_id = next((found for r in self.resolvers if (found := r(request))), None)
        request.campus_id = campus_id  # type: ignore[attr-defined]
        log_also(campus_id=campus_id)
        if campus_id is None:
            if request.path.startswith(self.free_paths):
                return self._or_unavailable(request, self.get_response(request))
            return self._unknown_campus(request)
        body = KeptBody(request)
        try:
            response = self._respond_in(campus_id, request)
        except IntegrityError as error:  # some constraints are asked at the commit
            if not is_overtaken(error) or not body.rewind(request):
                raise
            return self._respond_in(campus_id, request)
        why = ended_by(request) if response.status_code >= 500 else ""
        if why in UNAVAILABLE:
            return self._unavailable(request)
        if why == "deadlock":
            count("campus_deadlocks", "request")
        if why and body.rewind(request):
            logger.warning("Another transaction ended this one (%s); once more.", why)
            response = self._respond_in(campus_id, request)
        return response

    def _or_unavailable(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        why = ended_by(request) if response.status_code >= 500 else ""
        return self._unavailable(request) if why in UNAVAILABLE else response

    def _respond_in(self, campus_id: int, request: HttpRequest) -> HttpResponse:
        with campus_scope(campus_id, for_request=True):
            response = self.get_response(request)
            if response.status_code >= 500 or getattr(response, "undoes", False):
                transaction.set_rollback(True)
            return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Views' exceptions have become answers when `get_response` returns."""
        note_failure(request, exception)

    def _unknown_campus(self, request: HttpRequest) -> HttpResponse:
        refusal = NotFound("unknown_campus", _("No campus lives at this address."))
        if wants_json(request) or not is_operators(request):
            return refuse(request, refusal)
        context = {"refusal": refusal, "host": asked_host(request)}
        return render(request, "unknown_campus.html", context, status=refusal.status)

    def _unavailable(self, request: HttpRequest) -> HttpResponse:
        refusal = Refused(
            "database_unavailable",
            _("The register cannot be reached right now. Nothing was saved; try again shortly."),
            status=503,
        )
        response = refuse(request, refusal)
        response["Retry-After"] = str(DATABASE_RETRY_SECONDS)
        return response

    def _set_up_wrongly(self, request: HttpRequest) -> HttpResponse:
        message = _("This server is not set up correctly and saves nothing. Tell its operator.")
        response: HttpResponse = JsonResponse(
            error_body(Refused("wrong_master_key", message, status=503)), status=503
        )
        if not wants_json(request):  # a page of its own needs the database
            response = HttpResponse(message, status=503, content_type="text/plain; charset=utf-8")
        return response


def is_operators(request: HttpRequest) -> bool:
    """Whether this comes from who runs the installation: a super administrator, or the machine."""
    return settings.DEBUG or request.user.is_superuser or is_from_this_machine(request)


def refuse(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """The refusal as JSON for API paths and as a page for people."""
    response: HttpResponse
    if wants_json(request):
        response = JsonResponse(error_body(refusal), status=refusal.status)
    else:
        response = render(request, "refused.html", {"refusal": refusal}, status=refusal.status)
    if isinstance(refusal, TooMany):
        response["Retry-After"] = str(refusal.retry_after)
    return response


def refuse_and_undo(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """For a refusal that no view expected: what the request did before it is rolled back."""
    response = refuse(request, refusal)
    response.undoes = True  # type: ignore[attr-defined]
    return response


def request_campus(request: HttpRequest) -> Campus:
    """The campus of this request, read once."""
    campus = getattr(request, "_campus", None)
    if campus is None:
        campus = _CAMPUS.first(request.campus_id)  # type: ignore[attr-defined]
        if campus is None:
            raise Campus.DoesNotExist
        request._campus = campus  # type: ignore[attr-defined]
    return campus


def campus_origin(request: HttpRequest) -> str:
    """`https://host[:port]` of the campus: as this request reached it, where that is a domain of
    the campus, so that everybody in the same network reaches it too; else the campus's own. A page
    that was opened on this very machine names `PHONE_ORIGIN`, where `up` listens for phones."""
    if settings.PHONE_ORIGIN and is_loopback(asked_host(request)):
        return str(settings.PHONE_ORIGIN)
    asked = asked_origin(request)
    if by_host(request) == request.campus_id:  # type: ignore[attr-defined]
        return asked
    try:
        return campus_url("")
    except Refused:  # it has no domain: what was reached can be reached
        return asked


class RouteLimitMiddleware:
    """The limits of `route_limits` for pages and the libraries' addresses; REST views ask alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, arguments: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        scope = scope_of(request.method or "", match.route) if match else ""
        if not scope or hasattr(view, "cls"):
            return None
        if is_within(scope, who_of_page(request, scope, arguments)):
            return None
        return refuse(request, too_many(scope))
