"""What platforms and their people ask for: login, launch, our keys, and the pages behind them.

A launch signs nobody in (decision 74): it says who somebody is there and leads on.
"""

from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.requests import request_student, request_user, request_viewer
from apps.accounts.selectors import student_of
from apps.audit.actors import request_actor
from apps.common.errors import NotFound
from apps.enrollments.models import Course
from apps.lti.forms import CourseForm, ScoresForm
from apps.lti.models import LtiKey, LtiLink, LtiPlatform
from apps.lti.problems import LaunchProblem
from apps.lti.selectors import (
    course_named,
    is_enrolled,
    link_by_id,
    link_of,
    link_state,
    person_on,
)
from apps.lti.services.claims import Launch
from apps.lti.services.launches import (
    LAUNCH_SECONDS,
    launch_of,
    launch_take,
    login_begin,
    login_platform,
    new_browser,
)
from apps.lti.services.linking import ATTENDANCE, CHECK_IN, is_choice, relay_open
from apps.lti.services.links import link_make, link_scores_set, person_connect
from apps.lti.services.rosters import members_read, people_connect, roster_compare
from apps.lti.views.shared import (
    browser_of,
    manages,
    origins_of,
    platform_of,
    refusing,
    signed_in,
    with_policy,
)
from apps.sessions.selectors import open_sessions_of
from apps.tenants.addresses import asked_host, campus_url

FRAMES: Final = frozenset({"iframe", "frame", "embed", "object"})


# --- Of the platform ---------------------------------------------------------------------------


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
@refusing
def login(request: HttpRequest) -> HttpResponse:
    """A platform begins a launch: to its own sign-in, with a state that is bound to this browser.

    Our pages and cookies do not work inside of others' pages: there a link opens a window.
    """
    asked = (request.POST if request.method == "POST" else request.GET).dict()
    platform = login_platform(asked)
    if request.headers.get("Sec-Fetch-Dest") in FRAMES:
        return _framed(request, platform, asked)
    browser = request.COOKIES.get(settings.LTI_COOKIE_NAME) or new_browser()
    there = login_begin(
        platform=platform,
        asked=asked,
        launch_url=campus_url(reverse("lti_launch"), host=asked_host(request)),
        browser=browser,
    )
    response = HttpResponse(status=302, headers={"Location": there})
    # The platform's page posts the launch: a cookie of another SameSite would not come with it.
    response.set_cookie(
        settings.LTI_COOKIE_NAME,
        browser,
        max_age=LAUNCH_SECONDS * 2,
        secure=True,
        httponly=True,
        samesite="None",
    )
    return response


def _framed(request: HttpRequest, platform: LtiPlatform, asked: dict[str, str]) -> HttpResponse:
    """May be framed, by the platform's own pages alone: leads to a window, in which people can
    sign in. Where a link is to be chosen, the page waits for the window's choice."""
    names = ("iss", "login_hint", "target_link_uri", "lti_message_hint", "client_id")
    again = {name: asked[name] for name in (*names, "lti_deployment_id") if asked.get(name)}
    if is_choice(asked.get("target_link_uri", "")):
        again["relay"] = relay_open(platform=platform)
    page = {"there": f"{reverse('lti_login')}?{urlencode(again)}", "relay": again.get("relay")}
    response = render(request, "lti/framed.html", page)
    return with_policy(request, response, {"frame-ancestors": origins_of(platform)}, framed=True)


@csrf_exempt
@never_cache
@require_POST
@refusing
def launch(request: HttpRequest) -> HttpResponse:
    """The signed launch, brought by the browser; then on by a GET, which our session comes with."""
    name = launch_take(posted=request.POST.dict(), browser=browser_of(request), now=timezone.now())
    response = redirect("lti_go", name=name)
    response.status_code = 303
    return response


@require_GET
def jwks(request: HttpRequest) -> HttpResponse:
    """The public halves of the campus's keys."""
    keys = [key.public_jwk for key in LtiKey.shown(now=timezone.now())]
    return JsonResponse({"keys": keys}, headers={"Cache-Control": "public, max-age=300"})


# --- Of its people -----------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def go(request: HttpRequest, name: str) -> HttpResponse:
    """Where a launch leads, once its person is signed in here."""
    taken = launch_of(name=name, browser=browser_of(request))
    platform = platform_of(taken)  # it may be gone since
    link = link_of(platform_id=taken.platform_id, context_id=taken.context_id)
    if taken.linking is not None:
        return _go_choice(request, name, taken, link)
    student = student_of(user=request_user(request))
    if not request_viewer(request).teaches:
        return _go_student(request, taken, platform, link)
    if link and student and is_enrolled(student=student, course_id=link.course_id):
        return _go_student(request, taken, platform, link)
    return _go_staff(request, taken, platform, link)


def _go_student(
    request: HttpRequest, taken: Launch, platform: LtiPlatform, link: LtiLink | None
) -> HttpResponse:
    """First to connecting, which the person confirms; then to the open session or their marks."""
    student = request_student(request)
    known = person_on(platform_id=taken.platform_id, subject=taken.subject)
    if known is not None and known.student_id != student.pk:
        raise LaunchProblem.OTHER_PERSON.error()
    if known is None and request.method == "POST":
        known = person_connect(
            platform_id=taken.platform_id,
            subject=taken.subject,
            student=student,
            now=timezone.now(),
            actor=request_actor(request),
        )
    if known is None:
        context = {"launch": taken, "student": student, "platform": platform}
        return render(request, "lti/connect.html", context)
    if link is None:
        raise LaunchProblem.NOT_LINKED.error()
    if not is_enrolled(student=student, course_id=link.course_id):
        raise LaunchProblem.NOT_ENROLLED.error()
    is_open = taken.page != ATTENDANCE and open_sessions_of(course_ids=[link.course_id])
    if is_open or taken.page == CHECK_IN:
        return redirect("portal:check_in")
    return redirect(f"{reverse('portal:my_attendance')}?course={link.course_id}")


def _go_staff(
    request: HttpRequest, taken: Launch, platform: LtiPlatform, link: LtiLink | None
) -> HttpResponse:
    """To the lecturer's session of now, or the page of the connection, which is made once."""
    if not taken.context_id:
        return redirect("portal:home")
    if link is None:
        return _choose_course(request, taken, platform)
    faculty = request_viewer(request).faculty
    if taken.page != ATTENDANCE:
        for session in open_sessions_of(course_ids=[link.course_id]):
            if faculty is not None and session.faculty_id == faculty.pk:
                return redirect("portal:session", session_id=session.pk)
    if taken.page == CHECK_IN and faculty is not None and link.course.faculty_id == faculty.pk:
        return redirect("portal:course", course_id=link.course_id)
    return redirect("lti_link", link_id=link.pk)


def _go_choice(
    request: HttpRequest, name: str, taken: Launch, link: LtiLink | None
) -> HttpResponse:
    """To the choice of a link, after the course was connected."""
    if not request_viewer(request).teaches:
        raise LaunchProblem.LINKING_STAFF.error()
    if link is None and taken.context_id:
        platform = platform_of(taken)
        return _choose_course(request, taken, platform, then=reverse("lti_choice", args=[name]))
    return redirect("lti_choice", name=name)


def _choose_course(
    request: HttpRequest, taken: Launch, platform: LtiPlatform, *, then: str = ""
) -> HttpResponse:
    form = CourseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        course = course_named(form.cleaned_data["code"])
        if course is None or not manages(request, course):
            form.add_error("code", _("There is no active course of yours with this code."))
        else:
            link = link_make(
                platform_id=taken.platform_id,
                context_id=taken.context_id,
                context_title=taken.context_title,
                addresses={
                    "line_items_url": taken.line_items_url,
                    "memberships_url": taken.memberships_url,
                },
                course=course,
                now=timezone.now(),
                actor=request_actor(request),
            )
            return redirect(then) if then else redirect("lti_link", link_id=link.pk)
    faculty = request_viewer(request).faculty
    mine = Course.objects.filter(faculty=faculty, is_active=True) if faculty else ()
    context = {"launch": taken, "form": form, "mine": mine, "platform": platform}
    return render(request, "lti/choose.html", context, status=400 if form.errors else 200)


def _managed_link(request: HttpRequest, link_id: UUID) -> LtiLink:
    """For the lecturer of its course and administrators; raises `NotFound` for everybody else."""
    link = link_by_id(link_id=link_id)
    if link is None or not manages(request, link.course):
        raise NotFound("lti_link_not_found", _("There is no such connection of yours."))
    return link


@require_http_methods(["GET", "POST"])
@signed_in
def link_page(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """A course on a platform: what is sent, and whether it arrives."""
    link = _managed_link(request, link_id)
    form = ScoresForm(request.POST or None, instance=link)
    if request.method == "POST" and form.is_valid():
        link_scores_set(
            link=link, now=timezone.now(), actor=request_actor(request), **form.cleaned_data
        )
        messages.success(request, _("Saved. Scores are sent within a few minutes."))
        return redirect("lti_link", link_id=link.pk)
    faculty = request_viewer(request).faculty
    context = {
        "link": link,
        "form": form,
        "state": link_state(link),
        "teaches": faculty is not None and link.course.faculty_id == faculty.pk,
    }
    return render(request, "lti/link.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def link_roster(request: HttpRequest, link_id: UUID) -> HttpResponse:
    """The platform's members beside our roster; who matches is connected where it is confirmed."""
    link = _managed_link(request, link_id)
    members = members_read(link=link, now=timezone.now())
    if request.method == "POST":
        number = people_connect(
            link=link,
            subjects=request.POST.getlist("subject"),
            members=members,
            now=timezone.now(),
            actor=request_actor(request),
        )
        messages.success(request, _("Connected: %(number)d.") % {"number": number})
        return redirect("lti_roster", link_id=link.pk)
    comparison = roster_compare(link=link, members=members)
    return render(request, "lti/roster.html", {"link": link, "comparison": comparison})
