"""A student's attendance: every course, every mark with its explanation."""

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.accounts.requests import request_student
from apps.checkin.selectors.waiting import waiting_of_student
from apps.portal.shared.pages import portal_page
from apps.reports.selectors.own_courses import student_courses, student_history
from apps.reports.selectors.own_marks import marks_of

HISTORY_PAGE: Final = 20


@require_GET
@portal_page
def my_attendance(request: HttpRequest) -> HttpResponse:
    """The student's courses and marks; of one course where it is asked for."""
    student = request_student(request)
    now = timezone.now()
    courses = student_courses(student=student, now=now)
    asked = request.GET.get("course", "")
    chosen = next((row["course"] for row in courses if str(row["course"].pk) == asked), None)
    history = student_history(student=student, course=chosen)
    page = Paginator(history, HISTORY_PAGE).get_page(request.GET.get("page"))
    context = {
        "waiting": waiting_of_student(student=student),
        "courses": courses,
        "chosen": chosen,
        "marks": marks_of(student=student, records=page.object_list, now=now),
        "page_obj": page,
    }
    return render(request, "portal/student/attendance.html", context)
