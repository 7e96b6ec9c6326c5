"""What every portal page shares: sign-in, the campus's clock, and refusals shown as pages."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.accounts.permissions import ADMIN_ROLES, roles_of
from apps.common.errors import Refused
from apps.notifications.selectors import unread_count
from apps.tenants.middleware import refuse, request_campus

View = Callable[..., HttpResponse]


def portal_page(view: View) -> View:
    """For signed-in people; times are shown in the campus's zone; a refusal is a page."""

    @wraps(view)
    @login_required
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with timezone.override(request_campus(request).zone):
                return view(request, *args, **kwargs)
        except Refused as refusal:
            return refuse(request, refusal)

    return page


def portal_context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the campus, the user's roles on it, and whether the admin is for them.

    `unread_messages` is counted (one query) only where a template asks for it: in the navigation.
    """
    if getattr(request, "campus_id", None) is None:
        return {}
    user = getattr(request, "user", None)
    roles = roles_of(user) if user is not None and user.is_authenticated else frozenset()
    may_administer = bool(ADMIN_ROLES & roles) or bool(user and user.is_superuser)
    return {
        "campus": request_campus(request),
        "roles": roles,
        "may_administer": may_administer,
        "unread_messages": partial(unread_count, user=user),
    }
