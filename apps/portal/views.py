"""The faculty portal and the student's page. Views parse, call one service, and render."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.api.permissions import request_faculty, request_student
from apps.accounts.models import Faculty, Role
from apps.accounts.permissions import ADMIN_ROLES, roles_of
from apps.attendance.board import board_answer, board_document
from apps.attendance.models import Status
from apps.attendance.services.register import (
    record_mark,
    register_close,
    register_open,
    register_open_now,
)
from apps.audit.actors import request_actor
from apps.common.errors import Refused
from apps.portal.forms import MarkForm, UnscheduledForm
from apps.portal.pages import portal_page
from apps.portal.selectors import (
    sessions_today,
    sessions_upcoming,
    student_courses,
    student_history,
    student_sessions_today,
)
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_of
from apps.sessions.services import check_in_code_issue

HISTORY_PAGE: Final = 20
WATCHING_SECONDS: Final = 30  # how long a checked right to watch a board is believed


@require_GET
@portal_page
def home(request: HttpRequest) -> HttpResponse:
    """Everybody's start page: where the own work is."""
    roles = roles_of(request.user)
    if Role.FACULTY in roles:
        return redirect("portal:today")
    if Role.STUDENT in roles:
        return redirect("portal:my_attendance")
    if request.user.is_superuser or ADMIN_ROLES & roles:
        return redirect("admin:index")
    return render(request, "portal/not_faculty.html", status=403)


# --- Faculty ---------------------------------------------------------------------------------


def _today(
    request: HttpRequest, faculty: Faculty, form: UnscheduledForm | None = None, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    form = form or UnscheduledForm(faculty=faculty)
    context = {
        "now": timezone.localtime(now),
        "sessions": sessions_today(faculty=faculty, now=now),
        "upcoming": sessions_upcoming(faculty=faculty, now=now),
        "unscheduled_form": form if list(form.fields["course"].queryset[:1]) else None,  # type: ignore[attr-defined]
    }
    return render(request, "portal/today.html", context, status=status)


@require_GET
@portal_page
def today(request: HttpRequest) -> HttpResponse:
    """Today's sessions, each with its next step."""
    return _today(request, request_faculty(request))


@require_POST
@portal_page
def session_start(request: HttpRequest, session_id: int) -> HttpResponse:
    """Open a scheduled session and put its code on the projector."""
    faculty = request_faculty(request)
    session = session_of(faculty=faculty, session_id=session_id)
    try:
        register_open(
            session=session,
            topic=request.POST.get("topic", ""),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return _today(request, faculty, status=refusal.status)
    return redirect("portal:projector", session_id)


@require_POST
@portal_page
def session_start_unscheduled(request: HttpRequest) -> HttpResponse:
    """Open the course's session that is due, else one that was on no timetable."""
    faculty = request_faculty(request)
    form = UnscheduledForm(request.POST, faculty=faculty)
    if not form.is_valid():
        return _today(request, faculty, form, status=400)
    try:
        session = register_open_now(
            course=form.cleaned_data["course"],
            topic=form.cleaned_data["topic"],
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return _today(request, faculty, form, status=refusal.status)
    return redirect("portal:projector", session.pk)


def _own(request: HttpRequest, session_id: int) -> ClassSession:
    return session_of(faculty=request_faculty(request), session_id=session_id)


@require_GET
@portal_page
def session_page(request: HttpRequest, session_id: int) -> HttpResponse:
    """The register of one session: live board, marks by hand, completion."""
    session = _own(request, session_id)
    context = {"session": session, "board": board_document(session=session, now=timezone.now())}
    return render(request, "portal/session.html", context)


@require_GET
@portal_page
def projector(request: HttpRequest, session_id: int) -> HttpResponse:
    """The page on the wall."""
    session = _own(request, session_id)
    context = {"session": session, "board": board_document(session=session, now=timezone.now())}
    return render(request, "portal/projector.html", context)


@require_GET
@never_cache
@portal_page
def board(request: HttpRequest, session_id: int) -> HttpResponse:
    """The board's document, polled every second: 304 without touching a table of the register."""
    watching = f"watching:{request.campus_id}:{request.user.pk}:{session_id}"  # type: ignore[attr-defined]
    session = None
    if not cache.get(watching):
        session = _own(request, session_id)
        cache.set(watching, 1, WATCHING_SECONDS)
    return board_answer(
        request,
        session_id=session_id,
        load=lambda: session or _own(request, session_id),
        now=timezone.now(),
    )


@require_POST
@portal_page
def session_mark(request: HttpRequest, session_id: int) -> HttpResponse:
    """Mark one student: 204, or 422 with the reasons as a partial for the dialog."""
    session = _own(request, session_id)
    form = MarkForm(request.POST)
    if not form.is_valid():
        errors = [error for field in form.errors.values() for error in field]
        return _form_errors(request, errors)
    try:
        record_mark(
            session=session,
            student_id=form.cleaned_data["student"],
            status=Status(form.cleaned_data["status"]),
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        return _form_errors(request, [refusal.message])
    return HttpResponse(status=204)


def _form_errors(request: HttpRequest, errors: Sequence[Any]) -> HttpResponse:
    return render(request, "components/_form_errors.html", {"errors": errors}, status=422)


@require_POST
@portal_page
def session_code(request: HttpRequest, session_id: int) -> HttpResponse:
    """A one-time code for students without a camera: shown once, a new one replaces it."""
    code, expires_at = check_in_code_issue(
        session=_own(request, session_id), now=timezone.now(), actor=request_actor(request)
    )
    context = {"code": code, "expires_at": timezone.localtime(expires_at)}
    return render(request, "portal/_one_time_code.html", context)


@require_POST
@portal_page
def session_complete(request: HttpRequest, session_id: int) -> HttpResponse:
    """Complete the session; the register stays on the screen."""
    session = _own(request, session_id)
    try:
        register_close(session=session, now=timezone.now(), actor=request_actor(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The session is completed."))
    return redirect("portal:session", session_id)


# --- Students --------------------------------------------------------------------------------


@require_GET
@portal_page
def my_attendance(request: HttpRequest) -> HttpResponse:
    """A student's own classes of today, courses and history."""
    student = request_student(request)
    now = timezone.now()
    page = Paginator(student_history(student=student), HISTORY_PAGE).get_page(
        request.GET.get("page")
    )
    for record in page:
        factors = record.attempt.factors if record.attempt else {}
        record.factors = {  # type: ignore[attr-defined]
            name: factor["passed"] for name, factor in factors.items()
        }
    context = {
        "now": timezone.localtime(now),
        "sessions": student_sessions_today(student=student, now=now),
        "courses": student_courses(student=student),
        "page_obj": page,
    }
    return render(request, "portal/home_student.html", context)
