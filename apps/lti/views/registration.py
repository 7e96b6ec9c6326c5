"""A platform opens a registration link, and registers itself by it."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps.common.errors import Refused
from apps.common.languages import spoken
from apps.lti.services.linking import CHOICE
from apps.lti.services.registration import (
    Tool,
    configuration_read,
    platform_register,
    registration_of,
)
from apps.lti.views.shared import with_policy
from apps.tenants.addresses import campus_host, campus_url
from apps.tenants.middleware import request_campus

ANYWHERE: Final = ["https:", "http:"]


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest, secret: str) -> HttpResponse:
    """What is to be registered, and a button; then the page that closes itself.

    The link is the permission, and no session is read: so the page may stand in any frame, as
    platforms show it on hosts that their configuration does not name, and takes forms from there.
    """
    now = timezone.now()

    def page() -> HttpResponse:
        registration = registration_of(secret, now=now)
        configuration = configuration_read(request.GET.get("openid_configuration", ""))
        context: dict[str, Any] = {"registration": registration, "there": configuration}
        if request.method == "GET":
            return render(request, "lti/register.html", context)
        context["platform"] = platform_register(
            secret=secret,
            configuration=configuration,
            token=request.GET.get("registration_token", ""),
            tool=_tool(request),
            now=now,
        )
        return render(request, "lti/registered.html", context)

    return _framed(request, page)


def _framed(request: HttpRequest, page: Callable[[], HttpResponse]) -> HttpResponse:
    """Refusals too are read inside of the platform's page; who opened it is told to close it."""
    try:
        response = page()
    except Refused as refusal:
        context = {"refusal": refusal}
        response = render(request, "lti/register.html", context, status=refusal.status)
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response["Referrer-Policy"] = "no-referrer"  # the address is a permission
    return with_policy(request, response, {"frame-ancestors": ANYWHERE}, framed=True)


def _tool(request: HttpRequest) -> Tool:
    campus = request_campus(request)
    launch = campus_url(reverse("lti_launch"))
    with override(spoken(campus.language)):
        return Tool(
            name=campus.name,
            description=_("Check-in, attendance, and attendance as a grade."),
            host=campus_host(),
            login_url=campus_url(reverse("lti_login")),
            launch_url=launch,
            choice_url=f"{launch}?{CHOICE}=1",
            jwks_url=campus_url(reverse("lti_jwks")),
            labels=(campus.name, _("Choose a link to check-in or attendance")),
        )
