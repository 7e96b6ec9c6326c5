"""The admin site: entered with a role on the campus, or as the platform's super_admin."""

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, NoReturn, cast

from allauth.account.views import logout as sign_out
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.contrib import messages
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from apps.accounts.permissions import ADMIN_ROLES, roles_of
from apps.audit.actors import request_actor
from apps.audit.services import log_platform_event
from apps.common.errors import Refused
from apps.signin.registry import start_panels
from apps.tenants.middleware import CHOSEN_CAMPUS, refuse_and_undo, request_campus
from apps.tenants.models import Campus
from apps.tenants.scope import NoCampus

# The theme evaluates expressions and sets styles; nowhere else is that allowed.
THEME_CSP = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}


def _zone(request: HttpRequest) -> Any:
    """The campus's clock; the server's where no campus is entered."""
    if getattr(request, "campus_id", None) is None:
        return timezone.get_default_timezone()
    return request_campus(request).zone


class ForeignKeyChoices(AutocompleteJsonView):
    """Choices of a column. Django also takes the other end of a relation, and fails on it."""

    def process_request(self, request: HttpRequest) -> tuple[Any, ...]:
        found: tuple[Any, ...] = super().process_request(request)
        _term, _admin, field, _to = found
        if not isinstance(field, ForeignKey):
            raise PermissionDenied
        return found


class CampusAdminSite(UnfoldAdminSite):
    """Open to super_admins, and to administrators, operators and principals of the campus."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Our own models only: the libraries' tables list the accounts of every campus."""
        models = (
            model_or_iterable if isinstance(model_or_iterable, Iterable) else [model_or_iterable]
        )
        ours = [model for model in models if model.__module__.startswith("apps.")]
        super().register(ours, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not user.is_active or not user.is_authenticated:
            return False
        return user.is_superuser or bool(ADMIN_ROLES & roles_of(user))

    def get_urls(self) -> list[URLPattern]:
        choose = self.admin_view(require_POST(self.choose_campus))
        return [
            path("choose-campus/", choose, name="choose_campus"),
            path("r/<path:where>", self.admin_view(self.no_such_page)),
            *super().get_urls(),
        ]

    def no_such_page(self, request: HttpRequest, where: str) -> NoReturn:
        """Instead of Django's way to a row's own page, which reads rows of every table unscoped.

        No model has such a page.
        """
        raise Http404

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        response: Any = ForeignKeyChoices.as_view(admin_site=self)(request)
        return cast(HttpResponse, response)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Without a campus there are no rows to show: back to the start, where one is chosen.

        What a service refuses is a page that says so, also where a view does not expect it.
        """
        inner = csp_replace(THEME_CSP)(super().admin_view(view, cacheable))

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                with timezone.override(_zone(request)):
                    response: Any = inner(request, *args, **kwargs)
                    if hasattr(response, "render") and not response.is_rendered:
                        response.render()
            except NoCampus:
                messages.warning(request, _("Choose a campus first."))
                return redirect("admin:index")
            except Refused as refusal:
                return refuse_and_undo(request, refusal)
            return response

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One sign-in for everybody: its limits and second factors hold here too."""
        following = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(following, reverse("account_login"))
        return redirect("admin:index" if self.has_permission(request) else "portal:home")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The same way out as on every page: the session ends in the list of sessions too."""
        response: HttpResponse = sign_out(request)
        return response

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The page of the portal: its limits hold, and the other sessions end."""
        return redirect("account_change_password")

    def choose_campus(self, request: HttpRequest) -> HttpResponse:
        """A super_admin works for this campus from now on; an empty choice leaves all."""
        if request.user.is_superuser:
            chosen = request.POST.get("campus")
            campus = get_object_or_404(Campus, slug=chosen, is_active=True) if chosen else None
            if campus is None:
                request.session.pop(CHOSEN_CAMPUS, None)
            else:
                request.session[CHOSEN_CAMPUS] = campus.pk
            log_platform_event(
                actor=request_actor(request),
                action=f"platform.campus.{'left' if campus is None else 'entered'}",
                now=timezone.now(),
                target=campus,
            )
        return redirect("admin:index")

    def index(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The start: what there is to do, then the tables by subject."""
        panels = start_panels(request, now=timezone.now())
        return super().index(request, {**(extra_context or {}), "panels": panels})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Made where it is shown: every page is given it, and the sidebar has a list of its own."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if request.user.is_authenticated and request.user.is_superuser:
            context["campuses"] = list(Campus.objects.filter(is_active=True))
            context["chosen"] = getattr(request, "campus_id", None)
        return context
