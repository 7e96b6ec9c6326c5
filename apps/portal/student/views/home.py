"""The student's start page and the page of everything else."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.accounts.requests import request_student, request_user
from apps.accounts.selectors import device_of
from apps.accounts.services.devices import rebind_at
from apps.checkin.selectors.waiting import waiting_of_student
from apps.portal.shared.pages import portal_page
from apps.portal.shared.views.messages import shown_message
from apps.portal.student.selectors.home import courses_at_risk, day_of, unread_of
from apps.tenants.middleware import request_campus


@require_GET
@portal_page
def home(request: HttpRequest) -> HttpResponse:
    """What is on now and next, what is unread, and what needs an eye."""
    student, now = request_student(request), timezone.now()
    waiting = waiting_of_student(student=student)
    device = device_of(student=student)
    context = {
        "now": timezone.localtime(now),
        "student": student,
        "day": day_of(student=student, now=now, waiting=waiting),
        "waiting": waiting,
        "unread": [shown_message(row) for row in unread_of(user=request_user(request))],
        "at_risk": courses_at_risk(student=student, now=now),
        "rebind_at": rebind_at(device) if device else None,
    }
    return render(request, "portal/student/home.html", context)


@require_GET
@portal_page
def more(request: HttpRequest) -> HttpResponse:
    """Everything that has no tab of its own."""
    context = {
        "student": request_student(request),
        "face_enabled": request_campus(request).face_enabled,
    }
    return render(request, "portal/student/more.html", context)
