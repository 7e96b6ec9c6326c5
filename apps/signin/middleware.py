"""What surrounds sign-in: first passwords, known devices, contacts, allauth's signed writes."""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.common.api import RefusedResponse
from apps.common.errors import Forbidden
from apps.common.http import wants_json
from apps.signin.bound import is_bound
from apps.signin.known_devices import cookie_write, device_of_request
from apps.signin.online import online_note
from apps.tenants.middleware import PLATFORM_PATHS, refuse
from apps.tenants.scope import entered_campus_id
from apps.tenants.signed import signed_act

ACCOUNT_ONLY: Final = gettext_lazy(
    "You came in by your campus's own sign-in, and this page is about your account, which may be "
    "good elsewhere too. Sign out and sign in with your password. You have none? The sign-in page "
    "sends you a link by which to choose one."
)
# What they still reach: changing it (page and phone), signing out, being asked for it again.
OPEN_PATHS: Final = (
    "/accounts/password/",
    "/accounts/logout/",
    "/accounts/reauthenticate/",
    "/_allauth/",
)


def _refusal() -> Forbidden:
    return Forbidden("password_change_required", _("Choose your own password first."))


def password_change_required() -> RefusedResponse:
    """The refusal for DRF, which knows the user of a token only after this middleware."""
    return RefusedResponse(_refusal())


class PasswordChangeMiddleware:
    """Sends signed-in people with `must_change_password` to the page where they do that."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.open_paths = (*OPEN_PATHS, *PLATFORM_PATHS, settings.STATIC_URL)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(self.open_paths) or not self._must_change(request):
            return self.get_response(request)
        if wants_json(request):
            return refuse(request, _refusal())
        query = {"next": request.get_full_path()} if request.method == "GET" else {}
        return redirect(f"{reverse('account_change_password')}?{urlencode(query)}".rstrip("?"))

    @staticmethod
    def _must_change(request: HttpRequest) -> bool:
        must = bool(getattr(request.user, "must_change_password", False))
        return must and not is_bound(request.session)


# What is the account's: another campus's people may be behind it.
OF_THE_ACCOUNT: Final = ("/accounts/", "/_allauth/", "/invitations/", "/my-data/export")
NOT_OF_THE_ACCOUNT: Final = ("/accounts/login/", "/accounts/logout/", "/accounts/provider/")


class BoundSessionMiddleware:
    """Keeps sessions that a campus's provider opened away from what belongs to the account.

    Who runs the provider could set a password there, and come in on other campuses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path
        if (
            path.startswith(OF_THE_ACCOUNT)
            and not path.startswith(NOT_OF_THE_ACCOUNT)
            and is_bound(request.session)
            and request.user.is_authenticated
        ):
            return refuse(request, Forbidden("account_only", str(ACCOUNT_ONLY)))
        return self.get_response(request)


class KnownDeviceMiddleware:
    """Reads the cookie of the browser or app in which somebody signed in before, and writes it
    where somebody has just done so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        known = device_of_request(request)
        request.browser_name = known.name if known else ""  # type: ignore[attr-defined]
        response = self.get_response(request)
        cookie_write(request, response)
        return response


# Scans and check-ins are rows of their own, and on the hot path.
NOT_NOTED: Final = frozenset({"api-redeem", "api-check-in", "api-check-in-rapid-code"})
# What a phone does that comes back from a place without network.
COMES_BACK: Final = frozenset(
    {
        "api-check-in-offline",
        # What its browser asks for by itself, or in order to send what it kept.
        "service_worker",
        "manifest",
        "scan",
        "scan_state",
    }
)
SIGN_IN_PATHS: Final = ("/accounts/", "/_allauth/")


class OnlineMiddleware:
    """Notes in the cache that an account was heard of; offline check-ins ask for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        name = match.url_name if match else None
        user = getattr(request, "user", None)
        if (
            getattr(request, "is_unnoted", False)
            or name in NOT_NOTED
            or entered_campus_id() is None
            or user is None
            or user.pk is None
        ):
            return response
        opening = name in COMES_BACK or request.path.startswith(SIGN_IN_PATHS)
        online_note(user_id=user.pk, now=timezone.now(), opening=opening)
        return response


# Where allauth itself decides who may change a second factor, a password or a session, and does.
LIBRARY_PATHS: Final = ("/accounts/", "/_allauth/")
_ACCOUNTS: Final = User._meta.db_table
_GUARDED_WRITE: Final = re.compile(
    "|".join(
        (
            r"(?:INSERT INTO|UPDATE|DELETE FROM) "
            r'"(mfa_authenticator|socialaccount_socialaccount)" ',
            r'(?:UPDATE|DELETE FROM) "(account_emailaddress|usersessions_usersession)" ',
            rf'UPDATE "({_ACCOUNTS})" (?:SET) (?!"last_login" = %s WHERE)',
        )
    )
)


class LibraryWritesMiddleware:
    """Signs for what allauth's views write into guarded tables (`apps.tenants.signed`).

    Only inside its own addresses, and only for statements of the ORM that begin with such a write:
    nothing that was smuggled into another statement is signed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(LIBRARY_PATHS):
            return self.get_response(request)
        with connection.execute_wrapper(sign_library_write):
            return self.get_response(request)


def sign_library_write(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    found = _GUARDED_WRITE.match(sql)
    if found is None:
        return execute(sql, params, many, context)
    with signed_act(found[found.lastindex or 0]):
        return execute(sql, params, many, context)
