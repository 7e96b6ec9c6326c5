"""What all pages of learning platforms share."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_exempt

from apps.accounts.models import Role
from apps.accounts.requests import has_role, request_viewer
from apps.common.answers import AddressRefused
from apps.common.errors import Refused
from apps.common.http import Target
from apps.enrollments.models import Course
from apps.lti.models import LtiPlatform
from apps.lti.problems import LaunchProblem
from apps.lti.services.claims import Launch
from apps.tenants.middleware import refuse, request_campus

View = Callable[..., HttpResponse]
HOST: Final = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]")


def refusing(view: View) -> View:
    """A refusal is a page; times are the campus's."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with timezone.override(request_campus(request).zone):
                return view(request, *args, **kwargs)
        except Refused as refusal:
            return refuse(request, refusal)

    return page


def signed_in(view: View) -> View:
    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.path)
        return refusing(view)(request, *args, **kwargs)

    return page


def origin_of(url: str) -> str:
    """As a policy may name it; "" for an issuer that is no address, or whose host is no name."""
    try:
        target = Target.of(url)
    except AddressRefused:
        return ""
    return target.origin if HOST.fullmatch(target.host) else ""


def origins_of(platform: LtiPlatform, *more: str) -> list[str]:
    """The origins of a platform, as far as it is known, and of these addresses."""
    addresses = (platform.issuer, platform.auth_login_url, platform.token_url, platform.jwks_url)
    return sorted(set(filter(None, map(origin_of, (*addresses, *more)))))


def with_policy(
    request: HttpRequest,
    response: HttpResponse,
    directives: dict[str, list[str]],
    *,
    framed: bool = False,
) -> HttpResponse:
    """The answer with these directives of the content security policy in the place of ours."""

    @csp_replace(directives)
    def shown(_request: HttpRequest) -> HttpResponse:
        return response

    answer: Any = xframe_options_exempt(shown)(request) if framed else shown(request)
    return answer


def browser_of(request: HttpRequest) -> str:
    return str(request.COOKIES.get(settings.LTI_COOKIE_NAME, ""))


def manages(request: HttpRequest, course: Course) -> bool:
    faculty = request_viewer(request).faculty
    teaches = faculty is not None and course.faculty_id == faculty.pk
    return teaches or has_role(request, Role.ADMIN)


def platform_of(taken: Launch) -> LtiPlatform:
    platform = LtiPlatform.objects.filter(pk=taken.platform_id, is_active=True).first()
    if platform is None:
        raise LaunchProblem.PLATFORM.error()
    return platform
