"""Choosing what a link of a platform leads to, and handing the choice over to the platform."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.requests import request_viewer
from apps.audit.actors import request_actor
from apps.lti.forms import ChoiceForm
from apps.lti.models import LtiPlatform
from apps.lti.problems import LaunchProblem
from apps.lti.selectors import link_of
from apps.lti.services.launches import launch_of
from apps.lti.services.linking import linking_answer, may_grade, relay_fill, relay_take
from apps.lti.views.shared import (
    browser_of,
    manages,
    origin_of,
    origins_of,
    platform_of,
    refusing,
    signed_in,
    with_policy,
)
from apps.tenants.addresses import asked_host, campus_url
from apps.tenants.middleware import request_campus

SELF: Final = "'self'"


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def choice(request: HttpRequest, name: str) -> HttpResponse:
    """What the new link of the platform leads to: chosen by who may change the connection."""
    taken = launch_of(name=name, browser=browser_of(request))
    platform = platform_of(taken)
    if taken.linking is None:
        raise LaunchProblem.OVER.error()
    if not request_viewer(request).teaches:
        raise LaunchProblem.LINKING_STAFF.error()
    link = link_of(platform_id=taken.platform_id, context_id=taken.context_id)
    if link is None and taken.context_id:
        return redirect("lti_go", name=name)
    if link is not None and not manages(request, link.course):
        raise LaunchProblem.LINKING_OTHERS.error()
    form = ChoiceForm(
        request.POST if request.method == "POST" else None,
        several=taken.linking.multiple,
        graded=may_grade(taken, link),
    )
    if request.method == "GET" or not form.is_valid():
        context = {"launch": taken, "platform": platform, "link": link, "form": form}
        return render(request, "lti/choice.html", context, status=400 if form.errors else 200)
    token = linking_answer(
        name=name,
        launch=taken,
        platform=platform,
        link=link,
        pages=form.chosen,
        graded=form.cleaned_data.get("graded", False),
        launch_url=campus_url(reverse("lti_launch"), host=asked_host(request)),
        language=request_campus(request).language,
        now=timezone.now(),
        actor=request_actor(request),
    )
    if relay_fill(launch=taken, token=token):
        return render(request, "lti/chosen.html", {"platform": platform})
    return _handed_over(request, platform, taken.linking.return_url, token, framed=False)


@csrf_exempt
@never_cache
@require_POST
@refusing
def relay(request: HttpRequest) -> HttpResponse:
    """In the platform's frame: takes over what was chosen in the window. No session is read."""
    name = request.POST.get("relay", "")
    platform, return_url, token = relay_take(relay=name)
    if token:
        return _handed_over(request, platform, return_url, token, framed=True)
    response = render(request, "lti/framed.html", {"relay": name, "waits": True})
    return with_policy(request, response, {"frame-ancestors": origins_of(platform)}, framed=True)


def _handed_over(
    request: HttpRequest, platform: LtiPlatform, return_url: str, token: str, *, framed: bool
) -> HttpResponse:
    """A form that posts itself to the platform; with a button, where scripts are off."""
    response = render(request, "lti/handed_over.html", {"there": return_url, "token": token})
    policy = {"form-action": [SELF, *origins_of(platform, return_url)]}
    if framed:
        policy["frame-ancestors"] = sorted({*origins_of(platform), origin_of(return_url)} - {""})
    return with_policy(request, response, policy, framed=framed)
