"""A lecturer's courses, each with all of its sessions: registers are found again here."""

from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.accounts.requests import request_faculty
from apps.attendance.selectors.policies import Editor, policy_for, time_refusal
from apps.portal.faculty.selectors import course_days, course_seen, courses_seen
from apps.portal.shared.pages import portal_page
from apps.sessions.models import ClassSession
from apps.tenants.middleware import request_campus
from apps.timetable.selectors.schedule import assignments_of

PAST_PAGE: Final = 50
COMING: Final = 100


@require_GET
@portal_page
def courses(request: HttpRequest) -> HttpResponse:
    """The active courses in figures, then those of earlier terms and of substitutes."""
    faculty = request_faculty(request)
    assignments = assignments_of(faculty=faculty, now=timezone.now())
    others = (
        courses_seen(faculty=faculty)
        .exclude(pk__in=[assignment.course.pk for assignment in assignments])
        .order_by("-term__starts_on", "code")
    )
    context = {"assignments": assignments, "others": others}
    return render(request, "portal/faculty/courses.html", context)


@require_GET
@portal_page
def course_page(request: HttpRequest, course_id: int) -> HttpResponse:
    """One course: today, coming, and past sessions with their figures."""
    faculty = request_faculty(request)
    course = course_seen(faculty=faculty, course_id=course_id)
    now = timezone.now()
    days = course_days(course=course, faculty=faculty, now=now)
    page = Paginator(days["past"], PAST_PAGE).get_page(request.GET.get("page"))
    policy, zone = policy_for(course=course), request_campus(request).zone
    past = list(page.object_list)
    for session in past:
        facts: dict[str, Any] = {"role": Editor.LECTURER, "policy": policy, "now": now}
        off = session.status == ClassSession.Status.CANCELLED
        refusal = time_refusal(session=session, zone=zone, **facts)
        session.editable = not off and not refusal  # type: ignore[attr-defined]
    context = {
        "course": course,
        "faculty": faculty,
        "may_plan": course.is_active and course.faculty_id == faculty.pk,
        "today_sessions": days["today"],
        "coming": days["coming"][:COMING],
        "past": past,
        "page_obj": page,
    }
    return render(request, "portal/faculty/course.html", context)
