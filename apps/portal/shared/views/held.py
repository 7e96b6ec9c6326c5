"""What is answered to forms that could not be acted on: nothing was saved, and how to go on."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE, get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.accounts.permissions import may_enter
from apps.accounts.requests import request_user
from apps.common.errors import Forbidden
from apps.common.http import wants_json
from apps.portal.shared.held import held_context, held_form, held_hold, is_own_form, sent_fields
from apps.portal.shared.pages import not_saved, portal_page
from apps.tenants.middleware import refuse

SIGN_IN_PATHS = ("/accounts/", "/_allauth/")


@require_GET
@never_cache
@portal_page
def held(request: HttpRequest) -> HttpResponse:
    """After signing in again: what was about to be done, to be sent once more or left."""
    _check_member(request)
    found = held_form(request, now=timezone.now())
    context = held_context(found) if found else {}
    return render(request, "portal/shared/held.html", context)


@require_GET
@never_cache
@portal_page
def form_token(request: HttpRequest) -> HttpResponse:
    """A fresh token for the forms of a page that is open since before a sign-in."""
    _check_member(request)
    return JsonResponse({"token": get_token(request), "user": str(request.user.pk)})


def _check_member(request: HttpRequest) -> None:
    """A sign-in of another campus opens nothing here."""
    if not may_enter(request_user(request)):
        raise Forbidden("role_required", _("Your role does not allow this."))


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Instead of Django's bare 403: what was typed is shown again, with a fresh token.

    Only for forms that a page of ours sent: another site's form gets words alone. Forms of the
    sign-in hold passwords and are never shown again.
    """
    if wants_json(request):
        refusal = Forbidden("csrf_failed", _("This page is out of date. Reload it and try again."))
        return refuse(request, refusal)
    if request.headers.get("HX-Request"):
        return not_saved(request, "stale", status=403)
    own = is_own_form(request) and not request.path.startswith(SIGN_IN_PATHS)
    if own and not request.user.is_authenticated and held_hold(request, now=timezone.now()):
        return redirect_to_login(reverse("portal:held"))
    context: dict[str, Any] = {
        "back": request.path if request.path.startswith(SIGN_IN_PATHS) else "",
        "cookies_off": reason == REASON_NO_CSRF_COOKIE and not request.COOKIES,
    }
    fields = sent_fields(request) if own and request.user.is_authenticated else None
    if fields is not None and request.resolver_match is not None:
        context = held_context(
            {
                "path": request.get_full_path(),
                "act": request.resolver_match.url_name,
                "fields": fields,
                "files": bool(request.FILES),
            }
        )
    return render(request, "portal/shared/stale.html", context, status=403)
