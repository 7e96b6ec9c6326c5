"""A student's attendance: today, every course, every mark with its explanation."""

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.accounts.requests import request_student
from apps.checkin.selectors.waiting import waiting_of_student
from apps.portal.shared.pages import portal_page
from apps.portal.student.selectors.courses import (
    student_courses,
    student_history,
    student_sessions_today,
)
from apps.portal.student.selectors.marks import marks_of

HISTORY_PAGE: Final = 20


@require_GET
@portal_page
def my_attendance(request: HttpRequest) -> HttpResponse:
    """The student's classes of today, courses and marks."""
    student = request_student(request)
    now = timezone.now()
    waiting = waiting_of_student(student=student)
    page = Paginator(student_history(student=student), HISTORY_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "now": timezone.localtime(now),
        "sessions": student_sessions_today(student=student, now=now, waiting=waiting),
        "waiting": waiting,
        "courses": student_courses(student=student, now=now),
        "marks": marks_of(student=student, records=page.object_list, now=now),
        "page_obj": page,
    }
    return render(request, "portal/student/attendance.html", context)
