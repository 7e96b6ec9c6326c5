"""What every portal page shares: sign-in, the campus's clock, and refusals shown as pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Role
from apps.accounts.permissions import ADMIN_ROLES, roles_of
from apps.common.errors import Refused
from apps.common.route_limits import is_within, too_many, who_asks
from apps.notifications.selectors import unread_count
from apps.portal.shared.held import held_done, held_hold
from apps.tenants.middleware import refuse, request_campus

View = Callable[..., HttpResponse]

FRAME: Final = "base.html"
# Students' phones load a lighter one, with a bar of tabs.
STUDENT_FRAME: Final = "portal/student/frame.html"


def portal_page(view: View) -> View:
    """For signed-in people; times are shown in the campus's zone; a refusal is a page."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return sign_in_first(request)
        if request.method == "POST":
            held_done(request)
        try:
            with timezone.override(request_campus(request).zone):
                return view(request, *args, **kwargs)
        except Refused as refusal:
            return refuse(request, refusal)

    return page


@contextmanager
def refusals_told(request: HttpRequest) -> Iterator[None]:
    """What is refused inside is said on the page that follows, instead of being a page."""
    try:
        yield
    except Refused as refusal:
        messages.error(request, refusal.message)


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """To the sign-in page. A form is kept until then; what a part of a page asks for is told that
    nothing was saved: a sign-in page in its place would look like an answer."""
    if request.headers.get("HX-Request"):
        return not_saved(request, "signed-out", status=401)
    if request.method in ("GET", "HEAD"):
        return redirect_to_login(request.get_full_path())
    held_hold(request, now=timezone.now())  # noqa: TID251
    return redirect_to_login(reverse("portal:held"))


def not_saved(request: HttpRequest, why: str, *, status: int) -> HttpResponse:
    """A notice for a part of a page (htmx): "signed-out" or "stale". `static/js/site.js` shows it
    whatever the status, and gets the page's forms a fresh token."""
    response = render(request, "portal/shared/_not_saved.html", {"why": why}, status=status)
    response["X-Not-Saved"] = why
    response["HX-Reswap"] = "innerHTML"
    response["HX-Reselect"] = ".notice"
    return response


def check_limit(request: HttpRequest, scope: str) -> None:
    """Raises `TooMany`. The same limit as in the API, which counts together with it."""
    if not is_within(scope, who_asks(request)):
        raise too_many(scope)


def portal_context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the campus, the user's roles on it, and whether the admin is for them.

    `frame` is the template that pages of everybody extend: who only studies here gets the light
    one.

    `unread_messages` is counted (one query) only where a template asks for it: in the navigation.
    """
    if getattr(request, "campus_id", None) is None:
        return {}
    user = getattr(request, "user", None)
    roles = roles_of(user) if user is not None and user.is_authenticated else frozenset()
    may_administer = bool(ADMIN_ROLES & roles) or bool(user and user.is_superuser)
    only_studies = Role.STUDENT in roles and Role.FACULTY not in roles and not may_administer
    return {
        "campus": request_campus(request),
        "frame": STUDENT_FRAME if only_studies else FRAME,
        "source_url": settings.SOURCE_URL,
        "roles": roles,
        "may_administer": may_administer,
        "unread_messages": partial(unread_count, user=user),
    }
