"""What a student asks for: leave from classes, and another mark in the register."""

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.requests import request_student
from apps.attendance.models import AttendanceRecord
from apps.audit.actors import request_actor
from apps.common.errors import Refused
from apps.leave.selectors import leaves_of, own_appeal, own_leave, own_record
from apps.leave.services import appeals as appeal_services
from apps.leave.services import leave as leave_services
from apps.portal.shared.pages import check_limit, portal_page, refusals_told
from apps.portal.student.forms import AppealForm, LeaveForm, RequestForm

LEAVE_PAGE: Final = 20


def _show(request: HttpRequest, form: RequestForm, **context: Any) -> HttpResponse:
    """The form: as a page, or as the content of a dialog; 422 where it has errors."""
    name = "_request_form" if request.htmx else "request_form"  # type: ignore[attr-defined]
    status = 422 if form.errors else 200
    return render(request, f"portal/student/{name}.html", {"form": form, **context}, status=status)


def _redirect(request: HttpRequest, to: str) -> HttpResponse:
    answer = redirect(to)
    return HttpResponseClientRedirect(answer.url) if request.htmx else answer  # type: ignore[attr-defined]


def _confirm(request: HttpRequest, *, made: bool) -> None:
    if made:
        messages.success(request, _("Sent. You will be notified when it is decided."))
    else:
        messages.info(request, _("This request was sent already."))


# --- Leave -----------------------------------------------------------------------------------


@require_GET
@portal_page
def my_leave(request: HttpRequest) -> HttpResponse:
    """The student's own requests, newest first."""
    rows = leaves_of(student=request_student(request))
    page = Paginator(rows, LEAVE_PAGE).get_page(request.GET.get("page"))
    return render(request, "portal/student/leave.html", {"page_obj": page})


@require_http_methods(["GET", "POST"])
@portal_page
def leave_create(request: HttpRequest) -> HttpResponse:
    """Ask for leave, before or after it."""
    student, now = request_student(request), timezone.now()
    context = {"heading": _("Ask for leave"), "submit": _("Send the request")}
    if request.method == "GET":
        return _show(request, LeaveForm(student=student, now=now), **context)
    form = LeaveForm(request.POST, request.FILES, student=student, now=now)
    if not form.is_valid():
        return _show(request, form, **context)
    try:
        check_limit(request, "leave")
        _leave, made = leave_services.leave_request(
            student=student,
            absence=form.absence(),
            nonce=form.cleaned_data["nonce"],
            file=form.document(),
            now=now,
            actor=request_actor(request),
        )
    except Refused as refusal:
        form.refuse(refusal)
        return _show(request, form, **context)
    _confirm(request, made=made)
    return _redirect(request, "portal:my_leave")


@require_POST
@portal_page
def leave_withdraw(request: HttpRequest, leave_id: int) -> HttpResponse:
    """Withdraw a request; the marks that its approval changed are restored."""
    leave = own_leave(student=request_student(request), leave_id=leave_id)
    with refusals_told(request):
        leave_services.leave_withdraw(leave=leave, now=timezone.now(), actor=request_actor(request))
        messages.success(request, _("The request is withdrawn."))
    return redirect("portal:my_leave")


# --- Appeals ---------------------------------------------------------------------------------


def _about(mark: AttendanceRecord) -> dict[str, Any]:
    """What the form of an appeal says about the mark."""
    return {
        "heading": _("This mark is wrong"),
        "submit": _("Send the appeal"),
        "mark": mark,
        "deadline": appeal_services.appeal_deadline(mark=mark),
    }


@require_http_methods(["GET", "POST"])
@portal_page
def appeal_create(request: HttpRequest, record_id: int) -> HttpResponse:
    """Appeal against an own mark."""
    student = request_student(request)
    mark = own_record(student=student, record_id=record_id)
    if request.method == "GET":
        return _show(request, AppealForm(against=mark.status), **_about(mark))
    form = AppealForm(request.POST, request.FILES, against=mark.status)
    if not form.is_valid():
        return _show(request, form, **_about(mark))
    try:
        check_limit(request, "leave")
        _appeal, made = appeal_services.appeal_create(
            student=student,
            mark=mark,
            wanted=form.cleaned_data["wanted"],
            text=form.cleaned_data["text"],
            nonce=form.cleaned_data["nonce"],
            file=form.document(),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        form.refuse(refusal)
        return _show(request, form, **_about(mark))
    _confirm(request, made=made)
    return _redirect(request, "portal:my_attendance")


@require_POST
@portal_page
def appeal_withdraw(request: HttpRequest, appeal_id: int) -> HttpResponse:
    """Withdraw an appeal that is not decided yet."""
    appeal = own_appeal(student=request_student(request), appeal_id=appeal_id)
    with refusals_told(request):
        appeal_services.appeal_withdraw(
            appeal=appeal, now=timezone.now(), actor=request_actor(request)
        )
        messages.success(request, _("The appeal is withdrawn."))
    return redirect("portal:my_attendance")
