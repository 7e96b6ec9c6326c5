"""People with a first password change it before anything else; and who was heard of when."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.online import online_note
from apps.common.api import RefusedResponse
from apps.common.errors import Forbidden
from apps.common.http import wants_json
from apps.tenants.middleware import refuse
from apps.tenants.scope import entered_campus_id

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
        self.open_paths = (*OPEN_PATHS, settings.STATIC_URL)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(self.open_paths) or not self._must_change(request):
            return self.get_response(request)
        if wants_json(request):
            return refuse(request, _refusal())
        return redirect("account_change_password")

    @staticmethod
    def _must_change(request: HttpRequest) -> bool:
        return bool(getattr(request.user, "must_change_password", False))


# Scans and check-ins are rows of their own, and on the hot path.
NOT_NOTED: Final = frozenset({"api-redeem", "api-check-in", "api-check-in-burst"})
# What a phone does that comes back from a place without network.
COMES_BACK: Final = frozenset({"api-check-in-offline"})
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
        if name in NOT_NOTED or entered_campus_id() is None or user is None or user.pk is None:
            return response
        opening = name in COMES_BACK or request.path.startswith(SIGN_IN_PATHS)
        online_note(user_id=user.pk, now=timezone.now(), opening=opening)
        return response
